import JSONFormat

/// What the service asks of a worker process: one JSON text, preceded by its length in four bytes, little-endian.
struct WorkerRequest: Sendable {
    enum Kind: String, Sendable {
        /// Parse `sql` and give its syntax tree; nothing is read.
        case analyze
        /// Run one SELECT.
        case query
        /// Give DuckDB's plan of one SELECT.
        case explain
    }

    var kind: Kind
    var sql: String
    /// Views over the tables, made by the service.
    var setup: [String] = []
    /// The only files that can be opened.
    var paths: [String] = []
    var limits: WorkerLimits

    static let bytesMax = 64 << 20

    var json: JSONValue {
        [
            "kind": .string(kind.rawValue), "sql": .string(sql), "setup": .array(setup.map { .string($0) }),
            "paths": .array(paths.map { .string($0) }), "rows": JSONValue(limits.rowsMax),
            "bytes": JSONValue(limits.bytesMax), "memory": JSONValue(limits.memoryBytes),
            "threads": JSONValue(limits.threads), "timeout": JSONValue(limits.timeoutMilliseconds),
        ]
    }

    init(kind: Kind, sql: String, setup: [String] = [], paths: [String] = [], limits: WorkerLimits) {
        self.kind = kind
        self.sql = sql
        self.setup = setup
        self.paths = paths
        self.limits = limits
    }

    init(json: JSONValue) throws(JSONError) {
        let cursor = JSONCursor(json)
        guard let kind = Kind(rawValue: try cursor.member("kind").string()) else { throw cursor.fail("unknown kind") }
        self.kind = kind
        sql = try cursor.member("sql").string()
        setup = try cursor.member("setup").elements().map { (element) throws(JSONError) in try element.string() }
        paths = try cursor.member("paths").elements().map { (element) throws(JSONError) in try element.string() }
        limits = WorkerLimits(
            rowsMax: try cursor.member("rows").integer(as: Int.self),
            bytesMax: try cursor.member("bytes").integer(as: Int.self),
            memoryBytes: try cursor.member("memory").integer(as: Int.self),
            threads: try cursor.member("threads").integer(as: Int.self),
            timeoutMilliseconds: try cursor.member("timeout").integer(as: Int.self))
    }
}

/// What one request may use.
package struct WorkerLimits: Hashable, Sendable {
    package var rowsMax: Int
    /// Approximate bytes of the result's JSON.
    package var bytesMax: Int
    /// DuckDB's memory limit. The process may map `addressSpaceOverheadBytes` more.
    package var memoryBytes: Int
    package var threads: Int
    package var timeoutMilliseconds: Int

    /// The library, thread stacks and the result on its way out.
    static let addressSpaceOverheadBytes = 768 << 20

    package init(rowsMax: Int, bytesMax: Int, memoryBytes: Int, threads: Int, timeoutMilliseconds: Int) {
        self.rowsMax = rowsMax
        self.bytesMax = bytesMax
        self.memoryBytes = memoryBytes
        self.threads = threads
        self.timeoutMilliseconds = timeoutMilliseconds
    }
}

/// What a worker answers.
struct WorkerResult: Sendable {
    struct Column: Hashable, Sendable {
        let name: String
        let type: String
    }

    var columns: [Column]
    var rows: [[JSONValue]]
    var isTruncated: Bool

    static let bytesMax = 512 << 20

    init(columns: [Column], rows: [[JSONValue]], isTruncated: Bool) {
        self.columns = columns
        self.rows = rows
        self.isTruncated = isTruncated
    }

    var json: JSONValue {
        [
            "columns": .array(columns.map { [.string($0.name), .string($0.type)] }),
            "rows": .array(rows.map { .array($0) }), "truncated": .bool(isTruncated),
        ]
    }

    init(json: JSONValue) throws(QueryError) {
        if let error = json["error"] {
            let code = QueryError.Code(rawValue: error["code"]?.string ?? "") ?? .failed
            throw QueryError(code, error["message"]?.string ?? "The query failed.")
        }
        do throws(JSONError) {
            let cursor = JSONCursor(json)
            columns = try cursor.member("columns").elements().map { (element) throws(JSONError) in
                let parts = try element.elements()
                guard parts.count == 2 else { throw element.fail("expected a name and a type") }
                return Column(name: try parts[0].string(), type: try parts[1].string())
            }
            rows = try cursor.member("rows").elements().map { (element) throws(JSONError) in
                guard let values = element.value.array else { throw element.fail("expected an array") }
                return values
            }
            isTruncated = try cursor.member("truncated").bool()
        } catch {
            throw QueryError(.failed, "The query worker gave an answer that cannot be read.")
        }
    }
}
