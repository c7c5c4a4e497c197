import Clocks
import DuckDB
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat

/// The rows of a caller's SQL.
package struct QueryAnswer: Sendable {
    package struct Column: Hashable, Sendable {
        package let name: String
        package let type: String
    }

    package let columns: [Column]
    /// One object a row, keyed by column name.
    package let results: [JSONValue]
    package let isTruncated: Bool
    package let snapshotID: String
    package let elapsedMilliseconds: Double
}

package struct EventCount: Hashable, Sendable {
    package let eventType: String
    package let count: Int64
    package let uniqueUsers: Int64
}

package struct QueryExplanation: Sendable {
    package let tables: [PlannedTable]
    package let engine: String
}

/// Answers queries: analyses SQL, plans files, has a worker run it.
package struct QueryService: Sendable {
    package let planner: QueryPlanner
    package let pool: WorkerPool
    package let statistics: QueryStatistics
    let limits: WorkerLimits
    let isTimeTravelEnabled: Bool
    let wallClock: any WallClock
    let monotonicClock: any MonotonicClock

    package init(
        planner: QueryPlanner, pool: WorkerPool, statistics: QueryStatistics = QueryStatistics(), limits: WorkerLimits,
        isTimeTravelEnabled: Bool = true, wallClock: any WallClock = SystemClock(),
        monotonicClock: any MonotonicClock = SystemClock()
    ) {
        self.planner = planner
        self.pool = pool
        self.statistics = statistics
        self.limits = limits
        self.isTimeTravelEnabled = isTimeTravelEnabled
        self.wallClock = wallClock
        self.monotonicClock = monotonicClock
    }

    // MARK: SQL of callers

    /// Runs one SELECT over tables of the catalog.
    ///
    /// - Parameter limit: rows wanted at most; the configured maximum holds in any case.
    package func sql(
        _ sql: String, limit: Int? = nil, target: ScanTarget = .current
    ) async throws(QueryError) -> QueryAnswer {
        try await measured { (started) async throws(QueryError) in
            let tables = try await plan(sql, target: target)
            var limits = try remaining(since: started)
            if let limit { limits.rowsMax = min(limits.rowsMax, max(0, limit)) }
            let result = try await run(tables, .query, sql, limits)
            let columns = Self.uniqueColumns(result.columns)
            let rows = result.rows.map { row in
                JSONValue.object(
                    JSONObject(zip(columns, row).map { JSONObject.Member(key: $0.name, value: $1) }))
            }
            return (
                QueryAnswer(
                    columns: columns, results: rows, isTruncated: result.isTruncated,
                    snapshotID: Self.snapshotID(of: tables), elapsedMilliseconds: elapsed(since: started)),
                rows.count
            )
        }
    }

    package func explain(_ sql: String) async throws(QueryError) -> QueryExplanation {
        try await measured { (started) async throws(QueryError) in
            let tables = try await plan(sql, target: .current)
            let result = try await run(tables, .explain, sql, try remaining(since: started))
            let text = result.rows.compactMap { $0.last?.string }.joined(separator: "\n")
            return (QueryExplanation(tables: tables, engine: text), 0)
        }
    }

    private func plan(_ sql: String, target: ScanTarget) async throws(QueryError) -> [PlannedTable] {
        guard sql.utf8.count <= SQLAnalysis.bytesMax else {
            throw QueryError(.badQuery, "The SQL is longer than \(SQLAnalysis.bytesMax) bytes.")
        }
        let tree = try await pool.run(WorkerRequest(kind: .analyze, sql: sql, limits: limits))
        let analysis = try SQLAnalysis(
            serialized: tree.rows.first?.first?.string ?? "", evaluator: ConstantEvaluator(now: wallClock.now()))
        if case .snapshot = target, analysis.tables.count > 1 {
            throw QueryError(
                .badInput,
                "A snapshotId belongs to one table, but the query names \(analysis.tables.count): use timestamp.")
        }
        var planned: [PlannedTable] = []
        for table in analysis.tables {
            planned.append(
                try await planner.plan(table, target: target, conditions: analysis.conditions[table] ?? []))
        }
        return planned
    }

    private func run(
        _ tables: [PlannedTable], _ kind: WorkerRequest.Kind, _ sql: String, _ limits: WorkerLimits
    ) async throws(QueryError) -> WorkerResult {
        let prepared = try await planner.prepare(tables)
        let files = tables.reduce(0) { $0 + $1.plan.files.count }
        let all = tables.reduce(0) { $0 + Int($1.plan.counts.filesTotal) }
        statistics.noteFiles(
            read: files, pruned: all - files, bytes: tables.reduce(0) { $0 + $1.plan.counts.bytes })
        let outcome: Result<WorkerResult, QueryError>
        do throws(QueryError) {
            let request = WorkerRequest(
                kind: kind, sql: sql, setup: prepared.setup, paths: prepared.paths, limits: limits)
            outcome = .success(try await pool.run(request))
        } catch {
            outcome = .failure(error)
        }
        await planner.release(prepared)
        return try outcome.get()
    }

    /// Of the event table if the query names it, else of the first table.
    private static func snapshotID(of tables: [PlannedTable]) -> String {
        let events = tables.first { $0.reference.schema == nil && $0.reference.name == "events" }
        return (events ?? tables.first)?.snapshotID ?? "-1"
    }

    /// Repeated names get a number, so that each has its member of the row's object.
    private static func uniqueColumns(_ columns: [WorkerResult.Column]) -> [QueryAnswer.Column] {
        var seen: Set<String> = []
        return columns.map { column in
            var name = column.name
            var number = 1
            while !seen.insert(name).inserted {
                name = "\(column.name)_\(number)"
                number += 1
            }
            return QueryAnswer.Column(name: name, type: column.type)
        }
    }

    /// Whether a worker answers.
    package func probe() async throws(QueryError) {
        var limits = limits
        limits.timeoutMilliseconds = min(limits.timeoutMilliseconds, 4000)
        _ = try await pool.run(WorkerRequest(kind: .query, sql: "SELECT 1", limits: limits))
    }

    // MARK: Event counts

    /// Events by type with time in `start..<end`, most frequent first.
    package func eventCounts(
        start: Timestamp, end: Timestamp, types: [String]?, table: String?, target: ScanTarget
    ) async throws(QueryError) -> [EventCount] {
        guard start <= end else { throw QueryError(.badInput, "timeRange: start \(start) lies after end \(end).") }
        return try await measured { (started) async throws(QueryError) in
            let planned = try await planEvents(start, end, types, table, target)
            let columns = try EventColumns(planned.plan.schema, table: planned.identifier.description)
            var filter = "\(columns.timeExpression) >= make_timestamptz(\(start.microseconds)) "
            filter += "AND \(columns.timeExpression) < make_timestamptz(\(end.microseconds))"
            if let types {
                let list = types.map { DuckDBConnection.quoted(string: $0) }.joined(separator: ", ")
                filter += types.isEmpty ? " AND false" : " AND \(columns.typeName) IN (\(list))"
            }
            let sql = """
                SELECT \(columns.typeName), count(*), count(DISTINCT \(columns.userExpression)) FROM "events" \
                WHERE \(filter) AND \(columns.typeName) IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1
                """
            let result = try await run([planned], .query, sql, try remaining(since: started))
            let counts = result.rows.compactMap { row -> EventCount? in
                guard row.count == 3, let type = row[0].string, let count = row[1].integer, let users = row[2].integer
                else { return nil }
                return EventCount(eventType: type, count: count, uniqueUsers: users)
            }
            return (counts, counts.count)
        }
    }

    private func planEvents(
        _ start: Timestamp, _ end: Timestamp, _ types: [String]?, _ table: String?, _ target: ScanTarget
    ) async throws(QueryError) -> PlannedTable {
        let identifier = try self.identifier(ofTable: table)
        let metadata = try await planner.load(identifier).metadata
        let columns = try EventColumns(metadata.currentSchema, table: identifier.description)
        var conditions = [
            ColumnCondition(column: columns.time.name, comparison: .greaterOrEqual, values: [.timestamp(start)]),
            ColumnCondition(column: columns.time.name, comparison: .less, values: [.timestamp(end)]),
        ]
        if let types, !types.isEmpty {
            conditions.append(
                ColumnCondition(column: columns.type.name, comparison: .equal, values: types.map { .string($0) }))
        }
        return try await planner.plan(
            TableReference(schema: nil, name: "events"), identifier, metadata, target: target, conditions: conditions)
    }

    /// A table as arguments name it: `events`, `name` or `namespace.name`; nil is the event table.
    package func identifier(ofTable name: String?) throws(QueryError) -> TableIdentifier {
        guard let name else { return try planner.identifier(TableReference(schema: nil, name: "events")) }
        guard let dot = name.lastIndex(of: ".") else {
            return try planner.identifier(TableReference(schema: nil, name: name))
        }
        return try planner.identifier(
            TableReference(schema: String(name[..<dot]), name: String(name[name.index(after: dot)...])))
    }

    // MARK: Time travel

    /// The state that `timestamp` or `snapshotID` names; the current one if neither is given.
    package func target(timestamp: Timestamp?, snapshotID: String?) throws(QueryError) -> ScanTarget {
        guard timestamp != nil || snapshotID != nil else { return .current }
        guard isTimeTravelEnabled else {
            throw QueryError(.notAllowed, "Time travel is switched off (ENABLE_TIME_TRAVEL=false).")
        }
        guard timestamp == nil || snapshotID == nil else {
            throw QueryError(.badInput, "Give a timestamp or a snapshotId, not both.")
        }
        if let timestamp { return .asOf(milliseconds: timestamp.milliseconds) }
        guard let id = snapshotID.flatMap(Int64.init) else {
            throw QueryError(.badInput, "\"\(snapshotID ?? "")\" is no snapshot id: it is a 64-bit integer.")
        }
        return .snapshot(id)
    }

    // MARK: Measuring

    private func elapsed(since started: UInt64) -> Double {
        Double((monotonicClock.nanoseconds() - started) / 1000) / 1000
    }

    /// The limits with what is left of the time: analysis and planning count too.
    private func remaining(since started: UInt64) throws(QueryError) -> WorkerLimits {
        var limits = limits
        limits.timeoutMilliseconds -= Int(elapsed(since: started))
        guard limits.timeoutMilliseconds > 0 else {
            throw QueryError(.timeout, "The query took longer than \(self.limits.timeoutMilliseconds) ms to plan.")
        }
        return limits
    }

    /// Counts a query, its outcome and its time; the body gives its rows along.
    private func measured<Answer: Sendable>(
        _ body: (UInt64) async throws(QueryError) -> (Answer, Int)
    ) async throws(QueryError) -> Answer {
        let started = monotonicClock.nanoseconds()
        statistics.begin()
        do throws(QueryError) {
            let (answer, rows) = try await body(started)
            statistics.end(milliseconds: elapsed(since: started), rows: rows, error: nil)
            return answer
        } catch {
            statistics.end(milliseconds: elapsed(since: started), rows: 0, error: error)
            throw error
        }
    }
}
