import DuckDB
import Foundation
import JSONFormat
import Testing

@testable import QueryAPI

@Suite(.serialized) struct WorkerTests {
    private func run(_ pool: WorkerPool, _ sql: String, timeout: Int = 20_000) async throws -> WorkerResult {
        var limits = WorkerFixture.limits
        limits.timeoutMilliseconds = timeout
        return try await pool.run(WorkerRequest(kind: .query, sql: sql, limits: limits))
    }

    private func error(_ pool: WorkerPool, _ sql: String, timeout: Int = 20_000) async -> QueryError? {
        do {
            _ = try await run(pool, sql, timeout: timeout)
            return nil
        } catch {
            return error as? QueryError
        }
    }

    @Test func `a query is answered and what was made for it is gone afterwards`() async throws {
        let pool = WorkerFixture.pool()
        var request = WorkerRequest(kind: .query, sql: "SELECT * FROM v", limits: WorkerFixture.limits)
        request.setup = ["CREATE VIEW v AS SELECT 1 AS a, TIMESTAMPTZ '2024-01-01' AS t"]
        let result = try await pool.run(request)
        #expect(result.rows == [[1, "2024-01-01T00:00:00Z"]])
        #expect(await error(pool, "SELECT * FROM v")?.code == .badQuery)
        await pool.shutDown()
    }

    @Test func `an endless query is killed at its deadline and the next one finds a fresh worker`() async throws {
        let pool = WorkerFixture.pool()
        let endless = "WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t) SELECT count(*) FROM t"
        #expect(await error(pool, endless, timeout: 400)?.code == .timeout)
        #expect(try await run(pool, "SELECT 7 AS a").rows == [[7]])
        await pool.shutDown()
    }

    @Test(arguments: [
        "SELECT length(repeat('x', 3000000000))",
        "SELECT length(list_aggregate(list_transform(range(400), i -> repeat('y', 10000000)), 'string_agg', ''))",
        "SELECT count(*) FROM (SELECT DISTINCT repeat(i::VARCHAR, 1000) FROM range(10000000) t(i))",
    ]) func `a memory bomb is stopped and the worker goes on`(sql: String) async throws {
        let pool = WorkerFixture.pool()
        let found = try #require(await error(pool, sql))
        #expect([.memory, .timeout, .badQuery].contains(found.code), "\(found)")
        #expect(try await run(pool, "SELECT 7 AS a").rows == [[7]])
        await pool.shutDown()
    }

    @Test func `requests beyond the queue are refused at once`() async throws {
        let command = WorkerCommand(executable: WorkerFixture.program, memoryBytes: WorkerFixture.limits.memoryBytes)
        let pool = WorkerPool(command: command, size: 1, waitingMax: 1)
        let codes = await withTaskGroup(of: QueryError.Code?.self) { tasks in
            for _ in 0..<6 { tasks.addTask { await error(pool, "SELECT count(*) FROM range(3000000)")?.code } }
            return await tasks.reduce(into: []) { $0.append($1) }
        }
        #expect(codes.contains(nil) && codes.contains(.overloaded))
        await pool.shutDown()
    }

    @Test func `a result is cut at its limits`() async throws {
        let pool = WorkerFixture.pool()
        let rows = try await run(pool, "FROM range(5000)")
        #expect(rows.rows.count == 1000 && rows.isTruncated)
        let bytes = try await run(pool, "SELECT repeat('x', 100000) FROM range(500)")
        #expect(bytes.rows.count == 11 && bytes.isTruncated)
        await pool.shutDown()
    }

    /// What a locked database refuses of its own, whatever the policy may have missed.
    static let attempts: [(String, Bool)] = [
        ("SELECT count(*) FROM read_parquet('@OK@/a.parquet')", true),
        ("SELECT count(*) FROM '@OK@/a.parquet'", true),
        ("SELECT * FROM read_parquet('@OK@/link.parquet')", false),
        ("SELECT * FROM read_parquet('@OK@/../secret/b.parquet')", false),
        ("SELECT * FROM read_parquet('@OK@/*.parquet')", false),
        ("SELECT * FROM read_csv('/etc/passwd')", false), ("SELECT * FROM read_text('/etc/passwd')", false),
        ("SELECT * FROM read_blob('/proc/self/environ')", false), ("SELECT * FROM read_json('/proc/self/maps')", false),
        ("SELECT * FROM '/etc/passwd'", false), ("SELECT * FROM sniff_csv('/etc/passwd')", false),
        ("SELECT * FROM parquet_metadata('@SECRET@/b.parquet')", false), ("SELECT getenv('HOME')", false),
        ("COPY (SELECT 1) TO '@OK@/x.csv'", false), ("COPY (SELECT 1) TO '@OK@/a.parquet'", false),
        ("COPY (SELECT 1) TO '@SECRET@/x.csv'", false), ("EXPORT DATABASE '@OK@/exp'", false),
        ("ATTACH '@OK@/x.db'", false), ("ATTACH ':memory:' AS m", false), ("INSTALL httpfs", false),
        ("LOAD httpfs", false),
        ("SELECT * FROM read_parquet('http://127.0.0.1:1/x.parquet')", false),
        ("SELECT * FROM read_parquet('s3://bucket/x.parquet')", false),
        ("CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')", false), ("SET memory_limit = '10GB'", false),
        ("RESET lock_configuration", false), ("SET enable_external_access = true", false),
        ("SET VARIABLE x = 1", false),
        ("PRAGMA enable_profiling", false), ("PRAGMA version", true), ("CALL pragma_version()", false),
        ("CHECKPOINT", false), ("CREATE TABLE t (a INTEGER)", false), ("DROP VIEW v", false), ("BEGIN", false),
        ("SELECT 1; SELECT 2", false), ("EXPLAIN SELECT 1", false),
    ]

    @Test func `a locked worker reads its files and does nothing else`() async throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "worker-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: root) }
        for name in ["ok", "secret"] {
            try FileManager.default.createDirectory(atPath: "\(root)/\(name)", withIntermediateDirectories: true)
        }
        let maker = try DuckDBConnection()
        for path in ["ok/a.parquet", "secret/b.parquet"] {
            try maker.execute("COPY (SELECT 1 AS a) TO '\(root)/\(path)'")
        }
        try FileManager.default.createSymbolicLink(
            atPath: "\(root)/ok/link.parquet", withDestinationPath: "\(root)/secret/b.parquet")
        let before = try Data(contentsOf: URL(filePath: "\(root)/ok/a.parquet"))
        let pool = WorkerFixture.pool()
        for (template, isAllowed) in Self.attempts {
            let sql = template.replacingOccurrences(of: "@OK@", with: "\(root)/ok")
                .replacingOccurrences(of: "@SECRET@", with: "\(root)/secret")
            var request = WorkerRequest(kind: .query, sql: sql, limits: WorkerFixture.limits)
            request.setup = ["CREATE VIEW v AS SELECT 1 AS a"]
            request.paths = ["\(root)/ok/a.parquet"]
            do {
                _ = try await pool.run(request)
                #expect(isAllowed, "allowed: \(template)")
            } catch {
                #expect(!isAllowed, "refused: \(template): \(error)")
            }
        }
        await pool.shutDown()
        #expect(try Data(contentsOf: URL(filePath: "\(root)/ok/a.parquet")) == before)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: "\(root)/ok").sorted() == ["a.parquet", "link.parquet"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(root)/secret") == ["b.parquet"])
    }
}
