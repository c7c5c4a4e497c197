import Clocks
import Concurrency
import IcebergCatalog
import JSONFormat
import ObjectStore

/// A table that was dropped and can still be brought back: the object `dropped/<namespace>/<table>/<version>` in the
/// catalog bucket, written after the drop, where `<version>` is that of the register's entry that dropped it.
struct DroppedTable: Sendable {
    enum Stage: String, Sendable {
        case dropped
        /// Its files are being deleted: there is no way back.
        case purging
        case restoring
        /// The table came back. Kept for as long as a late request could write the record anew.
        case restored
    }

    /// The version of a register, after `version`, that is to name the table again.
    struct Return: Hashable, Sendable {
        let identifier: TableIdentifier
        let version: Int64
    }

    let identifier: TableIdentifier
    let state: TableState
    let droppedAt: Timestamp
    /// Whether its files are deleted when the time to bring it back is over.
    let isPurge: Bool
    var stage = Stage.dropped
    /// When it came into its stage.
    var stageSince: Timestamp
    /// Of a table that is being brought back.
    var returning: Return?

    /// Whether the table can still come back, or its files be deleted.
    var isOpen: Bool { stage == .dropped || stage == .restoring }

    /// The end of the time in which it can be brought back.
    func end(retention milliseconds: Int64) -> Timestamp {
        Timestamp(milliseconds: droppedAt.milliseconds + milliseconds)
    }

    // MARK: - Keys

    static let prefix = "dropped/"

    /// What the keys of a namespace's dropped tables begin with.
    static func prefix(of namespace: NamespaceName) throws(CatalogError) -> String {
        prefix + (try RegisterChain.tablesPrefix(of: namespace)).dropFirst(RegisterChain.allTablesPrefix.count)
    }

    static func key(_ identifier: TableIdentifier, _ version: Int64) throws(CatalogError) -> String {
        do {
            let chain = try RegisterChain.table(identifier)
            return prefix + (try chain.key(version)).rawValue.dropFirst(RegisterChain.allTablesPrefix.count)
        } catch let error as CatalogError {
            throw error
        } catch {
            throw CatalogError(.badRequest, "\(error)")
        }
    }

    // MARK: - JSON

    var json: JSONValue {
        var object = JSONObject()
        object["table"] = identifier.json
        object["state"] = RegisterState.table(state).json
        object["dropped-at-ms"] = .integer(droppedAt.milliseconds)
        object["purge"] = .bool(isPurge)
        object["stage"] = .string(stage.rawValue)
        object["stage-since-ms"] = .integer(stageSince.milliseconds)
        if let returning {
            object["returning"] = [
                "table": returning.identifier.json, "register-version": .integer(returning.version),
            ]
        }
        return .object(object)
    }
}

extension DroppedTable {
    init(_ document: CatalogDocuments.Document) throws(CatalogError) {
        do {
            let cursor = JSONCursor(document.json)
            guard let state = try RegisterState(cursor.member("state")).table,
                let stage = Stage(rawValue: try cursor.member("stage").string())
            else { throw cursor.fail("not the record of a dropped table") }
            var returning: Return?
            if let wanted = try cursor.optional("returning") {
                returning = Return(
                    identifier: try TableIdentifier(json: try wanted.member("table").value),
                    version: try wanted.member("register-version").integer())
            }
            self.init(
                identifier: try TableIdentifier(json: try cursor.member("table").value), state: state,
                droppedAt: Timestamp(milliseconds: try cursor.member("dropped-at-ms").integer()),
                isPurge: try cursor.member("purge").bool(), stage: stage,
                stageSince: Timestamp(milliseconds: try cursor.member("stage-since-ms").integer()),
                returning: returning)
        } catch {
            throw CatalogError(.internalError, "\(document.key.rawValue) is damaged: \(error)")
        }
    }
}

/// The records of dropped tables.
struct DroppedTables: Sendable {
    let documents: CatalogDocuments
    let clock: any WallClock

    struct Record: Sendable {
        let table: DroppedTable
        let key: ObjectKey
        let etag: String
    }

    /// Notes that a table was dropped by the entry `version` of its register. Repeating it changes nothing.
    func add(_ table: DroppedTable, version: Int64) async throws(CatalogError) {
        _ = try await documents.write(
            table.json, to: try DroppedTable.key(table.identifier, version), .ifAbsent)
    }

    /// Those of a namespace, or all; the newest drop of a name last. Without those that are damaged: nothing is known of
    /// them, and their files stay.
    func records(in namespace: NamespaceName? = nil) async throws(CatalogError) -> [Record] {
        var prefix = DroppedTable.prefix
        if let namespace { prefix = try DroppedTable.prefix(of: namespace) }
        let keys = try await documents.list(prefix, limit: CatalogLimits.droppedTablesListed).map(\.key)
        let records = try await mapConcurrently(keys, limit: CatalogLimits.concurrentReads) {
            (key) async throws(CatalogError) -> Record? in
            do throws(CatalogError) {
                guard let document = try await documents.read(key) else { return nil }
                return Record(table: try DroppedTable(document), key: document.key, etag: document.etag)
            } catch {
                guard error.code == .internalError else { throw error }
                return nil
            }
        }
        return records.compactMap(\.self)
    }

    /// Moves a record to a stage, unless somebody else has changed it.
    ///
    /// - Returns: nil when somebody has.
    func move(
        _ record: Record, to stage: DroppedTable.Stage, _ returning: DroppedTable.Return? = nil
    ) async throws(CatalogError) -> Record? {
        var table = record.table
        table.stage = stage
        table.returning = returning
        table.stageSince = clock.now()
        guard try await documents.write(table.json, to: record.key.rawValue, .ifMatch(record.etag)),
            let written = try await documents.read(record.key)
        else { return nil }
        return Record(table: table, key: written.key, etag: written.etag)
    }

    func remove(_ record: Record) async throws(CatalogError) { try await documents.delete([record.key]) }
}
