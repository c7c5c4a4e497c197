import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore
import Synchronization

/// Judges a world that has come to rest.
struct SimulationOracle: Sendable {
    let world: SimulatedWorld

    func judge() async {
        var ledger = world.ledger.withLock { $0 }
        ledger.acknowledged.subtract(ledger.forgiven)
        await judge(world.table, ledger)
        if let side = world.sideTable {
            await judge(
                side,
                SimulatedWorld.Ledger(
                    sent: ledger.sent.filter { $0.hasSuffix("0") },
                    acknowledged: ledger.acknowledged.subtracting(ledger.passedOver).filter { $0.hasSuffix("0") }))
        }
    }

    private func judge(_ table: TableIdentifier, _ ledger: SimulatedWorld.Ledger) async {
        let history = world.catalog.history(table)
        guard let last = history.last else {
            if !ledger.acknowledged.isEmpty { world.findings.add("there is no table \(table)") }
            return
        }
        judgeHistory(history)
        do {
            try await judgeContent(last, ledger)
            try await judgeFiles(last)
        } catch {
            world.findings.add("dangling: the table \(table) cannot be read: \(error)")
        }
    }

    /// Acknowledged ⊆ table ⊆ sent, nothing twice.
    private func judgeContent(_ metadata: TableMetadata, _ ledger: SimulatedWorld.Ledger) async throws {
        let reader = world.reader
        var seen: Set<String> = []
        var twice: Set<String> = []
        if let snapshot = metadata.currentSnapshot {
            for entry in try await reader.liveFiles(of: snapshot, in: metadata) {
                let ids = try await reader.ids(in: entry.file.path)
                if Int64(ids.count) != entry.file.recordCount {
                    world.findings.add("\(entry.file.path) has \(ids.count) rows, not \(entry.file.recordCount)")
                }
                for id in ids where !seen.insert(id).inserted { twice.insert(id) }
            }
        }
        report("lost", ledger.acknowledged.subtracting(seen))
        report("doubled", twice)
        report("never sent", seen.subtracting(ledger.sent))
    }

    private func report(_ what: String, _ ids: Set<String>) {
        if !ids.isEmpty { world.findings.add("\(what): \(ids.sorted().joined(separator: " "))") }
    }

    /// Every file that any snapshot names exists.
    private func judgeFiles(_ metadata: TableMetadata) async throws {
        let reader = world.reader
        var seen: Set<String> = []
        for snapshot in metadata.snapshots {
            var objects = try await reader.loader.manifests(of: snapshot).map(\.path)
            if let list = snapshot.manifestList { objects.append(list) }
            for path in objects where seen.insert(path).inserted { try await judge(path, of: snapshot) }
            for entry in try await reader.liveFiles(of: snapshot, in: metadata)
            where seen.insert(entry.file.path).inserted {
                try await judge(entry.file.path, of: snapshot)
            }
        }
    }

    private func judge(_ path: String, of snapshot: Snapshot) async throws {
        guard try await world.bucket.head(try world.bucket.location(of: path)) == nil else { return }
        world.findings.add("dangling: snapshot \(snapshot.snapshotID) needs \(path), which is gone")
    }

    /// One line: each state's snapshot is that of the state before, or follows on it; watermarks only grow.
    private func judgeHistory(_ history: [TableMetadata]) {
        for (before, after) in zip(history, history.dropFirst()) {
            let (old, new) = (before.currentSnapshot, after.currentSnapshot)
            if new?.snapshotID != old?.snapshotID {
                if new?.parentSnapshotID != old?.snapshotID || new?.sequenceNumber ?? 0 <= old?.sequenceNumber ?? 0 {
                    world.findings.add("forked: \(new?.snapshotID ?? 0) does not follow on \(old?.snapshotID ?? 0)")
                }
            }
            for (property, value) in before.properties where property.hasSuffix(".committed") {
                guard let now = after.properties[property].flatMap({ UInt64($0) }), let then = UInt64(value),
                    now >= then
                else {
                    world.findings.add("\(property) fell from \(value) to \(after.properties[property] ?? "nothing")")
                    continue
                }
            }
        }
    }
}
