/// A data type (specification: "Schemas and Data Types").
public indirect enum IcebergType: Hashable, Sendable {
    case boolean
    case int
    case long
    case float
    case double
    case decimal(precision: Int, scale: Int)
    case date
    case time
    /// Microseconds, no time zone.
    case timestamp
    /// Microseconds, UTC.
    case timestamptz
    /// Nanoseconds, no time zone (version 3).
    case timestampNanos
    /// Nanoseconds, UTC (version 3).
    case timestamptzNanos
    case string
    case uuid
    case fixed(Int)
    case binary
    /// Always null (version 3).
    case unknown
    /// Semi-structured (version 3).
    case variant
    /// Version 3. A nil CRS stands for `OGC:CRS84`.
    case geometry(crs: String?)
    /// Version 3. A nil CRS stands for `OGC:CRS84`, a nil algorithm for `spherical`.
    case geography(crs: String?, algorithm: String?)
    case structure([NestedField])
    case list(ListType)
    case map(MapType)

    public static func list(elementID: Int, _ element: IcebergType, elementRequired: Bool = false) -> IcebergType {
        .list(ListType(elementID: elementID, element: element, elementRequired: elementRequired))
    }

    public static func map(
        keyID: Int, _ key: IcebergType, valueID: Int, _ value: IcebergType, valueRequired: Bool = false
    ) -> IcebergType {
        .map(MapType(keyID: keyID, key: key, valueID: valueID, value: value, valueRequired: valueRequired))
    }

    /// Whether a value is one scalar: neither struct, list, map nor variant.
    public var isPrimitive: Bool {
        switch self {
        case .structure, .list, .map, .variant: false
        default: true
        }
    }

    /// The fields directly within: of a struct, the element of a list, key and value of a map.
    public var children: [NestedField] {
        switch self {
        case .structure(let fields): fields
        case .list(let list): [list.elementField]
        case .map(let map): [map.keyField, map.valueField]
        default: []
        }
    }

    /// The first format version that has this type itself (not those within it).
    public var minimumFormatVersion: Int {
        switch self {
        case .timestampNanos, .timestamptzNanos, .unknown, .variant, .geometry, .geography: 3
        default: 1
        }
    }

    /// Bytes that every decimal of this precision fits in, as two's complement.
    public static func decimalRequiredBytes(precision: Int) -> Int {
        var bytes = 1
        while bytes < 16, Self.decimalMax(precision: precision) > (Int128(1) << (bytes * 8 - 1)) - 1 { bytes += 1 }
        return bytes
    }

    /// The largest unscaled value of a decimal of `precision` digits (1…38).
    static func decimalMax(precision: Int) -> Int128 {
        (0..<min(max(precision, 0), Limits.decimalPrecisionMax)).reduce(Int128(1)) { power, _ in power * 10 } - 1
    }
}

/// What a list holds; its elements are a field of their own, with an id (specification: "Nested Types").
public struct ListType: Hashable, Sendable {
    public let elementID: Int
    public let element: IcebergType
    public let elementRequired: Bool

    public init(elementID: Int, element: IcebergType, elementRequired: Bool) {
        self.elementID = elementID
        self.element = element
        self.elementRequired = elementRequired
    }

    public var elementField: NestedField {
        NestedField(id: elementID, name: "element", required: elementRequired, type: element)
    }
}

/// What a map holds; keys, never null, and values are fields of their own, with ids (specification: "Nested Types").
public struct MapType: Hashable, Sendable {
    public let keyID: Int
    public let key: IcebergType
    public let valueID: Int
    public let value: IcebergType
    public let valueRequired: Bool

    public init(keyID: Int, key: IcebergType, valueID: Int, value: IcebergType, valueRequired: Bool) {
        self.keyID = keyID
        self.key = key
        self.valueID = valueID
        self.value = value
        self.valueRequired = valueRequired
    }

    public var keyField: NestedField { NestedField(id: keyID, name: "key", required: true, type: key) }
    public var valueField: NestedField {
        NestedField(id: valueID, name: "value", required: valueRequired, type: value)
    }
}
