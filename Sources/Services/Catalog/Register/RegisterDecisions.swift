import Bytes
import Clocks
import Failpoints
import IcebergCatalog
import JSONFormat
import ObjectStore
import Synchronization

/// What multi-table transactions were decided to be.
extension RegisterStore {
    /// Decides a transaction, or finds that it has been decided otherwise.
    package func decide(_ id: UUID, _ wanted: RegisterDecision) async throws(CatalogError) -> RegisterDecision {
        let place = try decisionLocation(id)
        Failpoint.catalogBeforeDecisionPut.pass()
        let put = try await putProved(place, ["outcome": .string(wanted.rawValue)])
        Failpoint.catalogAfterDecisionPut.pass()
        switch put {
        case .stored, .alreadySame:
            decisions.withLock { $0.set(id, wanted) }
            return wanted
        case .differs:
            guard let decision = try await decision(of: id) else {
                throw CatalogError(.commitStateUnknown, "the decision \(place) was there and is gone")
            }
            return decision
        }
    }

    func decision(of id: UUID) async throws(CatalogError) -> RegisterDecision? {
        if let known = decisions.withLock({ $0.value(id) }) { return known }
        let place = try decisionLocation(id)
        do {
            let object = try await store.get(place, range: nil)
            guard let text = try JSONValue.parse(object.bytes)["outcome"]?.string,
                let decision = RegisterDecision(rawValue: text)
            else { throw CatalogError(.internalError, "the decision \(place) is damaged") }
            decisions.withLock { $0.set(id, decision) }
            return decision
        } catch let error as CatalogError {
            throw error
        } catch let error as ObjectStoreError {
            if error.code == .notFound { return nil }
            throw CatalogError(.serviceUnavailable, "reading the decision \(place): \(error.message)")
        } catch {
            throw CatalogError(.internalError, "the decision \(place) is damaged: \(error)")
        }
    }

    private func decisionLocation(_ id: UUID) throws(CatalogError) -> ObjectLocation {
        do {
            return ObjectLocation(bucket: bucket, key: try ObjectKey("transactions/\(id)"))
        } catch {
            throw CatalogError(.internalError, error.message)
        }
    }
}
