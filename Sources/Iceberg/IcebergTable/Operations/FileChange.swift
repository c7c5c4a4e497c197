import IcebergSpec

/// What one commit does to the files of a table.
struct FileChange {
    var operation: SnapshotOperation
    var addedData: [DataFile] = []
    /// Of the added data files; nil: that of the commit.
    var dataSequenceNumber: Int64?
    var addedDeletes: [DataFile] = []
    /// Of the added delete files; nil: that of the commit.
    var deleteSequenceNumber: Int64?
    var removal = FileRemoval()
    /// Whether small manifests are written together when enough have gathered.
    var mergesManifests = true
    var summary: [String: String] = [:]
    var properties: [String: String] = [:]
}

extension CommitBuilder {
    /// Writes the manifests of `change` on top of the parent snapshot, and the snapshot.
    mutating func commit(_ change: FileChange) async throws(TableError) -> PreparedCommit {
        try check(change)
        let manifests = try await liveManifests()
        let filtered = try await remove(change.removal, from: manifests, addedAge: addedAge(change))
        var changes = SnapshotChanges()
        for entry in filtered.removed { changes.remove(entry.file) }
        var added: [ManifestEntry] = []
        for (files, number) in [
            (change.addedData, change.dataSequenceNumber), (change.addedDeletes, change.deleteSequenceNumber),
        ] {
            for file in files {
                changes.add(file)
                added.append(
                    ManifestEntry(status: .added, snapshotID: snapshotID, dataSequenceNumber: number, file: file))
            }
        }
        let written = try writeManifests(added)
        var result: [ManifestFile]
        if change.mergesManifests {
            result = try await merge(added: written, addedEntries: added, kept: filtered.kept)
        } else {
            result = written + filtered.kept
        }
        result = filtered.rewritten + result
        return try await finish(
            change.operation, manifests: result, changes: changes, summary: change.summary,
            properties: change.properties)
    }

    /// The lowest sequence number that the added data files will have.
    private func addedAge(_ change: FileChange) -> Int64 {
        change.addedData.isEmpty ? sequenceNumber : change.dataSequenceNumber ?? sequenceNumber
    }

    private func check(_ change: FileChange) throws(TableError) {
        var paths: Set<String> = []
        for file in change.addedData {
            guard file.content == .data, file.format != .puffin else {
                throw TableError(.invalid, "\(file.path): it is no data file")
            }
            guard paths.insert(file.path).inserted else {
                throw TableError(.invalid, "\(file.path) is added twice in one commit")
            }
        }
        var keys: Set<DeleteFileKey> = []
        for file in change.addedDeletes {
            guard keys.insert(DeleteFileKey(file)).inserted, !paths.contains(file.path) else {
                throw TableError(.invalid, "\(file.path) is added twice in one commit")
            }
            try checkDelete(file)
        }
        try checkVectors(change.addedDeletes)
        for number in [change.dataSequenceNumber, change.deleteSequenceNumber].compactMap(\.self)
        where !(0...base.lastSequenceNumber).contains(number) {
            throw TableError(
                .invalid,
                "the sequence number \(number) is none the table has had: the last is "
                    + String(base.lastSequenceNumber))
        }
    }

    /// Whether a delete file may be added to a table of this format version (specification: "Row-level Deletes").
    private func checkDelete(_ file: DataFile) throws(TableError) {
        func refuse(_ why: String) -> TableError { TableError(.invalid, "\(file.path): \(why)") }
        switch file.content {
        case .data: throw refuse("a data file cannot be added as a delete file")
        case .equalityDeletes:
            guard file.format != .puffin else { throw refuse("equality deletes are no Puffin file") }
            guard !file.equalityIDs.isEmpty else { throw refuse("an equality delete file without equality ids") }
            for id in file.equalityIDs where base.schemas.allSatisfy({ $0.field(id: id) == nil }) {
                throw refuse("the equality id \(id) is no column of the table")
            }
        case .positionDeletes where file.isDeletionVector:
            guard base.formatVersion >= 3 else {
                throw refuse("deletion vectors need format version 3, the table has \(base.formatVersion)")
            }
            guard file.referencedDataFile != nil, let offset = file.contentOffset, offset >= 0,
                let size = file.contentSizeBytes, size > 0
            else { throw refuse("a deletion vector states its data file, offset and size") }
        case .positionDeletes:
            guard base.formatVersion < 3 else {
                throw refuse("tables of format version 3 take deletion vectors, no new position delete files")
            }
        }
    }

    private func checkVectors(_ deletes: [DataFile]) throws(TableError) {
        var referenced: Set<String> = []
        for file in deletes where file.isDeletionVector {
            guard referenced.insert(file.referencedDataFile ?? "").inserted else {
                throw TableError(
                    .invalid, "\(file.referencedDataFile ?? "") is given two deletion vectors in one commit")
            }
        }
    }
}

extension DataFile {
    /// Whether this is a deletion vector: position deletes of one data file, in a Puffin file.
    public var isDeletionVector: Bool { content == .positionDeletes && format == .puffin }
}
