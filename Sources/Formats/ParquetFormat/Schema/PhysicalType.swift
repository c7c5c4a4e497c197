/// How values are stored: `Type` of parquet.thrift.
public enum PhysicalType: Hashable, Sendable {
    case boolean
    case int32
    case int64
    /// Deprecated timestamps of Impala and old Spark: read and written, never with statistics.
    case int96
    case float
    case double
    case byteArray
    case fixedLengthByteArray(width: Int)

    /// Bytes of one value in PLAIN encoding; nil for byte arrays (a length each) and booleans (one bit each).
    public var plainWidth: Int? {
        switch self {
        case .boolean, .byteArray: nil
        case .int32, .float: 4
        case .int64, .double: 8
        case .int96: 12
        case .fixedLengthByteArray(let width): width
        }
    }
}

/// How often a field occurs in its parent: `FieldRepetitionType` of parquet.thrift.
public enum Repetition: Int32, Hashable, Sendable {
    case required = 0
    case optional = 1
    case repeated = 2
}
