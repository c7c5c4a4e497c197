import Clocks
import IcebergCatalog
import JSONFormat

extension CatalogService {
    /// The newest commits of a table, the newest first, and the one that waits for a decision.
    ///
    /// - Throws: `.noSuchTable` for a name that has none and had none.
    func commits(of identifier: TableIdentifier, limit: Int) async throws(CatalogError) -> JSONValue {
        let history = try await registers.history(try RegisterChain.table(identifier), limit: limit)
        guard !history.isEmpty else { throw Self.noSuchTable(identifier) }
        let now = clock.now()
        let stuck = history.filter { $0.entry?.transaction != nil && $0.decision == nil || $0.entry == nil }
        return [
            "table": identifier.json,
            "transactions": .array(history.map { Self.describe($0, at: now) }),
            "stuck": .array(stuck.map { Self.describe($0, at: now) }),
        ]
    }

    private static func describe(_ recorded: RegisterStore.Recorded, at now: Timestamp) -> JSONValue {
        var object = JSONObject([.init(key: "version", value: JSONValue(recorded.version))])
        guard let entry = recorded.entry else {
            object["status"] = "damaged"
            object["message"] = .string(recorded.problem ?? "")
            object["remedy"] = "recover writes it anew"
            return .object(object)
        }
        object["time"] = .string(entry.time.rfc3339())
        object["age-seconds"] = JSONValue(max(0, (now.milliseconds - entry.time.milliseconds) / 1000))
        object["operation"] = .string(entry.operation)
        if let state = recorded.state?.table {
            object["metadata-location"] = .string(state.metadataLocation)
            object["table-uuid"] = .string(state.tableUUID)
        }
        if let transaction = entry.transaction { object["transaction-id"] = .string(transaction.id.description) }
        switch recorded.decision {
        case .committed?: object["status"] = "committed"
        case .aborted?: object["status"] = "aborted"
        case nil:
            object["status"] = "undecided"
            object["remedy"] = "none needed: the next commit to the table decides it as aborted"
        }
        return .object(object)
    }
}
