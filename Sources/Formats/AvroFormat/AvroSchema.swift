/// A type of Avro 1.11, with the properties that Iceberg adds: `field-id`, `element-id`, `key-id`, `value-id`,
/// `logicalType`, `adjust-to-utc`.
///
/// Uses of a named type are resolved to its definition when a schema is parsed; recursive types are refused.
public indirect enum AvroSchema: Hashable, Sendable {
    case null
    case boolean
    case int(AvroLogicalType?)
    case long(AvroLogicalType?)
    case float
    case double
    case bytes(AvroLogicalType?)
    case string(AvroLogicalType?)
    case fixed(name: String, size: Int, AvroLogicalType?)
    case enumeration(name: String, symbols: [String])
    case array(AvroArraySchema)
    case map(values: AvroSchema, keyID: Int32?, valueID: Int32?)
    case record(AvroRecordSchema)
    case union([AvroSchema])

    /// `union {null, type}`, as Iceberg writes every optional field.
    public static func optional(_ type: AvroSchema) -> AvroSchema { .union([.null, type]) }

    /// The branch that is not null of an optional type, or the type itself.
    public var nonNull: AvroSchema {
        if case .union(let branches) = self, let branch = branches.first(where: { $0 != .null }) {
            branch
        } else {
            self
        }
    }

    /// Whether a value takes no bytes at all.
    public var isZeroSize: Bool {
        switch self {
        case .null: true
        case .fixed(_, let size, _): size == 0
        case .record(let record): record.fields.allSatisfy(\.type.isZeroSize)
        default: false
        }
    }
}

public struct AvroRecordSchema: Hashable, Sendable {
    public var name: String
    public var fields: [AvroField]

    public init(name: String, fields: [AvroField]) {
        self.name = name
        self.fields = fields
    }
}

public struct AvroField: Hashable, Sendable {
    public var name: String
    public var type: AvroSchema
    /// Iceberg's `field-id`; nil where the writer put none.
    public var fieldID: Int32?
    public var doc: String?

    public init(_ name: String, _ type: AvroSchema, id fieldID: Int32?, doc: String? = nil) {
        self.name = name
        self.type = type
        self.fieldID = fieldID
        self.doc = doc
    }
}

public struct AvroArraySchema: Hashable, Sendable {
    public var element: AvroSchema
    public var elementID: Int32?
    /// `logicalType: map`: the elements are records of a key and a value.
    public var isMap: Bool

    public init(_ element: AvroSchema, elementID: Int32? = nil, isMap: Bool = false) {
        self.element = element
        self.elementID = elementID
        self.isMap = isMap
    }
}

/// The logical types that Iceberg's own files use. Others are read as their plain type.
public enum AvroLogicalType: Hashable, Sendable {
    case date
    case timeMicros
    case timestampMicros(adjustToUTC: Bool)
    case timestampNanos(adjustToUTC: Bool)
    case timestampMillis
    case decimal(precision: Int, scale: Int)
    case uuid

    /// As `logicalType` spells it.
    public var name: String {
        switch self {
        case .date: "date"
        case .timeMicros: "time-micros"
        case .timestampMicros: "timestamp-micros"
        case .timestampNanos: "timestamp-nanos"
        case .timestampMillis: "timestamp-millis"
        case .decimal: "decimal"
        case .uuid: "uuid"
        }
    }
}
