import Clocks
import IcebergCatalog
import JSONFormat

/// One version of a register, as its history shows it.
struct RecordedChange: Sendable {
    let subject: RecordedSubject
    let version: Int64
    /// nil for a version that cannot be read.
    let entry: RegisterEntry?
    /// nil while its transaction is not decided.
    let decision: RegisterDecision?
    /// Of what there was before a drop.
    let kindBefore: ObjectKind?

    init(
        _ subject: RecordedSubject, _ version: Int64, _ entry: RegisterEntry?, _ decision: RegisterDecision?,
        kindBefore: ObjectKind? = nil
    ) {
        self.subject = subject
        self.version = version
        self.entry = entry
        self.decision = decision
        self.kindBefore = kindBefore
    }

    var time: Timestamp { entry?.time ?? Timestamp(milliseconds: 0) }
    var kind: ObjectKind? { entry?.state.kind ?? kindBefore }

    /// - Parameter isForAudit: with who made it.
    func json(isForAudit: Bool) -> JSONObject {
        var object = JSONObject()
        subject.describe(in: &object, kind: kind)
        object["version"] = .integer(version)
        guard let entry else {
            object["operation"] = "unreadable"
            return object
        }
        object["operation"] = .string(entry.operation)
        object["timestamp-ms"] = .integer(entry.time.milliseconds)
        switch entry.state {
        case .table(let table):
            object["uuid"] = .string(table.tableUUID)
            object["metadata-location"] = .string(table.metadataLocation)
        case .view(let view):
            object["uuid"] = .string(view.viewUUID)
            object["metadata-location"] = .string(view.metadataLocation)
        case .absent, .namespace, .schema, .function, .grants: break
        }
        if let transaction = entry.transaction { object["transaction"] = .string(transaction.id.description) }
        if isForAudit {
            object["outcome"] = .string(decision?.rawValue ?? "undecided")
            object["by"] = .array(entry.origins.map(\.json))
        }
        return object
    }
}

extension RegisterStore {
    /// A version with what became of it; nil when there is none.
    func change(
        of subject: RecordedSubject, _ chain: RegisterChain, _ version: Int64
    ) async throws(CatalogError) -> RecordedChange? {
        do throws(CatalogError) {
            guard let entry = try await entry(chain, version) else { return nil }
            var decision: RegisterDecision? = .committed
            if let transaction = entry.transaction { decision = try await self.decision(of: transaction.id) }
            return RecordedChange(
                subject, version, entry, decision, kindBefore: try await kindBefore(entry, chain, version))
        } catch {
            guard error.code == .internalError else { throw error }
            return RecordedChange(subject, version, nil, .committed)
        }
    }

    /// Whether it was a table or a view that is gone with `entry`.
    private func kindBefore(
        _ entry: RegisterEntry, _ chain: RegisterChain, _ version: Int64
    ) async throws(CatalogError) -> ObjectKind? {
        if let before = entry.transaction?.before.kind { return before }
        guard entry.state == .absent, version > 1 else { return nil }
        do throws(CatalogError) {
            return try await self.entry(chain, version - 1)?.state.kind
        } catch {
            guard error.code == .internalError else { throw error }
            return nil
        }
    }
}
