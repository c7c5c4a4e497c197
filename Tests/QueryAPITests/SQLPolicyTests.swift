import Clocks
import DuckDB
import JSONFormat
import Testing

@testable import QueryAPI

@Suite struct SQLPolicyTests {
    static let now = Timestamp(microseconds: 1_700_000_000_000_000)

    private func analyze(_ sql: String) throws -> SQLAnalysis {
        let connection = try DuckDBConnection()
        let tree = try connection.query(
            "SELECT json_serialize_sql(CAST(? AS VARCHAR), skip_null := true, skip_empty := true)",
            parameters: [.varchar(sql)])
        return try SQLAnalysis(
            serialized: tree.rows[0][0].string ?? "", evaluator: ConstantEvaluator(now: Self.now))
    }

    static let allowed: [(String, [String])] = [
        ("SELECT 1", []), ("FROM events", ["events"]),
        ("SELECT * FROM analytics.events e JOIN t USING (id)", ["analytics.events", "t"]),
        ("WITH a AS (SELECT * FROM events) SELECT * FROM a UNION ALL FROM b", ["events", "b"]),
        ("WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t) SELECT count(*) FROM t", []),
        ("SELECT (SELECT max(x) FROM a), EXISTS (FROM b) FROM c WHERE d IN (SELECT e FROM f)", ["a", "b", "c", "f"]),
        (
            "SELECT type, count(*) FILTER (WHERE n > 1), row_number() OVER (PARTITION BY a ORDER BY b) FROM events GROUP BY ALL",
            ["events"]
        ),
        ("SELECT unnest([1, 2]), list_transform([1], x -> x + 1) FROM range(3) r(i), unnest([4]) u", []),
        ("SELECT * FROM events TABLESAMPLE 10%", ["events"]), ("VALUES (1), (2)", []), ("DESCRIBE events", ["events"]),
        ("SELECT 'read_csv(''/etc/passwd'')', date_trunc('hour', time) FROM events", ["events"]),
        (
            "SELECT * EXCLUDE (a) REPLACE (b + 1 AS b), COLUMNS('c.*') FROM events QUALIFY rank() OVER () = 1",
            ["events"]
        ),
        ("SELECT json_extract_string(data, '$.a'), data->>'b' FROM events", ["events"]),
    ]

    @Test(arguments: allowed) func `a SELECT is taken and its tables are found`(sql: String, tables: [String]) throws {
        #expect(Set(try analyze(sql).tables.map(\.text)) == Set(tables))
    }

    static let refused = [
        "COPY events TO 'x.csv'", "COPY (SELECT 1) TO 'x'", "ATTACH 'x.db'", "SELECT 1; SELECT 2", "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '1TB'", "PRAGMA version", "INSERT INTO events VALUES (1)", "CREATE TABLE t AS SELECT 1",
        "DROP TABLE events", "EXPLAIN SELECT 1", "CALL range(1)", "EXPORT DATABASE 'x'", "BEGIN", "USE x",
        "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_parquet('x')", "SELECT * FROM glob('/*')",
        "SELECT * FROM query('SELECT 1')", "SELECT * FROM query_table('events')", "SELECT * FROM duckdb_settings()",
        "SELECT * FROM pragma_version()", "SELECT * FROM parquet_scan('x')", "SELECT * FROM \"Read_CSV\"('x')",
        "SELECT getenv('HOME')", "SELECT getvariable('x')", "SELECT current_setting('memory_limit')", "SHOW TABLES",
        "SHOW ALL TABLES",
        "SELECT (SELECT count(*) FROM read_text('/etc/passwd'))", "WITH a AS (FROM read_blob('x')) FROM a",
        "SELECT 1 WHERE EXISTS (FROM glob('*'))", "SELECT 1 ORDER BY (SELECT count(*) FROM glob('*'))",
        "SELECT 1 LIMIT (SELECT count(*) FROM glob('*'))", "SELECT 1 HAVING (SELECT count(*) FROM glob('*')) > 0",
        "SELECT 1 UNION ALL FROM read_csv('x')", "SELECT * FROM a JOIN read_csv('x') ON true",
        "SELECT sum(i) OVER (ORDER BY (SELECT count(*) FROM glob('*'))) FROM range(3) t(i)", "SELECT * FROM db.s.t",
        "SELECT * FROM events AT (VERSION => 1)", "SELECT sleep_ms(1000)", "SELECT * FROM test_all_types()",
        "SELECT json_execute_serialized_sql('x')", "SELECT [x FOR x IN (SELECT list(file) FROM glob('*'))]",
        "SELECT ?", "SELECT $1", "SELECT nextval('s')", "SELECT write_log('x')",
        "SELECT DISTINCT ON ((SELECT 1 FROM glob('*'))) 1",
        "PIVOT events ON type USING count(*)", "SELECT a.read_csv('x')", "", "SELEC 1",
        "SELECT CASE WHEN true THEN (SELECT content FROM read_text('x')) END",
    ]

    @Test(arguments: refused) func `anything else is refused`(sql: String) {
        #expect(throws: (any Error).self) { try analyze(sql) }
    }

    /// Out of sight of its WITH, a name is a table's: of the catalog, not of the engine.
    @Test func `a common table expression hides a table only where it is in sight`() throws {
        let sql =
            "SELECT (WITH duckdb_settings AS (SELECT 1) SELECT count(*) FROM duckdb_settings) FROM duckdb_settings"
        #expect(try analyze(sql).tables.map(\.text) == ["duckdb_settings"])
        #expect(try analyze("WITH a AS (FROM b), b AS (SELECT 1) FROM a").tables.map(\.text) == ["b"])
    }

    @Test func `deep nesting is refused`() {
        let sql = "SELECT " + String(repeating: "(SELECT ", count: 300) + "1" + String(repeating: ")", count: 300)
        #expect(throws: (any Error).self) { try analyze(sql) }
    }

    private static func time(_ text: String) -> ConstantEvaluator.Constant {
        .timestamp(Timestamp(rfc3339: text) ?? now)
    }

    static let conditions: [(String, [ColumnCondition])] = [
        (
            "type = 'a' AND 5 < n",
            [
                ColumnCondition(column: "type", comparison: .equal, values: [.string("a")]),
                ColumnCondition(column: "n", comparison: .greater, values: [.integer(5)]),
            ]
        ),
        (
            "time >= TIMESTAMP '2024-01-01 10:00:00'",
            [ColumnCondition(column: "time", comparison: .greaterOrEqual, values: [time("2024-01-01T10:00:00Z")])]
        ),
        // DuckDB ignores the offset of a TIMESTAMP: a bound that applied it would leave out files that matter.
        ("time < TIMESTAMP '2024-01-01 10:00:00+02:00'", []),
        ("time < CAST('2024-01-01T10:00:00-08:00' AS TIMESTAMP)", []),
        (
            "time < TIMESTAMP '2024-01-01T10:00:00Z'",
            [ColumnCondition(column: "time", comparison: .less, values: [time("2024-01-01T10:00:00Z")])]
        ),
        (
            "time >= TIMESTAMPTZ '2024-01-01 10:00:00+02:00'",
            [ColumnCondition(column: "time", comparison: .greaterOrEqual, values: [time("2024-01-01T08:00:00Z")])]
        ),
        (
            "time < DATE '2024-01-02'",
            [ColumnCondition(column: "time", comparison: .less, values: [time("2024-01-02T00:00:00Z")])]
        ),
        (
            "time BETWEEN '2024-01-01' AND '2024-01-02'",
            [
                ColumnCondition(column: "time", comparison: .greaterOrEqual, values: [.string("2024-01-01")]),
                ColumnCondition(column: "time", comparison: .lessOrEqual, values: [.string("2024-01-02")]),
            ]
        ),
        (
            "type IN ('a', 'b')",
            [ColumnCondition(column: "type", comparison: .equal, values: [.string("a"), .string("b")])]
        ),
        (
            "time > now() - INTERVAL 1 HOUR",
            [
                ColumnCondition(
                    column: "time", comparison: .greater,
                    values: [.timestamp(Timestamp(microseconds: now.microseconds - 3_600_000_000))])
            ]
        ),
        ("time > now() - INTERVAL '2 days'", []),
        ("events.type = 'a'", [ColumnCondition(column: "type", comparison: .equal, values: [.string("a")])]),
        ("time < now()", []), ("other.type = 'a'", []), ("type = 'a' OR n = 1", []), ("NOT (type = 'a')", []),
        ("type <> 'a'", []),
        ("type NOT IN ('a')", []), ("type IN ('a', x)", []), ("lower(type) = 'a'", []), ("type = NULL", []),
        ("n = 1.5", []),
        ("time NOT BETWEEN '2024-01-01' AND '2024-01-02'", []), ("data.type = 'a'", []),
    ]

    @Test(arguments: conditions) func `conjuncts on columns prune files`(filter: String, expected: [ColumnCondition])
        throws
    {
        let analysis = try analyze("SELECT * FROM events WHERE \(filter)")
        #expect(analysis.conditions[TableReference(schema: nil, name: "events")] ?? [] == expected)
    }

    static let unprunable = [
        "SELECT * FROM events WHERE type = 'a' UNION ALL SELECT * FROM events",
        "SELECT * FROM events a JOIN events b ON true WHERE a.type = 'a'",
        "SELECT * FROM events LEFT JOIN t ON true WHERE type = 'a'",
        "SELECT * FROM events AS e(a, type) WHERE type = 'a'",
        "SELECT count(*) FILTER (WHERE type = 'a') FROM events",
        "SELECT * FROM (SELECT * FROM events) WHERE type = 'a'",
    ]

    @Test(arguments: unprunable) func `a table whose rows may matter elsewhere is not pruned`(sql: String) throws {
        #expect(try analyze(sql).conditions.values.allSatisfy(\.isEmpty))
    }
}
