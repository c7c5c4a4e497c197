import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore

package struct OrphanResult: Sendable {
    package var objectsListed = 0
    package var orphans: [(path: String, bytes: Int64)] = []
    package var bytes: Int64 = 0
    package var count = 0
    package var isDryRun = true
}

/// Finds files below a table that nothing refers to.
///
/// The storage is listed first and the references are read after, so that a file committed meanwhile counts as referred to. Only data
/// files, manifests and manifest lists are ever deleted: metadata files, hints and what others put there stay.
struct OrphanFiles: Sendable {
    let table: TableIdentifier
    let loader: ManifestLoader
    let committer: TableCommitter
    let clock: any WallClock

    /// - Parameter ageHoursMin: younger files may belong to a commit under way.
    /// - Throws: `.damaged` when a file that the table needs is missing: then the listing cannot be trusted, or there are worse
    ///   problems than orphans.
    func run(ageHoursMin: Int, dryRun: Bool) async throws(CompactionError) -> OrphanResult {
        let before = try await load()
        guard before.properties["gc.enabled"]?.lowercased() != "false" || dryRun else {
            throw CompactionError(.refused, "\(table) has gc.enabled=false: its files belong to others as well")
        }
        let listed = try await list(before)
        let needed = try await FileReferences.load(before.snapshots, in: before, loader: loader)
        try check(needed, of: before, listed)

        let now = try await load()
        var references = try await FileReferences.load(now.snapshots, in: now, loader: loader)
        references.files.formUnion(needed.files)
        references.manifests.formUnion(needed.manifests)
        references.manifestLists.formUnion(needed.manifestLists)
        let statistics = (now.statistics.map(\.path) + now.partitionStatistics.map(\.path))
        let all = references.files.union(references.manifests).union(references.manifestLists).union(statistics)
        var used: Set<ObjectLocation> = []
        for path in all {
            do throws(ObjectStoreError) { used.insert(try loader.store.location(of: path)) } catch { continue }
        }
        let youngest = Timestamp(
            microseconds: clock.now().microseconds - Int64(max(ageHoursMin, CompactionLimits.orphanAgeHoursMin))
                * 3_600_000_000)
        var result = OrphanResult(objectsListed: listed.count, isDryRun: dryRun)
        var orphans: [ObjectLocation] = []
        for (location, info) in listed where !used.contains(location) && info.lastModified < youngest {
            guard Self.isRemovable(location.key) else { continue }
            orphans.append(location)
            result.bytes += info.size
            if result.orphans.count < CompactionLimits.filesListed {
                result.orphans.append((loader.store.uri(of: location), info.size))
            }
        }
        result.count = orphans.count
        if !dryRun { await committer.remove(orphans) }
        return result
    }

    private func load() async throws(CompactionError) -> TableMetadata {
        do {
            return try await committer.catalog.loadTable(table).metadata
        } catch {
            throw CompactionError(error)
        }
    }

    static func isRemovable(_ key: ObjectKey) -> Bool {
        [".parquet", ".avro", ".orc", ".puffin"].contains { key.rawValue.hasSuffix($0) }
    }

    /// Those below the table's location: what lies elsewhere may be another table's.
    static func folders(of metadata: TableMetadata) -> [String] {
        let owned = OwnedPrefix(metadata)
        let folders = [
            metadata.properties["write.data.path"] ?? "\(owned.prefix)data",
            metadata.properties["write.metadata.path"] ?? "\(owned.prefix)metadata",
        ]
        return folders.filter { owned.contains("\($0)/") }
    }

    private func list(_ metadata: TableMetadata) async throws(CompactionError) -> [(ObjectLocation, ObjectInfo)] {
        var found: [(ObjectLocation, ObjectInfo)] = []
        for folder in Self.folders(of: metadata) {
            do throws(ObjectStoreError) {
                // A name below the folder gives its bucket and key prefix.
                let probe = try loader.store.location(of: "\(folder)/x")
                let prefix = String(probe.key.rawValue.dropLast())
                var next: String?
                repeat {
                    let page = try await loader.store.list(
                        probe.bucket, prefix: prefix, delimiter: nil, startAfter: next, limit: 1000)
                    found += page.objects.map { (ObjectLocation(bucket: probe.bucket, key: $0.key), $0) }
                    next = page.next
                } while next != nil
            } catch {
                throw CompactionError(error, folder)
            }
        }
        return found
    }

    private func check(
        _ needed: FileReferences, of metadata: TableMetadata, _ listed: [(ObjectLocation, ObjectInfo)]
    ) throws(CompactionError) {
        let present = Set(listed.map(\.0))
        let folders = Self.folders(of: metadata)
        for path in [needed.files, needed.manifests, needed.manifestLists].joined()
        where folders.contains(where: { path.hasPrefix("\($0)/") }) {
            do throws(ObjectStoreError) {
                guard present.contains(try loader.store.location(of: path)) else {
                    throw ObjectStoreError(.notFound, "the table needs it, and the listing does not have it")
                }
            } catch {
                throw CompactionError(error, path)
            }
        }
    }
}
