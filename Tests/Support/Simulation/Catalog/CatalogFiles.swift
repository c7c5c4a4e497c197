import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore

/// Which objects tables need, as their metadata files say it.
extension CatalogJournal {
    /// Keys of the tables' bucket that a metadata file leads to, and its own; read from all there ever was.
    func files(of location: String, isView: Bool) async throws -> Set<String> {
        var keys: Set<String> = [try everything.location(of: location).key.rawValue]
        guard !isView else { return keys }
        let loader = ManifestLoader(store: everything, cache: manifests)
        let bytes = try await everything.get(try everything.location(of: location), range: nil).bytes
        let metadata = try TableMetadataFile.decode(bytes)
        var paths: Set<String> = []
        for snapshot in metadata.snapshots {
            if let list = snapshot.manifestList { paths.insert(list) }
            for manifest in try await loader.manifests(of: snapshot) where paths.insert(manifest.path).inserted {
                paths.formUnion(try await loader.entries(of: manifest, in: metadata).map(\.file.path))
            }
        }
        for path in paths { keys.insert(try everything.location(of: path).key.rawValue) }
        return keys
    }

    /// Nobody deletes what a table or view needs that is there, or can be brought back.
    func judgeFiles(deleted keys: [String]) async {
        do {
            for (location, isView) in try await wanted() {
                let own: Set<String> =
                    keys.allSatisfy { $0.hasSuffix(".metadata.json") }
                    ? [try everything.location(of: location).key.rawValue]
                    : try await files(of: location, isView: isView)
                for key in keys where own.contains(key) {
                    findings.add("\(key) was deleted, and \(location) needs it")
                }
            }
        } catch {
            findings.add("what is needed cannot be told: \(error)")
        }
    }

    /// Metadata files of what is there, by any decision that is still to be made, or can be brought back.
    private func wanted() async throws -> [String: Bool] {
        var wanted: [String: Bool] = [:]
        for states in CatalogHistory(self).chains.values {
            if let last = states.last, let location = last.location { wanted[location] = last.isView }
        }
        for entry in chains.values.compactMap(\.last) {
            guard let transaction = entry.json["transaction"]?["id"]?.string, decision(of: transaction) == nil,
                let state = entry.json["state"], let location = state["metadata-location"]?.string
            else { continue }
            wanted[location] = state["kind"]?.string == "view"
        }
        for record in drops.values where !record.isPurging {
            guard let object = try await present(record.key) else { continue }
            let stage = try JSONValue.parse(object.bytes)["stage"]?.string
            guard stage == "dropped" || stage == "restoring" else { continue }
            wanted[record.location] = false
        }
        return wanted
    }

    private func present(_ key: String) async throws -> StoredObject? {
        let place = ObjectLocation(bucket: try BucketName(CatalogWorld.catalogBucket), key: try ObjectKey(key))
        do throws(ObjectStoreError) {
            return try await memory.get(place, range: nil)
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
    }

    /// Whether the tables' bucket has it.
    func hasFile(_ key: String) async throws -> Bool {
        let place = ObjectLocation(bucket: try BucketName(CatalogWorld.tablesBucket), key: try ObjectKey(key))
        return try await memory.head(place) != nil
    }
}
