import Clocks
import IcebergSpec
import ObjectStore

/// What every change of a table's files has in common: names, manifests, the manifest list, the snapshot.
struct CommitBuilder {
    let base: TableMetadata
    let loader: ManifestLoader
    let snapshotID: Int64
    /// Of the commit that is prepared.
    let sequenceNumber: Int64

    private let random: any RandomSource
    private let now: Timestamp
    private let commitID: UUID
    private let folder: String
    private var manifestCount = 0
    private(set) var objects: [PreparedCommit.Object] = []

    /// - Throws: `.unsupported` for a table of format version 1, which has no sequence numbers to order commits by.
    init(
        base: TableMetadata, loader: ManifestLoader, random: any RandomSource, now: Timestamp
    ) throws(TableError) {
        guard base.formatVersion >= 2 else {
            throw TableError(.unsupported, "tables of format version \(base.formatVersion) are only read: upgrade to 2")
        }
        self.base = base
        self.loader = loader
        self.random = random
        self.now = now
        sequenceNumber = base.lastSequenceNumber + 1
        commitID = UUID.random(random)
        snapshotID = Self.freshSnapshotID(base, random)
        var folder = base.properties["write.metadata.path"] ?? "\(base.location)/metadata"
        while folder.hasSuffix("/") { folder.removeLast() }
        self.folder = folder
    }

    /// Positive and not yet used in the table.
    private static func freshSnapshotID(_ base: TableMetadata, _ random: any RandomSource) -> Int64 {
        while true {
            let id = Int64(random.next() >> 1)
            if id > 0, base.snapshot(id: id) == nil { return id }
        }
    }

    // MARK: - Manifests

    /// Writes one manifest of `entries`, all of one spec and content, in their order.
    mutating func writeManifest(
        _ entries: [ManifestEntry], specID: Int, content: ManifestFile.Content = .data
    ) throws(TableError) -> ManifestFile {
        guard let spec = base.partitionSpec(id: specID) else {
            throw TableError(.invalid, "the table has no partition spec \(specID)")
        }
        let name = "\(snapshotID)-m\(manifestCount)-\(commitID).avro"
        manifestCount += 1
        let location = try place(name)
        let uri = loader.store.uri(of: location)
        let result: (file: ManifestFile, bytes: [UInt8])
        do throws(IcebergError) {
            var writer = try ManifestWriter(
                schema: base.currentSchema, spec: spec, types: base.partitionTypes(of: spec), content: content,
                formatVersion: base.formatVersion, sync: UUID.random(random).bytes)
            for entry in entries { try writer.append(entry) }
            result = try writer.finish(path: uri, snapshotID: snapshotID, sequenceNumber: sequenceNumber)
        } catch {
            throw TableError(error)
        }
        objects.append(PreparedCommit.Object(location: location, bytes: result.bytes))
        return result.file
    }

    /// Writes manifests of `entries`, one for each partition spec among them.
    mutating func writeManifests(_ entries: [ManifestEntry]) throws(TableError) -> [ManifestFile] {
        var bySpec: [Int: [ManifestEntry]] = [:]
        for entry in entries { bySpec[entry.file.specID, default: []].append(entry) }
        var files: [ManifestFile] = []
        for (specID, entries) in bySpec.sorted(by: { $0.key < $1.key }) {
            files.append(try writeManifest(entries, specID: specID))
        }
        return files
    }

    /// Takes back manifests of this commit that were merged into another.
    mutating func drop(paths: Set<String>) {
        let store = loader.store
        objects.removeAll { paths.contains(store.uri(of: $0.location)) }
    }

    /// The object a metadata file of this name is, within what the store allows.
    private func place(_ name: String) throws(TableError) -> ObjectLocation {
        do {
            return try loader.store.location(of: "\(folder)/\(name)")
        } catch {
            throw TableError(.invalid, "the table's metadata folder \(folder) cannot be written: \(error.message)")
        }
    }

    // MARK: - The snapshot

    /// - Parameter properties: table properties to set in the same commit.
    mutating func finish(
        _ operation: SnapshotOperation, manifests: [ManifestFile], changes: SnapshotChanges,
        summary: [String: String], properties: [String: String]
    ) throws(TableError) -> PreparedCommit {
        var manifests = manifests
        let firstRowID = base.formatVersion >= 3 ? base.nextRowID ?? 0 : nil
        let nextRowID = firstRowID.map { ManifestList.assignRowIDs(&manifests, from: $0) }
        let parent = base.currentSnapshot
        let location = try place("snap-\(snapshotID)-1-\(commitID).avro")
        let uri = loader.store.uri(of: location)
        do throws(IcebergError) {
            let bytes = try ManifestList.encode(
                manifests, formatVersion: base.formatVersion, snapshotID: snapshotID,
                parentSnapshotID: parent?.snapshotID, sequenceNumber: sequenceNumber, firstRowID: firstRowID,
                sync: UUID.random(random).bytes)
            objects.append(PreparedCommit.Object(location: location, bytes: bytes))
        } catch {
            throw TableError(error)
        }
        // The next commit on top of this one need not fetch what was just written. The name is this attempt's alone.
        loader.cache.insert(list: manifests, path: uri)
        let snapshot = Snapshot(
            snapshotID: snapshotID, parentSnapshotID: parent?.snapshotID, sequenceNumber: sequenceNumber,
            timestampMilliseconds: max(now.milliseconds, parent?.timestampMilliseconds ?? .min), manifestList: uri,
            summary: changes.summary(operation, after: parent, extra: summary), schemaID: base.currentSchemaID,
            firstRowID: firstRowID, addedRows: nextRowID.map { $0 - (firstRowID ?? 0) })
        return PreparedCommit(
            objects: objects, updates: updates(snapshot, properties), requirements: requirements(parent),
            snapshot: snapshot)
    }

    private func updates(_ snapshot: Snapshot, _ properties: [String: String]) -> [TableUpdate] {
        let main = base.references[SnapshotReference.main]
        var reference = main ?? SnapshotReference(snapshotID: snapshot.snapshotID)
        reference.snapshotID = snapshot.snapshotID
        var updates: [TableUpdate] = [
            .addSnapshot(snapshot), .setSnapshotReference(name: SnapshotReference.main, reference),
        ]
        if !properties.isEmpty { updates.append(.setProperties(properties)) }
        return updates
    }

    private func requirements(_ parent: Snapshot?) -> [TableRequirement] {
        var requirements: [TableRequirement] = [
            .referenceSnapshotID(reference: SnapshotReference.main, snapshotID: parent?.snapshotID)
        ]
        if let uuid = base.tableUUID { requirements.insert(.tableUUID(uuid), at: 0) }
        return requirements
    }
}
