import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable

extension CatalogService {
    enum RollbackTarget: Sendable {
        case snapshot(Int64)
        case time(Timestamp)

        /// For people: behind "no snapshot".
        var name: String {
            switch self {
            case .snapshot(let id): "\(id)"
            case .time(let time): "that was current at \(time.rfc3339())"
            }
        }
    }

    package static let retentionDays = 7.0

    /// Takes old snapshots and references out of the metadata, and tags what the table's thinning keeps. Their files stay for maintenance to remove, which checks what else needs
    /// them. Properties, and with them the watermarks of logs, stay as they are.
    func expireSnapshots(
        _ identifier: TableIdentifier, olderThanDays days: Double, retainLast: Int, _ request: Request
    ) async throws(CatalogError) -> (expired: [Int64], table: Table) {
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let table = try await loadTable(identifier)
            let now = clock.now()
            let expiry = ExpireSnapshots(
                olderThan: Timestamp(milliseconds: now.milliseconds - Int64(days * 86_400_000)), retainLast: retainLast)
            let due: ExpireSnapshots.Expired
            do throws(TableError) {
                due = try expiry.prepare(base: table.file.metadata, now: now)
            } catch {
                throw CatalogError(.badRequest, error.message)
            }
            guard !due.change.updates.isEmpty else { return ([], table) }
            // The references decide what is kept: the change demands that none has moved since.
            let change = TableChange(
                identifier: identifier, requirements: due.change.requirements, updates: due.change.updates)
            do {
                return (due.snapshots.map(\.snapshotID), try await commit(change, request))
            } catch {
                guard error.code == .commitFailed else { throw error }
            }
        }
        throw Self.lost("the table \(identifier)")
    }

    /// Makes an earlier state of `main` the current one again. Watermarks stay: what the logs have committed since is not
    /// committed a second time.
    func rollBack(
        _ identifier: TableIdentifier, to target: RollbackTarget, _ request: Request
    ) async throws(CatalogError) -> Table {
        let metadata = try await loadTable(identifier).file.metadata
        let snapshot: Snapshot?
        switch target {
        case .snapshot(let id): snapshot = metadata.snapshot(id: id)
        case .time(let time): snapshot = metadata.snapshot(asOf: time)
        }
        guard let snapshot else {
            throw CatalogError(.notFound, "\(identifier) has no snapshot \(target.name) (any more)")
        }
        guard Self.isAncestor(snapshot.snapshotID, in: metadata) else {
            throw CatalogError(.badRequest, "snapshot \(snapshot.snapshotID) is not in the history of \"main\"")
        }
        let change = TableChange(
            identifier: identifier,
            requirements: [
                .referenceSnapshotID(reference: SnapshotReference.main, snapshotID: metadata.currentSnapshotID)
            ],
            updates: [
                .setSnapshotReference(
                    name: SnapshotReference.main, SnapshotReference(snapshotID: snapshot.snapshotID))
            ])
        return try await commit(change, request)
    }

    private static func isAncestor(_ id: Int64, in metadata: TableMetadata) -> Bool {
        var seen: Set<Int64> = []
        var next = metadata.currentSnapshot
        while let snapshot = next, seen.insert(snapshot.snapshotID).inserted {
            if snapshot.snapshotID == id { return true }
            next = snapshot.parentSnapshotID.flatMap { metadata.snapshot(id: $0) }
        }
        return false
    }
}
