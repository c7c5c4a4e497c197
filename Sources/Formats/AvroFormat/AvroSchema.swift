import JSONFormat

/// A type of Avro 1.12, with the properties that Iceberg adds: `field-id`, `element-id`, `key-id`, `value-id`,
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
    case fixed(name: AvroName, size: Int, AvroLogicalType?)
    case enumeration(AvroEnumSchema)
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

    /// Whether null is the first branch, and so the type of the default of a field.
    var isNullFirst: Bool { if case .union(let branches) = self { branches.first == .null } else { false } }

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

/// The name of a record, enum or fixed type.
public struct AvroName: Hashable, Sendable, ExpressibleByStringInterpolation {
    /// With its namespace, dots between.
    public var full: String
    /// Other full names of writers' types that are read as this one.
    public var aliases: [String]

    public init(_ full: String, aliases: [String] = []) {
        self.full = full
        self.aliases = aliases
    }

    public init(stringLiteral value: String) { self.init(value) }

    /// Without its namespace.
    public var unqualified: Substring { Self.unqualified(full) }

    /// What names without dots within the type are relative to.
    var namespace: String { full.split(separator: ".").dropLast().joined(separator: ".") }

    static func unqualified(_ name: String) -> Substring {
        name.lastIndex(of: ".").map { name[name.index(after: $0)...] } ?? name[...]
    }
}

/// An enum: a value is the number of its symbol, from 0.
public struct AvroEnumSchema: Hashable, Sendable {
    public var name: AvroName
    public var symbols: [String]
    /// What a reader takes a symbol it does not know for.
    public var defaultSymbol: String?

    public init(name: AvroName, symbols: [String], defaultSymbol: String? = nil) {
        self.name = name
        self.symbols = symbols
        self.defaultSymbol = defaultSymbol
    }
}

/// A record: the values of its fields one after the other, nothing between them.
public struct AvroRecordSchema: Hashable, Sendable {
    public var name: AvroName
    public var fields: [AvroField]

    public init(name: AvroName, fields: [AvroField]) {
        self.name = name
        self.fields = fields
    }
}

/// A field of a record.
public struct AvroField: Hashable, Sendable {
    public var name: String
    public var type: AvroSchema
    /// Iceberg's `field-id`; nil where the writer put none.
    public var fieldID: Int32?
    public var doc: String?
    /// Other names of writers' fields that are read as this one.
    public var aliases: [String]
    /// What a reader takes for the field of a writer that has none. An optional field has null unless another is given.
    public var defaultValue: JSONValue?

    public init(
        _ name: String, _ type: AvroSchema, id fieldID: Int32?, doc: String? = nil, aliases: [String] = [],
        defaultValue: JSONValue? = nil
    ) {
        self.name = name
        self.aliases = aliases
        // Spelled out, since `nil` alone would be read as the JSON value null.
        self.defaultValue = defaultValue ?? (type.isNullFirst ? JSONValue.null : JSONValue?.none)
        self.type = type
        self.fieldID = fieldID
        self.doc = doc
    }
}

/// An array; or Iceberg's form of a map whose keys are no strings.
public struct AvroArraySchema: Hashable, Sendable {
    public var element: AvroSchema
    /// Iceberg's `element-id`; nil where the writer put none, and of maps.
    public var elementID: Int32?
    /// `logicalType: map`: the elements are records of a key and a value.
    public var isMap: Bool

    public init(_ element: AvroSchema, elementID: Int32? = nil, isMap: Bool = false) {
        self.element = element
        self.elementID = elementID
        self.isMap = isMap
    }
}

/// The logical types of Avro 1.12. Others are read as their plain type.
public enum AvroLogicalType: Hashable, Sendable {
    case date
    case timeMillis
    case timeMicros
    case timestampMillis
    /// `adjust-to-utc` is Iceberg's property: false makes it what `localTimestampMicros` is elsewhere.
    case timestampMicros(adjustToUTC: Bool)
    case timestampNanos(adjustToUTC: Bool)
    case localTimestampMillis
    case localTimestampMicros
    case localTimestampNanos
    case decimal(precision: Int, scale: Int)
    case uuid
    /// Months, days and milliseconds, in a fixed of 12 bytes.
    case duration

    /// As `logicalType` spells it.
    public var name: String {
        switch self {
        case .date: "date"
        case .timeMillis: "time-millis"
        case .timeMicros: "time-micros"
        case .timestampMillis: "timestamp-millis"
        case .timestampMicros: "timestamp-micros"
        case .timestampNanos: "timestamp-nanos"
        case .localTimestampMillis: "local-timestamp-millis"
        case .localTimestampMicros: "local-timestamp-micros"
        case .localTimestampNanos: "local-timestamp-nanos"
        case .decimal: "decimal"
        case .uuid: "uuid"
        case .duration: "duration"
        }
    }

    /// Whether the specification knows the logical type on this plain type; elsewhere it is ignored.
    func annotates(_ type: AvroSchema) -> Bool {
        switch (self, type) {
        case (.date, .int), (.timeMillis, .int), (.timeMicros, .long), (.decimal, .bytes), (.uuid, .string): true
        case (.timestampMillis, .long), (.timestampMicros, .long), (.timestampNanos, .long): true
        case (.localTimestampMillis, .long), (.localTimestampMicros, .long), (.localTimestampNanos, .long): true
        case (.uuid, .fixed(_, 16, _)), (.duration, .fixed(_, 12, _)): true
        case (.decimal(let precision, _), .fixed(_, let size, _)): precision <= Self.digitsMax(bytes: size)
        default: false
        }
    }

    /// The decimal digits that always fit two's complement of so many bytes.
    private static func digitsMax(bytes: Int) -> Int {
        bytes > 1000 ? .max : Int(Double(max(bytes * 8 - 1, 0)) * 0.301_029_995_663_981_2)
    }
}
