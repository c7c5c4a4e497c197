import CDuckDB
import Clocks
import JSONFormat

/// The statements of a text, parsed but not bound.
struct ExtractedStatements: ~Copyable {
    private var statements: duckdb_extracted_statements?
    let count: Int

    init(_ connection: duckdb_connection?, _ sql: String) throws(DuckDBError) {
        guard !sql.utf8.contains(0) else { throw DuckDBError(.syntax, "The SQL contains a NUL character.") }
        var statements: duckdb_extracted_statements?
        let count = Int(duckdb_extract_statements(connection, sql, &statements))
        if count == 0, let message = duckdb_extract_statements_error(statements) {
            let error = DuckDBError(message: message)
            duckdb_destroy_extracted(&statements)
            throw error
        }
        self.statements = statements
        self.count = count
    }

    deinit {
        var statements = statements
        duckdb_destroy_extracted(&statements)
    }

    func prepare(_ connection: duckdb_connection?, _ index: Int) throws(DuckDBError) -> PreparedStatement {
        var prepared: duckdb_prepared_statement?
        let state = duckdb_prepare_extracted_statement(connection, statements, idx_t(index), &prepared)
        guard state == DuckDBSuccess else {
            let error = DuckDBError(message: duckdb_prepare_error(prepared))
            duckdb_destroy_prepare(&prepared)
            throw error
        }
        return PreparedStatement(prepared)
    }
}

struct PreparedStatement: ~Copyable {
    private var statement: duckdb_prepared_statement?

    init(_ statement: duckdb_prepared_statement?) { self.statement = statement }

    deinit {
        var statement = statement
        duckdb_destroy_prepare(&statement)
    }

    var kind: DuckDBStatementKind {
        switch duckdb_prepared_statement_type(statement) {
        case DUCKDB_STATEMENT_TYPE_SELECT: .select
        case DUCKDB_STATEMENT_TYPE_EXPLAIN: .explain
        case let type: .other(Int(type.rawValue))
        }
    }

    func bind(_ parameters: [DuckDBParameter]) throws(DuckDBError) {
        guard duckdb_nparams(statement) == idx_t(parameters.count) else {
            throw DuckDBError(
                .binding, "The statement has \(duckdb_nparams(statement)) parameters, \(parameters.count) were given.")
        }
        for (index, parameter) in parameters.enumerated() {
            let position = idx_t(index + 1)
            let state =
                switch parameter {
                case .null: duckdb_bind_null(statement, position)
                case .boolean(let value): duckdb_bind_boolean(statement, position, value)
                case .bigint(let value): duckdb_bind_int64(statement, position, value)
                case .double(let value): duckdb_bind_double(statement, position, value)
                case .varchar(let text):
                    text.utf8.withContiguousStorageIfAvailable { bytes in
                        bytes.withMemoryRebound(to: CChar.self) {
                            duckdb_bind_varchar_length(statement, position, $0.baseAddress, idx_t($0.count))
                        }
                    } ?? duckdb_bind_varchar(statement, position, text)
                case .timestampWithTimeZone(let time):
                    duckdb_bind_timestamp_tz(statement, position, duckdb_timestamp(micros: time.microseconds))
                }
            guard state == DuckDBSuccess else {
                throw DuckDBError(.binding, "DuckDB refuses the value of parameter \(position).")
            }
        }
    }

    /// Executes as a stream: what lies beyond the limits is not computed.
    func rows(_ limits: DuckDBResultLimits) throws(DuckDBError) -> DuckDBResult {
        var result = duckdb_result()
        defer { duckdb_destroy_result(&result) }
        guard duckdb_execute_prepared_streaming(statement, &result) == DuckDBSuccess else {
            throw DuckDBError(duckdb_result_error_type(&result), message: duckdb_result_error(&result))
        }
        let types = (0..<duckdb_column_count(&result)).map { index in
            var type = duckdb_column_logical_type(&result, index)
            defer { duckdb_destroy_logical_type(&type) }
            return DuckDBType(type)
        }
        let columns = types.enumerated().map { index, type in
            let name = duckdb_column_name(&result, idx_t(index)).map { String(cString: $0) } ?? ""
            return DuckDBResult.Column(name: name, type: type.sql)
        }
        var rows: [[JSONValue]] = []
        var bytes = 0
        while let chunk = duckdb_fetch_chunk(result) {
            var released: duckdb_data_chunk? = chunk
            defer { duckdb_destroy_data_chunk(&released) }
            let readers = types.enumerated().map {
                VectorReader(duckdb_data_chunk_get_vector(chunk, idx_t($0.offset)), type: $0.element)
            }
            for row in 0..<Int(duckdb_data_chunk_get_size(chunk)) {
                guard rows.count < limits.rowsMax, bytes < limits.bytesMax else {
                    return DuckDBResult(columns: columns, rows: rows, isTruncated: true)
                }
                var values: [JSONValue] = []
                values.reserveCapacity(readers.count)
                let before = bytes
                for reader in readers {
                    let value = try reader.value(at: row)
                    bytes += value.approximateBytes
                    values.append(value)
                }
                guard bytes - before <= limits.bytesMax else {
                    throw DuckDBError(
                        .outOfMemory, "A row of the result is larger than the \(limits.bytesMax) bytes of all.")
                }
                rows.append(values)
            }
        }
        if let message = duckdb_result_error(&result) {
            throw DuckDBError(duckdb_result_error_type(&result), message: message)
        }
        return DuckDBResult(columns: columns, rows: rows, isTruncated: false)
    }
}
