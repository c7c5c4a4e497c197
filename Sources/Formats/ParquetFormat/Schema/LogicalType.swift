/// What values mean (LogicalTypes.md). Read from `LogicalType`, or from `ConvertedType` in older files; both are written.
public enum LogicalType: Hashable, Sendable {
    public enum TimeUnit: Hashable, Sendable {
        case milliseconds
        case microseconds
        case nanoseconds
    }

    /// `EdgeInterpolationAlgorithm` of parquet.thrift: what lies between two points. Where none is stated: spherical.
    public enum EdgeAlgorithm: Int32, Hashable, Sendable, CaseIterable {
        case spherical = 0
        case vincenty = 1
        case thomas = 2
        case andoyer = 3
        case karney = 4
    }

    case string
    case enumeration
    case json
    case bson
    /// On `fixedLengthByteArray(width: 16)`, big-endian.
    case uuid
    /// Days since 1970-01-01 on int32.
    case date
    /// Since midnight: milliseconds on int32, else on int64.
    case time(unit: TimeUnit, isAdjustedToUTC: Bool)
    /// Since 1970-01-01T00:00:00 on int64.
    case timestamp(unit: TimeUnit, isAdjustedToUTC: Bool)
    /// Unscaled: int32 (precision to 9), int64 (to 18), or big-endian two's complement in (fixed) byte arrays.
    case decimal(precision: Int32, scale: Int32)
    case integer(bitWidth: Int8, isSigned: Bool)
    case list
    case map
    /// `MAP_KEY_VALUE`: how old writers mark the inner group of a map. Read only.
    case mapKeyValue
    /// Only null values.
    case unknown
    case interval
    case float16
    /// A variant group of the given specification version.
    case variant(version: Int8)
    /// Well-known binary with straight edges; nil is the coordinate system `OGC:CRS84`.
    case geometry(crs: String?)
    /// Well-known binary with edges on a spheroid.
    case geography(crs: String?, algorithm: EdgeAlgorithm?)

    /// Whether bytes are compared as unsigned bytes and hold UTF-8, so that a cut maximum must stay UTF-8.
    var isText: Bool {
        switch self {
        case .string, .enumeration, .json: true
        default: false
        }
    }
}
