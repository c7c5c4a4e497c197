import Concurrency
import IcebergCatalog
import IcebergSpec
import ObjectStore

/// The manifest list of a snapshot about to be added and, at the level `full`, the manifests it brings: read, put right where
/// the table asks for it, and checked. At most one list and `CatalogLimits.gateManifestsMax` manifests are read.
struct SnapshotFiles: Sendable {
    let reader: GateReader
    let warehouse: Warehouse
    let folders: TableFolders
    let level: GateLevel
    let repairs: Bool
    let base: TableMetadata?
    let result: TableMetadata
    let updates: [TableUpdate]

    /// - Returns: the snapshot to add instead; nil to take it as it is.
    func check(_ given: Snapshot) async throws(CatalogError) -> Snapshot? {
        var repair = ManifestRepair(given, result, isOn: repairs && result.formatVersion >= 2, warehouse)
        guard let listed = given.manifestList else { return nil }
        let path = try repair.absolute(listed, "the manifest list")
        try folders.checkMetadata(path, "the manifest list")
        guard level != .off else { return repair.isNeeded ? repair.snapshot : nil }

        var (files, faults) = try await reader.list(of: given, at: path, formatVersion: result.formatVersion)
        try repair.accept(faults, in: "the manifest list \(path)")
        for index in files.indices {
            files[index].path = try repair.absolute(files[index].path, "a manifest of snapshot \(given.snapshotID)")
        }
        let parent = parent(of: given)
        var before: [ManifestFile]?
        if let parent { before = try await reader.committed(parent) }
        let known = Set((before ?? []).map(\.path))
        var own = files.indices.filter { !known.contains(files[$0].path) }
        for index in own { try folders.checkMetadata(files[index].path, "the manifest") }

        if level == .full, own.count <= CatalogLimits.gateManifestsMax, Self.mayRead(own.map { files[$0] }) {
            for index in own where result.partitionSpec(id: files[index].partitionSpecID) == nil { own = [] }
            let unread = own.map { files[$0] }
            let read = try await mapConcurrently(unread, limit: 8) {
                (file) async throws(CatalogError) in try await reader.manifest(file, in: result)
            }
            var new: [ManifestEntry] = []
            for (index, manifest) in zip(own, read) {
                try repair.accept(manifest, of: &files[index])
                let entries = repair.entries(of: manifest, in: files[index])
                try ManifestCheck(
                    file: files[index], entries: entries, byteCount: manifest.byteCount, snapshot: given,
                    formatVersion: result.formatVersion, warehouse: warehouse
                ).check()
                new += entries
            }
            try await checkConservation(given, new, files, before)
        }
        try ManifestListCheck(snapshot: given, files: files, parent: before, result: result).check()
        let summary = SummaryCheck(snapshot: given, files: files, parent: parent, parentFiles: before)
        if repairs { repair.correct(summary.wrong) } else { try summary.check() }
        guard repair.isNeeded else { return nil }
        return try await repair.write(files, to: folders.metadataFolder(of: result))
    }

    private func parent(of snapshot: Snapshot) -> Snapshot? {
        guard let id = snapshot.parentSnapshotID else { return nil }
        if let known = base?.snapshot(id: id) { return known }
        for case .addSnapshot(let added) in updates where added.snapshotID == id { return added }
        return nil
    }

    private func checkConservation(
        _ snapshot: Snapshot, _ new: [ManifestEntry], _ files: [ManifestFile], _ before: [ManifestFile]?
    ) async throws(CatalogError) {
        let kept = Set(files.map(\.path))
        let removed = (before ?? []).filter { !kept.contains($0.path) && $0.mayHaveLiveFiles }
        var gone: [ManifestEntry]?
        if before != nil, removed.count <= CatalogLimits.gateManifestsMax, Self.mayRead(removed) {
            do throws(CatalogError) {
                gone = try await mapConcurrently(removed, limit: 8) {
                    (file) async throws(CatalogError) in try await reader.manifest(file, in: result).entries
                }.flatMap(\.self)
            } catch {
                // That the parent is damaged is not this commit's doing.
                guard error.code == .badRequest else { throw error }
            }
        }
        try FileConservation(snapshot: snapshot, new: new, gone: gone).check()
    }

    /// Whether they are few enough bytes to be read.
    static func mayRead(_ files: [ManifestFile]) -> Bool {
        files.reduce(Int64(0)) { $0.addingReportingOverflow($1.length).partialValue } <= CatalogLimits.gateBytesMax
    }
}
