import Clocks
import IcebergCatalog
import IcebergSpec

/// Which snapshots a table keeps (specification: "Snapshot Retention Policy").
struct SnapshotRetention: Sendable {
    static let defaultDays = 7.0

    let ageMilliseconds: Int64
    let snapshotsToKeep: Int

    /// Kept are what references point to and, of each branch, the newest ancestors and those not yet old. A branch's own
    /// policy wins over the request's.
    func expired(in metadata: TableMetadata, at now: Timestamp) -> [Int64] {
        var kept = Set(metadata.references.values.map(\.snapshotID))
        let parents = Dictionary(metadata.snapshots.map { ($0.snapshotID, $0) }) { first, _ in first }
        let requestLimit = now.milliseconds - ageMilliseconds
        for reference in metadata.references.values where reference.kind == .branch {
            let count = reference.minSnapshotsToKeep ?? snapshotsToKeep
            let limit = reference.maxSnapshotAgeMilliseconds.map { now.milliseconds - $0 } ?? requestLimit
            var seen: Set<Int64> = []
            var next = parents[reference.snapshotID]
            while let snapshot = next, seen.insert(snapshot.snapshotID).inserted {
                guard seen.count <= count || snapshot.timestampMilliseconds >= limit else { break }
                kept.insert(snapshot.snapshotID)
                next = snapshot.parentSnapshotID.flatMap { parents[$0] }
            }
        }
        // Snapshots of no branch, such as staged ones, go by age alone.
        return metadata.snapshots.filter {
            !kept.contains($0.snapshotID) && $0.timestampMilliseconds < requestLimit
        }.map(\.snapshotID)
    }
}

extension CatalogService {
    enum RollbackTarget: Sendable {
        case snapshot(Int64)
        case time(Timestamp)
    }

    /// Takes old snapshots out of the metadata. Their files stay for maintenance to remove, which checks what else needs
    /// them. Properties, and with them the watermarks of logs, stay as they are.
    func expireSnapshots(
        _ identifier: TableIdentifier, _ retention: SnapshotRetention, _ request: Request
    ) async throws(CatalogError) -> (expired: [Int64], table: Table) {
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let table = try await loadTable(identifier)
            let metadata = table.file.metadata
            let expired = retention.expired(in: metadata, at: clock.now())
            guard !expired.isEmpty else { return ([], table) }
            // The references decide what is kept: none may have moved since.
            let requirements = metadata.references.map {
                TableRequirement.referenceSnapshotID(reference: $0.key, snapshotID: $0.value.snapshotID)
            }
            let change = TableChange(
                identifier: identifier, requirements: requirements, updates: [.removeSnapshots(expired)])
            do {
                return (expired, try await commit(change, request))
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
            throw CatalogError(.notFound, "\(identifier) has no such snapshot (any more)")
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
