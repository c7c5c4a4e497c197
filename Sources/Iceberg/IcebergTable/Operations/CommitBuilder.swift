import Clocks
import IcebergSpec
import ObjectStore

/// What every change of a table's files has in common: names, manifests, the manifest list, the snapshot.
struct CommitBuilder {
    let base: TableMetadata
    let loader: ManifestLoader
    /// The branch that is committed to.
    let branch: String
    /// The head of the branch; where the branch does not exist yet, the current snapshot, from which it starts.
    let parent: Snapshot?
    let snapshotID: Int64
    /// Of the commit that is prepared.
    let sequenceNumber: Int64

    private let random: any RandomSource
    private let now: Timestamp
    private let commitID: UUID
    private let folder: String
    private var manifestCount = 0
    private(set) var objects: [PreparedCommit.Object] = []

    /// - Throws: `.unsupported` for a table of format version 1, which has no sequence numbers to order commits by;
    ///   `.invalid` when `branch` is a tag.
    init(
        base: TableMetadata, branch: String = SnapshotReference.main, loader: ManifestLoader,
        random: any RandomSource, now: Timestamp
    ) throws(TableError) {
        guard base.references[branch]?.kind != .tag else {
            throw TableError(.invalid, "\(branch) is a tag: only branches can be committed to")
        }
        guard base.formatVersion >= 2 else {
            throw TableError(.unsupported, "tables of format version \(base.formatVersion) are only read: upgrade to 2")
        }
        guard (0..<Int64.max).contains(base.lastSequenceNumber) else {
            throw TableError(
                .malformed, "after the table's last sequence number, \(base.lastSequenceNumber), there is none")
        }
        self.base = base
        self.loader = loader
        self.branch = branch
        parent = base.references[branch].map { base.snapshot(id: $0.snapshotID) } ?? base.currentSnapshot
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
        var writer = try manifestWriter(specID: specID, content: content)
        do throws(IcebergError) {
            for entry in entries { try writer.append(entry) }
        } catch {
            throw TableError(error)
        }
        return try finish(writer)
    }

    /// The same, beginning a new manifest when one has reached `targetBytes`, about.
    mutating func writeManifests(
        _ entries: [ManifestEntry], specID: Int, content: ManifestFile.Content, targetBytes: Int64
    ) throws(TableError) -> [ManifestFile] {
        var files: [ManifestFile] = []
        var writer: ManifestWriter?
        for entry in entries {
            var current: ManifestWriter
            if let open = writer {
                current = open
            } else {
                current = try manifestWriter(specID: specID, content: content)
            }
            writer = nil
            do throws(IcebergError) { try current.append(entry) } catch { throw TableError(error) }
            if current.byteCount >= targetBytes { files.append(try finish(current)) } else { writer = current }
        }
        if let writer { files.append(try finish(writer)) }
        return files
    }

    private func manifestWriter(
        specID: Int, content: ManifestFile.Content
    ) throws(TableError) -> ManifestWriter {
        guard let spec = base.partitionSpec(id: specID) else {
            throw TableError(.invalid, "the table has no partition spec \(specID)")
        }
        do {
            return try ManifestWriter(
                schema: base.currentSchema, spec: spec, types: base.partitionTypes(of: spec), content: content,
                formatVersion: base.formatVersion, sync: UUID.random(random).bytes)
        } catch {
            throw TableError(error)
        }
    }

    private mutating func finish(_ writer: ManifestWriter) throws(TableError) -> ManifestFile {
        let location = try place("\(snapshotID)-m\(manifestCount)-\(commitID).avro")
        manifestCount += 1
        let result: (file: ManifestFile, bytes: [UInt8])
        do {
            result = try writer.finish(
                path: loader.store.uri(of: location), snapshotID: snapshotID, sequenceNumber: sequenceNumber)
        } catch {
            throw TableError(error)
        }
        objects.append(PreparedCommit.Object(location: location, bytes: result.bytes))
        return result.file
    }

    /// Writes manifests of `entries`, one for each content and partition spec among them, data first.
    mutating func writeManifests(_ entries: [ManifestEntry]) throws(TableError) -> [ManifestFile] {
        var files: [ManifestFile] = []
        for content in [ManifestFile.Content.data, .deletes] {
            var bySpec: [Int: [ManifestEntry]] = [:]
            for entry in entries where entry.content == content {
                bySpec[entry.file.specID, default: []].append(entry)
            }
            for (specID, entries) in bySpec.sorted(by: { $0.key < $1.key }) {
                files.append(try writeManifest(entries, specID: specID, content: content))
            }
        }
        return files
    }

    /// The manifests of the parent that have or may have live files.
    func liveManifests() async throws(TableError) -> [ManifestFile] {
        guard let parent else { return [] }
        return try await loader.manifests(of: parent).filter(\.mayHaveLiveFiles)
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
    ) async throws(TableError) -> PreparedCommit {
        var manifests = manifests
        let firstRowID = base.formatVersion >= 3 ? base.nextRowID ?? 0 : nil
        try await count(&manifests)
        let nextRowID = firstRowID.map { ManifestList.assignRowIDs(&manifests, from: $0) }
        guard nextRowID ?? 0 < .max else { throw TableError(.malformed, "the row ids would lie beyond 64 bits") }
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
            summary: changes.summary(operation, after: parent, base: base, extra: summary),
            schemaID: base.currentSchemaID,
            firstRowID: firstRowID, addedRows: nextRowID.map { $0 - (firstRowID ?? 0) })
        return PreparedCommit(
            objects: objects, updates: updates(snapshot, properties), requirements: requirements,
            snapshot: snapshot)
    }

    /// Version 1 need not count what its manifests list. Lists of later versions must: readers leave out a manifest that
    /// is said to list nothing, and row ids are set aside by the counts.
    private func count(_ manifests: inout [ManifestFile]) async throws(TableError) {
        for index in manifests.indices where !manifests[index].isCounted {
            var files: [ManifestEntry.Status: Int64] = [:]
            var rows: [ManifestEntry.Status: Int64] = [:]
            for entry in try await loader.entries(of: manifests[index], in: base) {
                files[entry.status, default: 0] += 1
                rows[entry.status, default: 0].addClamped(entry.file.recordCount)
            }
            manifests[index].addedFilesCount = files[.added, default: 0]
            manifests[index].existingFilesCount = files[.existing, default: 0]
            manifests[index].deletedFilesCount = files[.deleted, default: 0]
            manifests[index].addedRowsCount = rows[.added, default: 0]
            manifests[index].existingRowsCount = rows[.existing, default: 0]
            manifests[index].deletedRowsCount = rows[.deleted, default: 0]
        }
    }

    private func updates(_ snapshot: Snapshot, _ properties: [String: String]) -> [TableUpdate] {
        var reference = base.references[branch] ?? SnapshotReference(snapshotID: snapshot.snapshotID)
        reference.snapshotID = snapshot.snapshotID
        var updates: [TableUpdate] = [
            .addSnapshot(snapshot), .setSnapshotReference(name: branch, reference),
        ]
        if !properties.isEmpty { updates.append(.setProperties(properties)) }
        return updates
    }

    private var requirements: [TableRequirement] {
        var requirements: [TableRequirement] = [
            .referenceSnapshotID(reference: branch, snapshotID: base.references[branch]?.snapshotID)
        ]
        if let uuid = base.tableUUID { requirements.insert(.tableUUID(uuid), at: 0) }
        return requirements
    }
}

extension ManifestEntry {
    /// The content of the manifest that lists it.
    var content: ManifestFile.Content { file.content == .data ? .data : .deletes }
}
