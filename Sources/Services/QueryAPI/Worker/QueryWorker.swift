import DuckDB
import Glibc
import JSONFormat

/// The worker process: answers requests on descriptor 0 until the service closes it.
///
/// It is given no environment, no descriptor but its socket and standard error, and gives up everything else before
/// the first request. Each request gets a fresh database that is locked down before the caller's SQL is seen.
package enum QueryWorker {
    package static let flag = "--query-worker"

    /// Runs as a worker if the arguments say so: `--query-worker <parent pid> <address space bytes>`. Never returns then.
    package static func runIfAsked(_ arguments: [String]) {
        guard arguments.count >= 2, arguments[1] == flag else { return }
        guard arguments.count == 4, let parent = Int32(arguments[2]), let bytes = Int(arguments[3]),
            ProcessConfinement.enter(parent: parent, addressSpaceBytes: bytes)
        else { exit(70) }
        serve(WorkerChannel(descriptor: 0))
    }

    private static func serve(_ channel: WorkerChannel) -> Never {
        var parser: SQLParser?
        while true {
            do {
                let text = try channel.receive(bytesMax: WorkerRequest.bytesMax, deadline: nil)
                let request = try WorkerRequest(json: try JSONValue.parse(text))
                try channel.send(answer(request, &parser).serialized(), deadline: nil)
            } catch {
                exit(0)
            }
        }
    }

    private static func answer(_ request: WorkerRequest, _ parser: inout SQLParser?) -> JSONValue {
        let seconds = request.limits.timeoutMilliseconds / 1000 + 1
        ProcessConfinement.allowProcessorTime(seconds: seconds * max(1, request.limits.threads) + 1)
        do throws(DuckDBError) {
            return try run(request, &parser).json
        } catch {
            let code: QueryError.Code =
                switch error.code {
                case .syntax, .binding, .value, .unsupported: .badQuery
                case .permission: .notAllowed
                case .outOfMemory: .memory
                case .interrupted: .timeout
                case .io, .failed: .failed
                }
            // DuckDB goes on with advice about settings, which callers cannot change.
            let message = code == .memory ? String(error.message.prefix { $0 != "\n" }) : error.message
            return ["error": ["code": .string(code.rawValue), "message": .string(message)]]
        }
    }

    private static func run(
        _ request: WorkerRequest, _ parser: inout SQLParser?
    ) throws(DuckDBError) -> WorkerResult {
        switch request.kind {
        case .analyze:
            if let parser { return result(try parser.parse(request.sql)) }
            let made = try SQLParser()
            parser = made
            return result(try made.parse(request.sql))
        case .query:
            let connection = try LockedDatabase.open(request)
            let limits = DuckDBResultLimits(rowsMax: request.limits.rowsMax, bytesMax: request.limits.bytesMax)
            return result(try connection.query(request.sql, limits: limits, isSelectOnly: true))
        case .explain:
            let connection = try LockedDatabase.open(request)
            return result(try connection.query("EXPLAIN " + request.sql))
        }
    }

    private static func result(_ result: DuckDBResult) -> WorkerResult {
        WorkerResult(
            columns: result.columns.map { WorkerResult.Column(name: $0.name, type: $0.type) }, rows: result.rows,
            isTruncated: result.isTruncated)
    }
}

/// A locked database without any file, in which callers' SQL is parsed and never run: one serves all requests.
private final class SQLParser {
    private let connection: DuckDBConnection

    init() throws(DuckDBError) {
        let limits = WorkerLimits(
            rowsMax: 1, bytesMax: .max, memoryBytes: 64 << 20, threads: 1, timeoutMilliseconds: 1000)
        connection = try LockedDatabase.open(WorkerRequest(kind: .analyze, sql: "", limits: limits))
    }

    /// The syntax tree of one SELECT as JSON text.
    func parse(_ sql: String) throws(DuckDBError) -> DuckDBResult {
        let count = try connection.statementCount(of: sql)
        guard count == 1 else {
            throw DuckDBError(.permission, "Exactly one SELECT statement is allowed, found \(count) statements.")
        }
        return try connection.query(
            "SELECT json_serialize_sql(CAST(? AS VARCHAR), skip_null := true, skip_empty := true)",
            parameters: [.varchar(sql)])
    }
}
