import CDuckDB

/// The type of a column, as a tree.
public indirect enum DuckDBType: Hashable, Sendable {
    /// A type without parts, by its SQL name.
    case scalar(Scalar)
    case decimal(width: Int, scale: Int, storage: Scalar)
    case enumeration(values: [String], storage: Scalar)
    case list(DuckDBType)
    case array(DuckDBType, count: Int)
    case map(key: DuckDBType, value: DuckDBType)
    case structure([Member])
    case union([Member])
    /// A type this module does not read.
    case other(String)

    public struct Member: Hashable, Sendable {
        public let name: String
        public let type: DuckDBType
    }

    public enum Scalar: String, Hashable, Sendable {
        case boolean = "BOOLEAN"
        case tinyint = "TINYINT"
        case smallint = "SMALLINT"
        case integer = "INTEGER"
        case bigint = "BIGINT"
        case utinyint = "UTINYINT"
        case usmallint = "USMALLINT"
        case uinteger = "UINTEGER"
        case ubigint = "UBIGINT"
        case hugeint = "HUGEINT"
        case uhugeint = "UHUGEINT"
        case float = "FLOAT"
        case double = "DOUBLE"
        case varchar = "VARCHAR"
        case blob = "BLOB"
        case uuid = "UUID"
        case date = "DATE"
        case time = "TIME"
        case timestamp = "TIMESTAMP"
        case timestampSeconds = "TIMESTAMP_S"
        case timestampMilliseconds = "TIMESTAMP_MS"
        case timestampNanoseconds = "TIMESTAMP_NS"
        case timestampWithTimeZone = "TIMESTAMP WITH TIME ZONE"
        case interval = "INTERVAL"
        case null = "NULL"
    }

    /// As SQL writes it.
    public var sql: String {
        func members(_ members: [Member]) -> String {
            members.map { "\(DuckDBConnection.quoted(identifier: $0.name)) \($0.type.sql)" }.joined(separator: ", ")
        }
        switch self {
        case .scalar(let scalar): return scalar.rawValue
        case .decimal(let width, let scale, _): return "DECIMAL(\(width),\(scale))"
        case .enumeration: return "ENUM"
        case .list(let element): return element.sql + "[]"
        case .array(let element, let count): return "\(element.sql)[\(count)]"
        case .map(let key, let value): return "MAP(\(key.sql), \(value.sql))"
        case .structure(let list): return "STRUCT(\(members(list)))"
        case .union(let list): return "UNION(\(members(list)))"
        case .other(let name): return name
        }
    }

    /// Reads the tree of `type`; does not free it.
    init(_ type: duckdb_logical_type?) {
        func child(_ make: (duckdb_logical_type?) -> duckdb_logical_type?) -> DuckDBType {
            var child = make(type)
            defer { duckdb_destroy_logical_type(&child) }
            return DuckDBType(child)
        }
        switch duckdb_get_type_id(type) {
        case DUCKDB_TYPE_DECIMAL:
            self = .decimal(
                width: Int(duckdb_decimal_width(type)), scale: Int(duckdb_decimal_scale(type)),
                storage: Self.scalars[duckdb_decimal_internal_type(type).rawValue] ?? .hugeint)
        case DUCKDB_TYPE_ENUM:
            let count = duckdb_enum_dictionary_size(type)
            let values = (0..<count).map { Self.take(duckdb_enum_dictionary_value(type, idx_t($0))) }
            self = .enumeration(
                values: values, storage: Self.scalars[duckdb_enum_internal_type(type).rawValue] ?? .uinteger)
        case DUCKDB_TYPE_LIST: self = .list(child { duckdb_list_type_child_type($0) })
        case DUCKDB_TYPE_ARRAY:
            self = .array(child { duckdb_array_type_child_type($0) }, count: Int(duckdb_array_type_array_size(type)))
        case DUCKDB_TYPE_MAP:
            self = .map(
                key: child { duckdb_map_type_key_type($0) }, value: child { duckdb_map_type_value_type($0) })
        case DUCKDB_TYPE_STRUCT:
            self = .structure(
                (0..<duckdb_struct_type_child_count(type)).map { index in
                    Member(
                        name: Self.take(duckdb_struct_type_child_name(type, index)),
                        type: child { duckdb_struct_type_child_type($0, index) })
                })
        case DUCKDB_TYPE_UNION:
            self = .union(
                (0..<duckdb_union_type_member_count(type)).map { index in
                    Member(
                        name: Self.take(duckdb_union_type_member_name(type, index)),
                        type: child { duckdb_union_type_member_type($0, index) })
                })
        case let id: self = Self.scalars[id.rawValue].map { .scalar($0) } ?? .other("type \(id.rawValue)")
        }
    }

    private static func take(_ text: UnsafeMutablePointer<CChar>?) -> String {
        guard let text else { return "" }
        defer { duckdb_free(text) }
        return String(cString: text)
    }

    private static let scalars: [UInt32: Scalar] = [
        DUCKDB_TYPE_BOOLEAN.rawValue: .boolean, DUCKDB_TYPE_TINYINT.rawValue: .tinyint,
        DUCKDB_TYPE_SMALLINT.rawValue: .smallint, DUCKDB_TYPE_INTEGER.rawValue: .integer,
        DUCKDB_TYPE_BIGINT.rawValue: .bigint, DUCKDB_TYPE_UTINYINT.rawValue: .utinyint,
        DUCKDB_TYPE_USMALLINT.rawValue: .usmallint, DUCKDB_TYPE_UINTEGER.rawValue: .uinteger,
        DUCKDB_TYPE_UBIGINT.rawValue: .ubigint, DUCKDB_TYPE_HUGEINT.rawValue: .hugeint,
        DUCKDB_TYPE_UHUGEINT.rawValue: .uhugeint, DUCKDB_TYPE_FLOAT.rawValue: .float,
        DUCKDB_TYPE_DOUBLE.rawValue: .double, DUCKDB_TYPE_VARCHAR.rawValue: .varchar,
        DUCKDB_TYPE_BLOB.rawValue: .blob, DUCKDB_TYPE_UUID.rawValue: .uuid, DUCKDB_TYPE_DATE.rawValue: .date,
        DUCKDB_TYPE_TIME.rawValue: .time, DUCKDB_TYPE_TIMESTAMP.rawValue: .timestamp,
        DUCKDB_TYPE_TIMESTAMP_S.rawValue: .timestampSeconds,
        DUCKDB_TYPE_TIMESTAMP_MS.rawValue: .timestampMilliseconds,
        DUCKDB_TYPE_TIMESTAMP_NS.rawValue: .timestampNanoseconds,
        DUCKDB_TYPE_TIMESTAMP_TZ.rawValue: .timestampWithTimeZone, DUCKDB_TYPE_INTERVAL.rawValue: .interval,
        DUCKDB_TYPE_SQLNULL.rawValue: .null,
    ]
}
