import Configuration
import Files
import IcebergSpec
import IcebergTable
import ObjectStore

/// A table by its metadata file, wherever that lies: also a copy whose metadata names the place it was copied from.
struct InspectedTable: Sendable {
    /// The metadata file that was read.
    let metadataLocation: String
    let metadata: TableMetadata
    /// Reads what the metadata names.
    let store: InspectionStore

    /// - Parameters:
    ///   - location: a metadata file, or the directory of a table, whose newest metadata file is taken.
    ///   - holdsItsFiles: whether what the metadata names below the table's location must lie in the directory, so that no
    ///     file of the original stands in for one that a copy lacks.
    /// - Throws: `.notFound` when there is no metadata file, `.malformed` when it is damaged; what the store says.
    init(_ location: String, environment: Environment, holdsItsFiles: Bool = false) async throws {
        metadataLocation = try await Self.metadataFile(at: location, environment)
        let bytes = try await Self.file(metadataLocation, environment).bytes()
        do throws(IcebergError) {
            metadata = try TableMetadataFile.decode(bytes)
        } catch {
            throw InspectError(.malformed, at: metadataLocation, error.description)
        }
        let (root, isTableDirectory) = Self.root(of: metadataLocation)
        store = try InspectionStore(
            tableLocation: metadata.location, root: InspectedFile.isRemote(metadataLocation) ? nil : root,
            holdsItsFiles: holdsItsFiles && isTableDirectory, environment: environment)
    }

    private static func file(_ location: String, _ environment: Environment) async throws -> InspectedFile {
        do {
            return try await InspectedFile(location, environment: environment)
        } catch let error as FileError where error.isNotFound {
            throw InspectError(.notFound, at: location, "there is no such file")
        }
    }

    /// A file that the metadata names.
    func bytes(of uri: String) async throws -> [UInt8] {
        do {
            return try await store.get(try store.location(of: uri), range: nil).bytes
        } catch {
            throw InspectError(.notFound, at: uri, "\(error)")
        }
    }

    /// - Parameter name: an id, a branch or a tag; nil for the current snapshot.
    func snapshot(named name: String?) throws(InspectError) -> Snapshot {
        guard let found = name.map({ metadata.snapshot(named: $0) }) ?? metadata.currentSnapshot else {
            let names = metadata.references.keys.sorted().joined(separator: ", ")
            throw InspectError(
                .notFound, at: metadataLocation,
                name.map { "there is no snapshot or reference \($0); references: \(names)" }
                    ?? "the table has no snapshot")
        }
        return found
    }

    // MARK: - Finding the metadata file

    private static func metadataFile(at location: String, _ environment: Environment) async throws -> String {
        if location.hasSuffix(".json") || location.hasSuffix(".json.gz") { return location }
        var folder = location
        while folder.count > 1 && folder.hasSuffix("/") { folder.removeLast() }
        if !folder.hasSuffix("/metadata") { folder += "/metadata" }
        let names: [String]
        do {
            names = try await Self.names(in: folder, environment)
        } catch {
            throw InspectError(
                .notFound, at: location, "is neither a metadata file (.json) nor the directory of a table: \(error)")
        }
        guard let newest = names.filter(isMetadata).max(by: { (version($0), $0) < (version($1), $1) }) else {
            throw InspectError(.notFound, at: folder, "holds no file *.metadata.json")
        }
        return "\(folder)/\(newest)"
    }

    private static func isMetadata(_ name: String) -> Bool {
        name.hasSuffix(".metadata.json") || name.hasSuffix(".metadata.json.gz")
    }

    /// The number that begins a metadata file's name: `00012-….metadata.json`, `v12.metadata.json`.
    private static func version(_ name: String) -> Int {
        Int((name.hasPrefix("v") ? name.dropFirst() : name[...]).prefix { $0.isASCII && $0.isNumber }) ?? -1
    }

    private static func names(in folder: String, _ environment: Environment) async throws -> [String] {
        guard InspectedFile.isRemote(folder) else {
            let path = InspectedFile.path(folder)
            return try await BlockingPool.shared.run { () throws(FileError) in try FileSystem.list(path) }
        }
        let store = try InspectedFile.store(environment)
        let place = try store.location(of: folder)
        var names: [String] = []
        var next: String?
        repeat {
            let page = try await store.list(
                place.bucket, prefix: "\(place.key)/", delimiter: "/", startAfter: next, limit: 1000)
            names += page.objects.map { String($0.key.rawValue.dropFirst(place.key.rawValue.count + 1)) }
            next = page.next
        } while next != nil
        return names
    }

    /// The table's directory: the one that `metadata` lies in; where there is none, the metadata file's own.
    private static func root(of metadataFile: String) -> (path: String, isTableDirectory: Bool) {
        let folder = FileSystem.parent(of: InspectedFile.path(metadataFile))
        guard folder == "metadata" || folder.hasSuffix("/metadata") else { return (folder, false) }
        return (FileSystem.parent(of: folder), true)
    }
}

extension TableMetadata {
    /// - Parameter name: a branch, a tag or an id.
    func snapshot(named name: String) -> Snapshot? {
        snapshot(reference: name) ?? Int64(name).flatMap { snapshot(id: $0) }
    }
}
