import CDuckDB
import Clocks
import JSONFormat
import Synchronization

/// A value for a parameter of a prepared statement.
public enum DuckDBParameter: Hashable, Sendable {
    case null
    case boolean(Bool)
    case bigint(Int64)
    case double(Double)
    case varchar(String)
    case timestampWithTimeZone(Timestamp)
}

/// What a statement does, as far as callers must tell apart.
public enum DuckDBStatementKind: Hashable, Sendable {
    case select
    case explain
    case other(Int)
}

/// An in-memory database with one connection, closed when it goes out of scope or by `close()`.
///
/// Not safe for use by two threads at once; `interrupter` is.
public struct DuckDBConnection: ~Copyable {
    private var database: duckdb_database?
    private var connection: duckdb_connection?
    /// Stops the running statement from another thread. It can take seconds inside one large function call.
    public let interrupter: DuckDBInterrupter

    /// Opens an empty database in memory.
    ///
    /// - Parameter settings: configuration applied before the database exists.
    public init(settings: KeyValuePairs<String, String> = [:]) throws(DuckDBError) {
        var configuration: duckdb_config?
        guard duckdb_create_config(&configuration) == DuckDBSuccess else {
            throw DuckDBError(.outOfMemory, "DuckDB could not make a configuration.")
        }
        defer { duckdb_destroy_config(&configuration) }
        for (name, value) in settings {
            guard duckdb_set_config(configuration, name, value) == DuckDBSuccess else {
                throw DuckDBError(.permission, "DuckDB does not know the setting \(name) or refuses \"\(value)\".")
            }
        }
        var database: duckdb_database?
        var message: UnsafeMutablePointer<CChar>?
        guard duckdb_open_ext(":memory:", &database, configuration, &message) == DuckDBSuccess else {
            let error = DuckDBError(message: message)
            duckdb_free(message)
            throw error
        }
        var connection: duckdb_connection?
        guard duckdb_connect(database, &connection) == DuckDBSuccess else {
            duckdb_close(&database)
            throw DuckDBError(.failed, "DuckDB could not connect to its database.")
        }
        self.database = database
        self.connection = connection
        interrupter = DuckDBInterrupter(connection)
    }

    deinit {
        interrupter.invalidate()
        var (database, connection) = (database, connection)
        duckdb_disconnect(&connection)
        duckdb_close(&database)
    }

    public consuming func close() {}

    public static var libraryVersion: String { String(cString: duckdb_library_version()) }

    /// `text` as an SQL string, quotes doubled.
    public static func quoted(string text: String) -> String { quote(text, "'") }
    /// `text` as an SQL identifier, quotes doubled.
    public static func quoted(identifier text: String) -> String { quote(text, "\"") }

    private static func quote(_ text: String, _ mark: Character) -> String {
        // NUL ends a C string: it cannot be part of a name or text sent as one.
        let doubled = text.flatMap { $0 == mark ? [mark, mark] : $0 == "\0" ? [] : [$0] }
        return String(mark) + String(doubled) + String(mark)
    }

    /// The kinds of the statements that `sql` consists of.
    ///
    /// - Throws: `.syntax`.
    public func statements(of sql: String) throws(DuckDBError) -> [DuckDBStatementKind] {
        let extracted = try ExtractedStatements(connection, sql)
        var kinds: [DuckDBStatementKind] = []
        for index in 0..<extracted.count {
            let statement = try extracted.prepare(connection, index)
            kinds.append(statement.kind)
        }
        return kinds
    }

    /// How many statements `sql` consists of, without binding them to tables.
    public func statementCount(of sql: String) throws(DuckDBError) -> Int {
        try ExtractedStatements(connection, sql).count
    }

    /// Runs one statement for its effect.
    public func execute(_ sql: String) throws(DuckDBError) { _ = try query(sql) }

    /// Runs exactly one statement and reads its rows.
    ///
    /// - Parameter isSelectOnly: refuse, before it runs, what is not a SELECT.
    public func query(
        _ sql: String, parameters: [DuckDBParameter] = [], limits: DuckDBResultLimits = DuckDBResultLimits(),
        isSelectOnly: Bool = false
    ) throws(DuckDBError) -> DuckDBResult {
        let extracted = try ExtractedStatements(connection, sql)
        guard extracted.count == 1 else {
            throw DuckDBError(.syntax, "Expected one statement, found \(extracted.count).")
        }
        let statement = try extracted.prepare(connection, 0)
        if isSelectOnly && statement.kind != .select {
            throw DuckDBError(.permission, "Only a SELECT statement is allowed.")
        }
        try statement.bind(parameters)
        return try statement.rows(limits)
    }
}

/// Stops what a connection is running; safe from any thread, and after the connection is closed.
public final class DuckDBInterrupter: Sendable {
    private struct Handle: @unchecked Sendable {
        // duckdb_interrupt is the one call allowed from any thread; the mutex keeps the connection alive during it.
        var connection: duckdb_connection?
    }

    private let handle: Mutex<Handle>

    init(_ connection: duckdb_connection?) { handle = Mutex(Handle(connection: connection)) }

    public func interrupt() {
        handle.withLock { handle in
            if let connection = handle.connection { duckdb_interrupt(connection) }
        }
    }

    func invalidate() { handle.withLock { $0.connection = nil } }
}
