import DuckDB
import IcebergSpec
import JSONFormat

/// A table as DuckDB sees it: a view over its planned files, columns found by their field ids.
struct TableView {
    struct File: Hashable {
        /// As the table's metadata writes it; position deletes name it so.
        let uri: String
        let path: String
    }

    let reference: TableReference
    let schema: Schema
    /// Files that every row of counts.
    var files: [File] = []
    /// Files with rows that position deletes remove.
    var filesWithDeletes: [File] = []
    var deletePaths: [String] = []

    private static func string(_ text: String) -> String { DuckDBConnection.quoted(string: text) }
    private static func identifier(_ text: String) -> String { DuckDBConnection.quoted(identifier: text) }

    /// The statements that make the view, to be run in a locked database.
    func statements() throws(QueryError) -> [String] {
        var statements: [String] = []
        var name = Self.identifier(reference.name)
        if let namespace = reference.schema {
            statements.append("CREATE SCHEMA IF NOT EXISTS \(Self.identifier(namespace))")
            name = "\(Self.identifier(namespace)).\(name)"
        }
        statements.append("CREATE VIEW \(name) AS \(try select())")
        return statements
    }

    private func select() throws(QueryError) -> String {
        let columns = schema.fields.map { Self.identifier($0.name) }.joined(separator: ", ")
        var parts: [String] = []
        if !files.isEmpty {
            parts.append("SELECT \(columns) FROM read_parquet(\(list(files.map(\.path))), \(try options()))")
        }
        if !filesWithDeletes.isEmpty { parts.append(try selectWithDeletes(columns)) }
        if parts.isEmpty {
            var nulls: [String] = []
            for field in schema.fields {
                nulls.append("NULL::\(try Self.type(field.type, of: field.name)) AS \(Self.identifier(field.name))")
            }
            return "SELECT \(nulls.joined(separator: ", ")) WHERE false"
        }
        return parts.joined(separator: " UNION ALL ")
    }

    /// Rows whose file and position a delete file names are left out (specification: "Position Delete Files").
    private func selectWithDeletes(_ columns: String) throws(QueryError) -> String {
        let paths = filesWithDeletes.map { "(\(Self.string($0.uri)), \(Self.string($0.path)))" }.joined(separator: ", ")
        return """
            SELECT \(columns) FROM read_parquet(\(list(filesWithDeletes.map(\.path))), \(try options()), \
            filename = '__data_file', file_row_number = true) AS data ANTI JOIN (SELECT names.path, deletes.pos \
            FROM read_parquet(\(list(deletePaths)), hive_partitioning = false, union_by_name = true) AS deletes \
            JOIN (VALUES \(paths)) AS names(uri, path) ON deletes.file_path = names.uri) AS deleted \
            ON data.__data_file = deleted.path AND data.file_row_number = deleted.pos
            """
    }

    private func list(_ paths: [String]) -> String { "[" + paths.map(Self.string).joined(separator: ", ") + "]" }

    private func options() throws(QueryError) -> String {
        var entries: [String] = []
        for field in schema.fields {
            let type = try Self.type(field.type, of: field.name)
            let initial = try Self.defaultText(field)
            entries.append(
                "\(field.id): {name: \(Self.string(field.name)), type: \(Self.string(type)), default_value: \(initial)}"
            )
        }
        return "schema = MAP {\(entries.joined(separator: ", "))}, hive_partitioning = false"
    }

    private static func defaultText(_ field: NestedField) throws(QueryError) -> String {
        switch field.initialDefault {
        case nil, .null: return "NULL::VARCHAR"
        case .string(let text): return string(text)
        case .bool(let value): return "'\(value)'"
        case .integer(let value): return "'\(value)'"
        case .double(let value): return "'\(value)'"
        default: throw QueryError(.unsupported, "The default of the column \(field.name) cannot be read.")
        }
    }

    /// The DuckDB type of an Iceberg one.
    static func type(_ type: IcebergType, of column: String) throws(QueryError) -> String {
        switch type {
        case .boolean: return "BOOLEAN"
        case .int: return "INTEGER"
        case .long: return "BIGINT"
        case .float: return "FLOAT"
        case .double: return "DOUBLE"
        case .decimal(let precision, let scale): return "DECIMAL(\(precision),\(scale))"
        case .date: return "DATE"
        case .time: return "TIME"
        case .timestamp: return "TIMESTAMP"
        case .timestamptz, .timestamptzNanos: return "TIMESTAMP WITH TIME ZONE"
        case .timestampNanos: return "TIMESTAMP_NS"
        case .string: return "VARCHAR"
        case .uuid: return "UUID"
        case .fixed, .binary: return "BLOB"
        case .list(let list): return try self.type(list.element, of: column) + "[]"
        case .map(let map):
            return "MAP(\(try self.type(map.key, of: column)), \(try self.type(map.value, of: column)))"
        case .structure(let fields):
            var members: [String] = []
            for field in fields { members.append("\(identifier(field.name)) \(try self.type(field.type, of: column))") }
            return "STRUCT(\(members.joined(separator: ", ")))"
        case .unknown, .variant, .geometry, .geography:
            throw QueryError(.unsupported, "The column \(column) has a type that this service does not read.")
        }
    }
}
