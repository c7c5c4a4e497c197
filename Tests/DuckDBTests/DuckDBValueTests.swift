import Clocks
import DuckDB
import JSONFormat
import Testing

@Suite struct DuckDBValueTests {
    static let values: [(String, JSONValue)] = [
        ("NULL", nil), ("true", true), ("-5::TINYINT", -5), ("9223372036854775807", .integer(.max)),
        ("18446744073709551615::UBIGINT", .unsigned(.max)), ("42::HUGEINT", 42),
        ("170141183460469231731687303715884105727::HUGEINT", "170141183460469231731687303715884105727"),
        ("(-170141183460469231731687303715884105728)::HUGEINT", "-170141183460469231731687303715884105728"),
        ("340282366920938463463374607431768211455::UHUGEINT", "340282366920938463463374607431768211455"),
        ("0.1::FLOAT", .double(0.1)), ("1.5::DOUBLE", .double(1.5)), ("'nan'::DOUBLE", "NaN"),
        ("'-inf'::DOUBLE", "-Infinity"), ("1.50::DECIMAL(5,2)", .double(1.5)),
        ("-0.05::DECIMAL(38,2)", "-0.05"), ("12345678901234567890.12::DECIMAL(30,2)", "12345678901234567890.12"),
        ("''", ""), ("'short'", "short"),
        ("'a text that is longer than twelve bytes: ä'", "a text that is longer than twelve bytes: ä"),
        ("'\\x00\\xFF'::BLOB", "AP8="),
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("DATE '2024-02-29'", "2024-02-29"), ("DATE '1969-12-31'", "1969-12-31"),
        ("TIME '14:30:05.25'", "14:30:05.250"),
        ("TIMESTAMP '2024-01-15 14:30:00'", "2024-01-15T14:30:00"),
        ("TIMESTAMPTZ '2024-01-15 14:30:00.000001+02'", "2024-01-15T12:30:00.000001Z"),
        ("TIMESTAMP_NS '2024-01-15 14:30:00.000000001'", "2024-01-15T14:30:00.000000001"),
        ("'infinity'::TIMESTAMPTZ", "infinity"), ("INTERVAL '1 month 2 days 3.5 seconds'", "P1M2DT3.500000S"),
        ("[1, NULL, 3]", [1, nil, 3]), ("[]::INTEGER[]", []), ("[[1], [2, 3]]", [[1], [2, 3]]),
        ("[1, 2]::INTEGER[2]", [1, 2]), ("{'a': 1, 'b': {'c': 'x'}}", ["a": 1, "b": ["c": "x"]]),
        ("MAP {'k': 'v', 'l': NULL}", ["k": "v", "l": nil]), ("MAP {1: 'v'}", [["key": 1, "value": "v"]]),
        ("'b'::ENUM('a', 'b')", "b"), ("union_value(num := 2)", 2),
        ("'{\"a\":1}'::JSON", "{\"a\":1}"),
    ]

    @Test(arguments: values) func `a value reads as JSON`(sql: String, expected: JSONValue) throws {
        let connection = try DuckDBConnection()
        try connection.execute("SET TimeZone = 'UTC'")
        let result = try connection.query("SELECT \(sql) AS v")
        #expect(result.rows == [[expected]])
    }

    @Test func `values beyond the first vector and chunk are read`() throws {
        let connection = try DuckDBConnection()
        let result = try connection.query("SELECT i, [i, i + 1] FROM range(5000) t(i)")
        #expect(result.rows.count == 5000)
        #expect(result.rows[4999] == [4999, [4999, 5000]])
        #expect(result.columns.map(\.type) == ["BIGINT", "BIGINT[]"])
    }

    @Test func `parameters are bound, not spliced`() throws {
        let connection = try DuckDBConnection()
        try connection.execute("SET TimeZone = 'UTC'")
        let time = Timestamp(microseconds: 1_700_000_000_123_456)
        let result = try connection.query(
            "SELECT ?, ?, ?, ?, ?",
            parameters: [.varchar("'; DROP"), .bigint(.min), .null, .boolean(true), .timestampWithTimeZone(time)])
        #expect(result.rows == [["'; DROP", .integer(.min), nil, true, .string(time.rfc3339())]])
    }

    @Test func `a result is cut at its limit and says so`() throws {
        let connection = try DuckDBConnection()
        let cut = try connection.query("FROM range(3000)", limits: DuckDBResultLimits(rowsMax: 2999))
        #expect(cut.rows.count == 2999 && cut.isTruncated)
        let whole = try connection.query("FROM range(3000)", limits: DuckDBResultLimits(rowsMax: 3000))
        #expect(whole.rows.count == 3000 && !whole.isTruncated)
        let bytes = try connection.query(
            "SELECT repeat('x', 100) FROM range(100)", limits: DuckDBResultLimits(bytesMax: 1000))
        #expect(bytes.isTruncated && bytes.rows.count == 10)
        #expect(throws: DuckDBError.self) {
            _ = try connection.query("SELECT repeat('x', 2000)", limits: DuckDBResultLimits(bytesMax: 1000))
        }
    }

    static let errors: [(String, DuckDBError.Code)] = [
        ("SELEC 1", .syntax), ("SELECT nope", .binding), ("SELECT 'x'::INTEGER", .value),
        ("SELECT 1; SELECT 2", .syntax),
        ("", .syntax), ("SELECT '1'::BIT", .unsupported), ("FROM read_csv('/nonexistent/file.csv')", .io),
    ]

    @Test(arguments: errors) func `an error has its code`(sql: String, code: DuckDBError.Code) throws {
        let connection = try DuckDBConnection()
        do {
            _ = try connection.query(sql)
            Issue.record("accepted")
        } catch {
            #expect(error.code == code, "\(error)")
        }
    }

    static let kinds: [(String, [DuckDBStatementKind])] = [
        ("SELECT 1", [.select]), ("FROM range(1)", [.select]), ("WITH a AS (SELECT 1) FROM a", [.select]),
        ("EXPLAIN SELECT 1", [.explain]), ("SELECT 1; SELECT 2", [.select, .select]),
    ]

    @Test(arguments: kinds) func `statements are counted and named`(sql: String, kinds: [DuckDBStatementKind]) throws {
        let connection = try DuckDBConnection()
        #expect(try connection.statements(of: sql) == kinds)
        #expect(try connection.statementCount(of: sql) == kinds.count)
    }

    @Test func `quoting doubles the quotes`() throws {
        #expect(DuckDBConnection.quoted(string: "a'b") == "'a''b'")
        #expect(DuckDBConnection.quoted(identifier: "a\"b\0c") == "\"a\"\"bc\"")
    }

    @Test func `interrupting after closing does nothing`() throws {
        let connection = try DuckDBConnection()
        let interrupter = connection.interrupter
        connection.close()
        interrupter.interrupt()
    }

    @Test func `the library is the one the lock-down was proved with`() {
        #expect(DuckDBConnection.libraryVersion == "v1.5.5")
    }
}
