import Clocks
import Concurrency
import Failpoints
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore

/// Puts an append that lost a race on top of the snapshot that won: the same new manifests, listed together with those
/// of the present snapshot, under the next sequence number.
///
/// Only where the table asks for it (`commit.rebase.enabled`), and only for a commit that does nothing but append: its
/// result does not depend on what others appended meanwhile. A commit that sets a log's watermark depends on the base
/// it was checked against, and is refused like any other that lost.
struct Rebase: Sendable {
    static let enabledProperty = "commit.rebase.enabled"
    /// Properties below this say how far a log has been committed.
    static let watermarkPrefix = "analytics.log."

    /// In the summary of a rebased snapshot: the manifest list its writer gave it.
    static let originalListKey = "rebased-manifest-list"

    let loader: ManifestLoader

    /// A manifest list that is yet to be written. Whoever reads through the loader finds it already.
    struct List: Sendable {
        let location: String
        let bytes: [UInt8]
    }

    /// What a commit of one append consists of.
    private struct Append {
        let snapshot: Snapshot
        let branch: String
        let reference: SnapshotReference
    }

    /// The updates to apply instead, and the manifest list they name; nil when the commit is not to be rebased. Nothing is
    /// written.
    func rebased(
        _ change: CatalogService.TableChange, on base: TableMetadata
    ) async throws(CatalogError) -> (updates: [TableUpdate], list: List)? {
        guard base.properties[Self.enabledProperty] == "true", base.formatVersion >= 2,
            base.lastSequenceNumber < .max,
            let append = Self.append(in: change), onlyTheBranchMoved(change, append, base),
            let current = base.references[append.branch].flatMap({ base.snapshot(id: $0.snapshotID) }),
            base.snapshot(id: append.snapshot.snapshotID) == nil
        else { return nil }
        let sequenceNumber = base.lastSequenceNumber + 1
        let listed = try await manifests(of: append.snapshot)
        guard let own = newManifests(listed, of: append.snapshot) else { return nil }
        let present = try await manifests(of: current)
        guard Self.deletes(in: present).isSubset(of: Self.deletes(in: listed)) else { return nil }
        var snapshot = append.snapshot
        var rebased = own.map { $0.rebased(to: sequenceNumber) }
        if base.formatVersion >= 3 {
            guard try await takesRowIDs(rebased, present, base) else { return nil }
            assignRowIDs(to: &rebased, of: &snapshot, base)
        }
        let manifests = rebased + present
        // Those of version 1 may not be: counting them is the writer's work.
        guard manifests.allSatisfy(\.isCounted) else { return nil }

        snapshot.parentSnapshotID = current.snapshotID
        snapshot.sequenceNumber = sequenceNumber
        // It is made now, however long its files have waited: a table takes no snapshot from long before its last change.
        snapshot.timestampMilliseconds = max(
            append.snapshot.timestampMilliseconds, current.timestampMilliseconds, base.lastUpdatedMilliseconds)
        snapshot.summary = Self.totals(adding: append.snapshot.summary, to: current.summary)
        snapshot.summary[Self.originalListKey] = append.snapshot.manifestList
        let list = try list(of: manifests, for: snapshot, base)
        snapshot.manifestList = list.location
        loader.cache.insert(list: manifests, path: list.location)
        let updates = change.updates.map { update in
            if case .addSnapshot = update { TableUpdate.addSnapshot(snapshot) } else { update }
        }
        return (updates, list)
    }

    /// Reads the manifest lists of appends that may have to be rebased, together. What cannot be read is found out when it
    /// is needed.
    func prefetch(_ changes: [CatalogService.TableChange], for base: TableMetadata) async {
        guard base.properties[Self.enabledProperty] == "true", changes.count > 1 else { return }
        let snapshots = changes.compactMap { Self.append(in: $0)?.snapshot }
        _ = await mapConcurrently(snapshots, limit: CatalogLimits.commitPutsMax) { snapshot in
            do { _ = try await loader.manifests(of: snapshot) } catch { return }
        }
    }

    // MARK: - What may be rebased

    /// The append that `change` is, if it is nothing else.
    private static func append(in change: CatalogService.TableChange) -> Append? {
        var snapshot: Snapshot?
        var reference: (name: String, value: SnapshotReference)?
        for update in change.updates {
            switch update {
            case .addSnapshot(let added) where snapshot == nil && added.operation == "append": snapshot = added
            case .setSnapshotReference(let name, let value) where reference == nil && value.kind == .branch:
                reference = (name, value)
            case .setProperties(let properties)
            where !properties.keys.contains(where: { $0.hasPrefix(watermarkPrefix) }):
                continue
            default: return nil
            }
        }
        guard let snapshot, let reference, reference.value.snapshotID == snapshot.snapshotID,
            !snapshot.summary.keys.contains(where: { $0.hasPrefix(watermarkPrefix) })
        else { return nil }
        return Append(snapshot: snapshot, branch: reference.name, reference: reference.value)
    }

    /// Whether every requirement but the branch's position still holds, and the columns and partitions are those the
    /// files were written for.
    private func onlyTheBranchMoved(
        _ change: CatalogService.TableChange, _ append: Append, _ base: TableMetadata
    ) -> Bool {
        for requirement in change.requirements {
            if case .referenceSnapshotID(append.branch, let expected) = requirement {
                guard expected == append.snapshot.parentSnapshotID else { return false }
                continue
            }
            do { try requirement.check(against: base) } catch { return false }
        }
        return append.snapshot.schemaID == nil || append.snapshot.schemaID == base.currentSchemaID
    }

    /// The manifests that the append itself wrote; nil when it also rewrote or removed some.
    private func newManifests(_ listed: [ManifestFile], of snapshot: Snapshot) -> [ManifestFile]? {
        let own = listed.filter { $0.addedSnapshotID == snapshot.snapshotID }
        let isPureAppend = own.allSatisfy {
            $0.content == .data && $0.existingFilesCount == 0 && $0.deletedFilesCount == 0
        }
        return isPureAppend && !own.isEmpty ? own : nil
    }

    /// Deletes committed meanwhile apply to files by sequence number, and a writer may have put the number it expected
    /// into its entries: then only the writer can commit again.
    private static func deletes(in manifests: [ManifestFile]) -> Set<String> {
        Set(manifests.filter { $0.content == .deletes }.map(\.path))
    }

    /// Whether rows get their ids from the new manifests alone, as version 3 has it for appended files, and those present
    /// have theirs: tables that were upgraded get them with the next commit that its writer makes.
    private func takesRowIDs(
        _ own: [ManifestFile], _ present: [ManifestFile], _ base: TableMetadata
    ) async throws(CatalogError) -> Bool {
        guard present.allSatisfy({ $0.content == .deletes || $0.firstRowID != nil }) else { return false }
        for manifest in own {
            var bare = manifest
            bare.firstRowID = nil
            do {
                guard try await loader.entries(of: bare, in: base).allSatisfy({ $0.file.firstRowID == nil }) else {
                    return false
                }
            } catch {
                throw CatalogError(.commitFailed, "the manifest \(manifest.path) cannot be read: \(error.message)")
            }
        }
        return true
    }

    /// The ids after the table's last: those the writer counted from are taken.
    private func assignRowIDs(to own: inout [ManifestFile], of snapshot: inout Snapshot, _ base: TableMetadata) {
        let first = base.nextRowID ?? 0
        for index in own.indices { own[index].firstRowID = nil }
        snapshot.firstRowID = first
        snapshot.addedRows = ManifestList.assignRowIDs(&own, from: first) - first
    }

    // MARK: - Parts

    private func manifests(of snapshot: Snapshot) async throws(CatalogError) -> [ManifestFile] {
        do {
            return try await loader.manifests(of: snapshot)
        } catch {
            throw CatalogError(
                .commitFailed, "the manifest list of snapshot \(snapshot.snapshotID) cannot be read: \(error.message)")
        }
    }

    private func list(
        of manifests: [ManifestFile], for snapshot: Snapshot, _ base: TableMetadata
    ) throws(CatalogError) -> List {
        let uuid = UUID.random()
        let folder = base.properties["write.metadata.path"] ?? "\(base.location)/metadata"
        let uri = "\(folder)/snap-\(snapshot.snapshotID)-\(snapshot.sequenceNumber)-\(uuid).avro"
        do {
            let bytes = try ManifestList.encode(
                manifests, formatVersion: base.formatVersion, snapshotID: snapshot.snapshotID,
                parentSnapshotID: snapshot.parentSnapshotID, sequenceNumber: snapshot.sequenceNumber,
                firstRowID: snapshot.firstRowID, sync: uuid.bytes)
            return List(location: uri, bytes: bytes)
        } catch {
            throw CatalogError(.commitFailed, "the append cannot be rebased: \(error)")
        }
    }

    /// Puts a list under its random name. It counts for nobody until a metadata file names it.
    func write(_ list: List) async throws(CatalogError) {
        do {
            Failpoint.catalogBeforeListPut.pass()
            _ = try await loader.store.putIfAbsentProved(try loader.store.location(of: list.location), list.bytes)
            Failpoint.catalogAfterListPut.pass()
        } catch {
            throw CatalogError(
                .commitFailed, "the rebased manifest list \(list.location) was not written: \(error.message)")
        }
    }

    /// Deletes lists that nothing names, as far as the store allows: the orphan collector finds what stays.
    func discard(_ lists: [List]) async {
        for list in lists {
            do throws(ObjectStoreError) {
                let place = try loader.store.location(of: list.location)
                try await loader.store.delete(place.bucket, [place.key])
            } catch {
                continue
            }
        }
    }

    /// Totals of the present snapshot plus what the append adds.
    static func totals(adding added: [String: String], to current: [String: String]) -> [String: String] {
        let counters = [
            ("total-data-files", "added-data-files"), ("total-records", "added-records"),
            ("total-files-size", "added-files-size"), ("total-delete-files", "added-delete-files"),
            ("total-position-deletes", "added-position-deletes"), ("total-equality-deletes", "added-equality-deletes"),
        ]
        var summary = added
        for (total, change) in counters {
            guard added[total] != nil || current[total] != nil else { continue }
            // A total that the present snapshot does not know cannot be continued.
            guard let before = current[total].flatMap({ Int64($0) }) else {
                summary[total] = nil
                continue
            }
            let (sum, overflow) = before.addingReportingOverflow(added[change].flatMap { Int64($0) } ?? 0)
            summary[total] = overflow ? nil : String(sum)
        }
        return summary
    }
}
