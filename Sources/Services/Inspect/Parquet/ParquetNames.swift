import JSONFormat
import ParquetFormat

/// Numbers of parquet.thrift by the names they have there.
enum ParquetNames {
    private static let encodings = [
        "PLAIN", "GROUP_VAR_INT", "PLAIN_DICTIONARY", "RLE", "BIT_PACKED", "DELTA_BINARY_PACKED",
        "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "RLE_DICTIONARY", "BYTE_STREAM_SPLIT",
    ]
    private static let codecs = ["UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"]

    static func encoding(_ number: Int32) -> JSONValue { name(number, encodings) }
    static func codec(_ number: Int32) -> JSONValue { name(number, codecs) }

    /// Numbers that parquet.thrift does not have show as they are.
    private static func name(_ number: Int32, _ names: [String]) -> JSONValue {
        names.indices.contains(Int(number)) ? .string(names[Int(number)]) : JSONValue(number)
    }

    static func physical(_ type: PhysicalType) -> String {
        switch type {
        case .boolean: "BOOLEAN"
        case .int32: "INT32"
        case .int64: "INT64"
        case .int96: "INT96"
        case .float: "FLOAT"
        case .double: "DOUBLE"
        case .byteArray: "BYTE_ARRAY"
        case .fixedLengthByteArray(let width): "FIXED_LEN_BYTE_ARRAY(\(width))"
        }
    }

    static func logical(_ type: LogicalType) -> String {
        switch type {
        case .string: "STRING"
        case .enumeration: "ENUM"
        case .json: "JSON"
        case .bson: "BSON"
        case .uuid: "UUID"
        case .date: "DATE"
        case .time(let unit, let isUTC): "TIME(\(name(unit)), \(isUTC ? "UTC" : "local"))"
        case .timestamp(let unit, let isUTC): "TIMESTAMP(\(name(unit)), \(isUTC ? "UTC" : "local"))"
        case .decimal(let precision, let scale): "DECIMAL(\(precision), \(scale))"
        case .integer(let width, let isSigned): "INTEGER(\(width), \(isSigned ? "signed" : "unsigned"))"
        case .list: "LIST"
        case .map: "MAP"
        case .mapKeyValue: "MAP_KEY_VALUE"
        case .unknown: "UNKNOWN"
        case .interval: "INTERVAL"
        case .float16: "FLOAT16"
        case .variant(let version): "VARIANT(\(version))"
        case .geometry(let crs): "GEOMETRY(\(crs ?? "OGC:CRS84"))"
        case .geography(let crs, let algorithm):
            "GEOGRAPHY(\(crs ?? "OGC:CRS84"), \(algorithm.map { "\($0)" } ?? "spherical"))"
        }
    }

    private static func name(_ unit: LogicalType.TimeUnit) -> String {
        switch unit {
        case .milliseconds: "MILLIS"
        case .microseconds: "MICROS"
        case .nanoseconds: "NANOS"
        }
    }

    static func order(_ order: ColumnOrder) -> String {
        switch order {
        case .typeDefined: "TYPE_ORDER"
        case .ieee754Total: "IEEE_754_TOTAL_ORDER"
        case .unknown: "unknown"
        }
    }

    static func repetition(_ repetition: Repetition) -> String {
        switch repetition {
        case .required: "required"
        case .optional: "optional"
        case .repeated: "repeated"
        }
    }
}
