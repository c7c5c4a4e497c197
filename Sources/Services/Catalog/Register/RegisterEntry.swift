import Clocks
import JSONFormat

/// What a register says of its table, namespace or subject.
package enum RegisterState: Hashable, Sendable {
    /// Nothing there: never made, dropped, or renamed away.
    case absent
    case table(TableState)
    case view(ViewState)
    case function(FunctionState)
    case namespace(properties: [String: String])
    case schema(SchemaState)
    case grants(GrantTable)

    var table: TableState? { if case .table(let state) = self { state } else { nil } }
    var grants: GrantTable? { if case .grants(let table) = self { table } else { nil } }
    var view: ViewState? { if case .view(let state) = self { state } else { nil } }
    var function: FunctionState? { if case .function(let state) = self { state } else { nil } }
    var namespaceProperties: [String: String]? { if case .namespace(let properties) = self { properties } else { nil } }

    /// Who lies where: of a table or view.
    var owner: (uuid: String, location: String)? {
        switch self {
        case .table(let table): (table.tableUUID, table.location)
        case .view(let view): (view.viewUUID, view.location)
        case .absent, .namespace, .schema, .function, .grants: nil
        }
    }
}

/// Where a table's current metadata lies. The file is written before the register names it.
package struct TableState: Hashable, Sendable {
    package let metadataLocation: String
    package let tableUUID: String
    /// The table's own location, for the check that tables do not overlap.
    package let location: String
}

/// One version of a register: immutable once created.
package struct RegisterEntry: Hashable, Sendable {
    /// Random: makes the entries of two writers differ, so that reading one back proves who wrote it.
    let id: UUID
    let time: Timestamp
    /// What made it: `create`, `commit`, `drop`, `rename`, … for people and for the history.
    let operation: String
    /// The state from this version on; with `transaction`, only if that was decided to take place.
    let state: RegisterState
    let transaction: PendingTransaction?
    /// The `Idempotency-Key` of every request that had a part in it, so that a repeat is recognised by any replica.
    let idempotencyKeys: [IdempotencyKey]
    /// Who sent these requests.
    let origins: [RequestOrigin]

    /// Operations that take back the version before them, whose request was refused for what came to light after it.
    static let undoing = (creation: "undo-create", end: "restore")
    var undoes: Bool { operation == Self.undoing.creation || operation == Self.undoing.end }

    /// Several registers changed by one decision: each names it, none counts before it is taken.
    struct PendingTransaction: Hashable, Sendable {
        let id: UUID
        /// The state while undecided, and for good once aborted.
        let before: RegisterState
    }
}

// MARK: - JSON

extension RegisterEntry {
    var json: JSONValue {
        var object = JSONObject()
        object["format-version"] = 1
        object["id"] = .string(id.description)
        object["timestamp-ms"] = .integer(time.milliseconds)
        object["operation"] = .string(operation)
        object["state"] = state.json
        if let transaction {
            object["transaction"] = ["id": .string(transaction.id.description), "before": transaction.before.json]
        }
        if !idempotencyKeys.isEmpty {
            object["idempotency-keys"] = .array(idempotencyKeys.map { .string($0.name) })
            let requests = idempotencyKeys.map { $0.fingerprint.map { JSONValue.string($0) } ?? .null }
            if requests.contains(where: { $0 != .null }) { object["idempotency-requests"] = .array(requests) }
        }
        if !origins.isEmpty { object["by"] = .array(origins.map(\.json)) }
        return .object(object)
    }

    init(_ cursor: JSONCursor) throws(JSONError) {
        let version = try cursor.member("format-version").integer()
        guard version == 1 else { throw cursor.fail("register format \(version) is not known to this version") }
        id = try cursor.member("id").uuid()
        time = Timestamp(milliseconds: try cursor.member("timestamp-ms").integer())
        operation = try cursor.member("operation").string()
        state = try RegisterState(cursor.member("state"))
        var keys: [String] = []
        // Entries from before commits were grouped have one.
        if let key = try cursor.optional("idempotency-key") { keys.append(try key.string()) }
        for key in try cursor.optional("idempotency-keys")?.elements() ?? [] { keys.append(try key.string()) }
        // Older releases did not keep what a key was used for.
        let requests = try cursor.optional("idempotency-requests")?.elements() ?? []
        idempotencyKeys = keys.enumerated().map { index, key in
            IdempotencyKey(name: key, fingerprint: index < requests.count ? requests[index].value.string : nil)
        }
        var origins: [RequestOrigin] = []
        for origin in try cursor.optional("by")?.elements() ?? [] { origins.append(try RequestOrigin(origin)) }
        self.origins = origins
        if let pending = try cursor.optional("transaction") {
            transaction = PendingTransaction(
                id: try pending.member("id").uuid(), before: try RegisterState(pending.member("before")))
        } else {
            transaction = nil
        }
    }
}

extension RegisterState {
    var json: JSONValue {
        switch self {
        case .absent: ["kind": "absent"]
        case .namespace(let properties): ["kind": "namespace", "properties": JSONValue(properties)]
        case .schema(let state): state.json
        case .grants(let table): table.json
        case .view(let state): state.json
        case .function(let state): state.json
        case .table(let table):
            [
                "kind": "table", "metadata-location": .string(table.metadataLocation),
                "table-uuid": .string(table.tableUUID), "location": .string(table.location),
            ]
        }
    }

    init(_ cursor: JSONCursor) throws(JSONError) {
        let kind = try cursor.member("kind")
        switch try kind.string() {
        case "absent": self = .absent
        case "namespace": self = .namespace(properties: try cursor.member("properties").stringMap())
        case "table":
            self = .table(
                TableState(
                    metadataLocation: try cursor.member("metadata-location").string(),
                    tableUUID: try cursor.member("table-uuid").string(),
                    location: try cursor.member("location").string()))
        case "function": self = .function(try FunctionState(cursor))
        case "view": self = .view(try ViewState(cursor))
        case "schema": self = .schema(try SchemaState(cursor))
        case "grants": self = .grants(try GrantTable(cursor))
        case let other: throw kind.fail("a register state of kind \"\(other)\" is not known to this version")
        }
    }
}

extension JSONCursor {
    fileprivate func uuid() throws(JSONError) -> UUID {
        guard let uuid = UUID(try string()) else { throw fail("not a UUID") }
        return uuid
    }
}
