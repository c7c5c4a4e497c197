import Clocks
import IcebergCatalog
import IcebergSpec
import ObjectStore
import Synchronization

/// What a run of purges did.
package struct PurgeReport: Sendable {
    package var purged: [TableIdentifier] = []
    package var filesDeleted = 0
    /// Files that another table needs, or that lie outside the table's location.
    package var filesKept = 0
    /// Tables whose time to be brought back is over and whose files stay.
    package var forgotten: [TableIdentifier] = []
    package var failed: [(table: TableIdentifier, reason: String)] = []
    /// Tables whose files stay for now, since a table that cannot be read may need them.
    package var skipped: [(table: TableIdentifier, reason: String)] = []
}

extension CatalogService {
    /// Ends the time of dropped tables whose retention is over: forgets them, and deletes the files of those that were
    /// purged. Any replica may run it at any time; a run that was cut short is continued by the next.
    ///
    /// Deleted is only what the table's own metadata names, below its own location, and no table that is there refers to.
    /// Where a table cannot be read, only tables whose files came after its last commit are purged.
    ///
    /// - Throws: `.serviceUnavailable` when the store fails: then nothing is deleted.
    package func runPurges() async throws(CatalogError) -> PurgeReport {
        let due = try await endedDrops()
        let report = try await purge(due)
        let ended = Set(report.purged + report.forgotten)
        await forgetGrants(
            at: due.filter { ended.contains($0.table.identifier) }.map { record in
                GrantTable.Place(object: .table(record.table.identifier), uuid: record.table.state.tableUUID)
            })
        purgesSkipped.withLock { $0 = report.skipped.count }
        return report
    }

    /// Records of tables whose time is over, without those that came back.
    private func endedDrops() async throws(CatalogError) -> [DroppedTables.Record] {
        var ended: [DroppedTables.Record] = []
        for record in try await dropped.records() where isDue(record.table) {
            if record.table.stage == .restored {
                try await dropped.remove(record)
            } else if try await hasReturned(record) {
                await noteReturn([record])
            } else {
                ended.append(record)
            }
        }
        return ended
    }

    private func purge(_ ended: [DroppedTables.Record]) async throws(CatalogError) -> PurgeReport {
        var report = PurgeReport()
        var due: [DroppedTables.Record] = []
        for record in ended {
            if record.table.isPurge {
                due.append(record)
            } else {
                try await dropped.remove(record)
                report.forgotten.append(record.table.identifier)
            }
        }
        guard !due.isEmpty else { return report }
        var claimed: [DroppedTables.Record] = []
        for record in due {
            if record.table.stage == .purging {
                claimed.append(record)
            } else if let held = try await dropped.move(record, to: .purging) {
                claimed.append(held)
            }
        }
        // Read only after no purged table can come back any more.
        let needed = try await neededFiles()
        for record in claimed { await purge(record, sparing: needed, &report) }
        return report
    }

    private func isDue(_ table: DroppedTable) -> Bool {
        let now = clock.now()
        switch table.stage {
        case .purging: return true
        case .dropped: return now >= table.end(retention: dropRetentionMilliseconds)
        case .restoring, .restored:
            // Whoever brought it back has died on the way, or has done it; no request of theirs is under way.
            let age = now.milliseconds - table.stageSince.milliseconds
            return age > CatalogLimits.restoreMilliseconds && now >= table.end(retention: dropRetentionMilliseconds)
        }
    }

    private func purge(
        _ record: DroppedTables.Record, sparing needed: NeededFiles, _ report: inout PurgeReport
    ) async {
        let table = record.table
        do throws(CatalogError) {
            if let file = try await metadataStillThere(table.state) {
                let own = try await ownFiles(of: file)
                if let reason = try await needed.doubt(own.reduce(into: []) { $0.formUnion($1) }, warehouse.store) {
                    report.skipped.append((table.identifier, reason))
                    return
                }
                // What leads to the others goes last, so that a run cut short can be continued.
                for files in own {
                    let gone = files.subtracting(needed.files)
                    try await delete(gone)
                    report.filesDeleted += gone.count
                    report.filesKept += files.count - gone.count
                }
            }
            await removeName(of: table.state)
            try await dropped.remove(record)
            report.purged.append(table.identifier)
        } catch {
            report.failed.append((table.identifier, error.message))
        }
    }

    /// nil once an earlier run has deleted it.
    private func metadataStillThere(_ state: TableState) async throws(CatalogError) -> StoredMetadata? {
        do {
            let file = try await files.readPresent(state.metadataLocation)
            return file.metadata.properties["gc.enabled"]?.lowercased() == "false" ? nil : file
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
    }

    /// What a table's metadata leads to below its location: data, what leads to it, the metadata file itself.
    private func ownFiles(of file: StoredMetadata) async throws(CatalogError) -> [Set<ObjectLocation>] {
        let references = try await TableReferences.load(file, loader, isComplete: false)
        let root = try warehouse.resolve(file.metadata.location).place
        func own(_ paths: Set<String>) -> Set<ObjectLocation> {
            Set(
                paths.compactMap { place($0) }.filter {
                    $0.bucket == root.bucket && $0.key.rawValue.hasPrefix(root.key.rawValue + "/")
                })
        }
        return [own(references.data), own(references.metadata.subtracting([file.location])), own([file.location])]
    }

    private func delete(_ files: Set<ObjectLocation>) async throws(CatalogError) {
        for (bucket, places) in Dictionary(grouping: files, by: \.bucket) {
            do {
                try await warehouse.store.delete(bucket, places.map(\.key))
            } catch {
                throw CatalogError(.serviceUnavailable, "deleting files of a purged table: \(error.message)")
            }
        }
    }
}
