import Clocks
import IcebergCatalog
import IcebergSpec
import ObjectStore

/// Puts right what a writer left wrong in the files of its snapshot, where the table asks for it (`commit.gate.repair`):
/// missing field ids, relative paths, counts and totals. The files are written anew under new names; what the writer wrote
/// stays as it is. The snapshot's summary says what was done.
///
/// Without repair each of them refuses the commit.
struct ManifestRepair: Sendable {
    /// In the summary: what was put right, and the manifest list as the writer gave it.
    static let doneKey = "commit.gate.repaired"
    static let originalListKey = "commit.gate.original-manifest-list"

    private(set) var snapshot: Snapshot
    private let metadata: TableMetadata
    private let isOn: Bool
    private let warehouse: Warehouse
    private var done: Set<String> = []
    /// Manifests to be written anew, by where the writer put them.
    private var rewritten: [String: [ManifestEntry]] = [:]

    init(_ snapshot: Snapshot, _ metadata: TableMetadata, isOn: Bool, _ warehouse: Warehouse) {
        self.snapshot = snapshot
        self.metadata = metadata
        self.isOn = isOn
        self.warehouse = warehouse
    }

    var isNeeded: Bool { !done.isEmpty }

    /// A path with its scheme and bucket.
    mutating func absolute(_ path: String, _ what: @autoclosure () -> String) throws(CatalogError) -> String {
        if Self.isAbsolute(path) { return path }
        guard isOn else {
            throw CatalogError(
                .badRequest,
                "\(what()) has the relative path \"\(path.prefix(300))\"; allowed is a whole location, such as "
                    + "\(metadata.location)/… (or the table property \(GateLevel.repairProperty)=true)")
        }
        done.insert("paths")
        return try completed(path)
    }

    static func isAbsolute(_ path: String) -> Bool { path.contains("://") || path.hasPrefix("file:/") }

    /// Paths without a scheme are relative to the bucket where they begin like the table's location, else to the table.
    private func completed(_ path: String) throws(CatalogError) -> String {
        let place = try warehouse.resolve(metadata.location).place
        let plain = path.drop { $0 == "/" }
        guard !plain.split(separator: "/").contains("..") else {
            throw CatalogError(.badRequest, "the path \"\(path.prefix(300))\" leads upwards")
        }
        let bucket = place.bucket.rawValue + "/"
        let key = plain.hasPrefix(bucket) ? plain.dropFirst(bucket.count) : plain
        guard key.hasPrefix(place.key.rawValue + "/") else { return "\(metadata.location)/\(plain)" }
        return metadata.location + key.dropFirst(place.key.rawValue.count)
    }

    /// Refuses a list whose schema has faults, or notes that it is to be written anew.
    mutating func accept(_ faults: [String], in what: String) throws(CatalogError) {
        guard !faults.isEmpty else { return }
        guard isOn else { throw Self.refusal(faults, what) }
        done.insert("field-ids")
    }

    /// The same of a manifest; `file` is given the right counts.
    mutating func accept(_ manifest: GateReader.ReadManifest, of file: inout ManifestFile) throws(CatalogError) {
        var isWrong = false
        if !manifest.faults.isEmpty {
            guard isOn else { throw Self.refusal(manifest.faults, "the manifest \(file.path)") }
            done.insert("field-ids")
            isWrong = true
        }
        var entries = manifest.entries
        for index in entries.indices where !Self.isAbsolute(entries[index].file.path) {
            entries[index].file.path = try absolute(entries[index].file.path, "a file of \(file.path)")
            isWrong = true
        }
        if isOn, file.setCounts(of: entries, byteCount: manifest.byteCount) { done.insert("counts") }
        if isWrong { rewritten[file.path] = entries }
    }

    /// As the manifest will hold them.
    func entries(of manifest: GateReader.ReadManifest, in file: ManifestFile) -> [ManifestEntry] {
        rewritten[file.path] ?? manifest.entries
    }

    mutating func correct(_ totals: [String: Int64]) {
        guard !totals.isEmpty else { return }
        done.insert("totals")
        for (key, value) in totals { snapshot.summary[key] = String(value) }
    }

    private static func refusal(_ faults: [String], _ what: String) -> CatalogError {
        CatalogError(
            .badRequest,
            "\(what) cannot be read by every engine: \(faults.joined(separator: "; ")) (the table property "
                + "\(GateLevel.repairProperty)=true has it written anew)")
    }

    // MARK: - Writing

    /// Writes what is to be written anew. It counts for nobody until the commit is made.
    ///
    /// - Returns: the snapshot that names it.
    consuming func write(_ listed: [ManifestFile], to folder: String) async throws(CatalogError) -> Snapshot {
        var files = listed
        for index in files.indices {
            guard let entries = rewritten[files[index].path] else { continue }
            files[index] = try await write(entries, as: files[index], to: folder)
        }
        var repaired = snapshot
        if done != ["totals"] {
            repaired.summary[Self.originalListKey] = snapshot.manifestList
            repaired.manifestList = try await write(files, to: folder)
        }
        repaired.summary[Self.doneKey] = done.sorted().joined(separator: ",")
        return repaired
    }

    private func write(
        _ entries: [ManifestEntry], as file: ManifestFile, to folder: String
    ) async throws(CatalogError) -> ManifestFile {
        guard let spec = metadata.partitionSpec(id: file.partitionSpecID) else { return file }
        let uuid = UUID.random()
        let path = "\(folder)/\(uuid)-gate-m.avro"
        do {
            var writer = try ManifestWriter(
                schema: metadata.currentSchema, spec: spec, types: metadata.partitionTypes(of: spec),
                content: file.content, formatVersion: metadata.formatVersion, sync: uuid.bytes)
            for entry in entries { try writer.append(entry.inheriting(from: file)) }
            var (made, bytes) = try writer.finish(
                path: path, snapshotID: file.addedSnapshotID, sequenceNumber: file.sequenceNumber)
            made.firstRowID = file.firstRowID
            try await put(bytes, at: path)
            return made
        } catch let error as CatalogError {
            throw error
        } catch {
            throw CatalogError(.badRequest, "\(file.path) cannot be repaired: \(error)")
        }
    }

    private func write(_ files: [ManifestFile], to folder: String) async throws(CatalogError) -> String {
        let uuid = UUID.random()
        let path = "\(folder)/snap-\(snapshot.snapshotID)-gate-\(uuid).avro"
        do {
            let bytes = try ManifestList.encode(
                files, formatVersion: metadata.formatVersion, snapshotID: snapshot.snapshotID,
                parentSnapshotID: snapshot.parentSnapshotID, sequenceNumber: snapshot.sequenceNumber,
                firstRowID: snapshot.firstRowID, sync: uuid.bytes)
            try await put(bytes, at: path)
            return path
        } catch let error as CatalogError {
            throw error
        } catch {
            throw CatalogError(.badRequest, "the manifest list cannot be repaired: \(error)")
        }
    }

    private func put(_ bytes: [UInt8], at path: String) async throws(CatalogError) {
        do throws(ObjectStoreError) {
            _ = try await warehouse.store.putIfAbsentProved(try warehouse.store.location(of: path), bytes)
        } catch {
            throw CatalogError(.serviceUnavailable, "the commit was not made: writing \(path): \(error.message)")
        }
    }
}

extension ManifestEntry {
    /// Without the numbers that an added entry inherits.
    fileprivate func inheriting(from file: ManifestFile) -> ManifestEntry {
        var entry = self
        guard status == .added else { return entry }
        if dataSequenceNumber == file.sequenceNumber { entry.dataSequenceNumber = nil }
        if fileSequenceNumber == file.sequenceNumber { entry.fileSequenceNumber = nil }
        return entry
    }
}

extension ManifestFile {
    /// - Returns: whether any was another.
    fileprivate mutating func setCounts(of entries: [ManifestEntry], byteCount: Int) -> Bool {
        let before = self
        length = Int64(byteCount)
        let counts = ManifestCheck.counts(entries)
        (addedFilesCount, addedRowsCount) = counts[.added] ?? (0, 0)
        (existingFilesCount, existingRowsCount) = counts[.existing] ?? (0, 0)
        (deletedFilesCount, deletedRowsCount) = counts[.deleted] ?? (0, 0)
        let lowest = entries.filter(\.isLive).compactMap(\.dataSequenceNumber).min()
        if let lowest, lowest < minSequenceNumber { minSequenceNumber = lowest }
        return self != before
    }
}
