import Clocks
import Configuration
import Files
import Glibc
import ObjectStore

/// Reads the files of one table: on the local disk, where a copy stands in for the place the metadata names, and in the
/// object store of the environment. Nothing is ever written.
struct InspectionStore: ObjectStore {
    /// Stands for the local disk; no store has a bucket of this name beside it.
    private static let localBucket = "local-disk"

    private let tableLocation: String
    /// The table's directory on this disk; nil when the table lies in an object store.
    private let root: String?
    /// Whether files below the table's location lie in its directory on this disk, or nowhere.
    private let holdsItsFiles: Bool
    private let remote: (any ObjectStore)?

    init(tableLocation: String, root: String?, holdsItsFiles: Bool = false, environment: Environment) throws {
        var location = tableLocation
        while location.count > 1 && location.hasSuffix("/") { location.removeLast() }
        self.tableLocation = location
        self.root = root.map(Self.absolute)
        self.holdsItsFiles = holdsItsFiles
        let isS3 = environment["OBJECT_STORE"] == "s3"
        remote = root == nil || isS3 ? try InspectedFile.store(environment) : nil
    }

    func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation {
        guard let path = localPath(of: uri) else {
            guard let remote else {
                throw ObjectStoreError(
                    .invalidName, "\"\(uri.prefix(300))\" lies in an object store: set OBJECT_STORE=s3 and R2_*")
            }
            return try remote.location(of: uri)
        }
        return ObjectLocation(
            bucket: try BucketName(Self.localBucket), key: try ObjectKey(String(path.drop { $0 == "/" })))
    }

    /// Where a file lies on this disk: below the table's directory where it is there, else where its URI says.
    private func localPath(of uri: String) -> String? {
        if let root {
            var candidates: [Substring] = []
            if uri.hasPrefix(tableLocation + "/") { candidates.append(uri.dropFirst(tableLocation.count)) }
            // Copies of tables that were moved before, and relative locations: by the part every table has.
            for part in ["/metadata/", "/data/"] {
                if let range = uri.ranges(of: part).last { candidates.append(uri[range.lowerBound...]) }
            }
            for candidate in candidates where access(root + candidate, R_OK) == 0 { return root + candidate }
            if holdsItsFiles, uri.hasPrefix(tableLocation + "/") { return root + uri.dropFirst(tableLocation.count) }
        }
        if InspectedFile.isRemote(uri) { return nil }
        let path = InspectedFile.path(uri)
        return path.hasPrefix("/") || !path.contains("://") ? Self.absolute(path) : nil
    }

    /// A path from the root, without `.` and `..` where the file exists.
    private static func absolute(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    // MARK: - ObjectStore

    func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        guard isLocal(location) else { return try await other().get(location, range: range) }
        let path = path(of: location)
        return try await BlockingPool.shared.run { () throws(ObjectStoreError) in
            do throws(FileError) {
                let file = try FileHandle(path, [.nonBlocking])
                let size = try file.status().size
                let wanted = (range ?? 0..<size).clamped(to: 0..<size)
                guard wanted.count <= Int(InspectedFile.bytesMax) else {
                    throw FileError(operation: "read", path: path, message: "\(wanted.count) bytes are too many")
                }
                return StoredObject(bytes: try file.pread(wanted.count, at: wanted.lowerBound), etag: "")
            } catch {
                throw ObjectStoreError(error.isNotFound ? .notFound : .failed, "\(error)")
            }
        }
    }

    func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        guard isLocal(location) else { return try await other().head(location) }
        let path = path(of: location)
        return try await BlockingPool.shared.run { () throws(ObjectStoreError) in
            do throws(FileError) {
                guard let status = try FileSystem.status(path) else { return nil }
                return ObjectInfo(
                    key: location.key, size: status.size, etag: "", lastModified: Timestamp(microseconds: 0))
            } catch {
                throw ObjectStoreError(.failed, "\(error)")
            }
        }
    }

    func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        try await other().list(
            bucket, prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
    }

    func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        throw ObjectStoreError(.accessDenied, "an inspection writes nothing")
    }

    func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        throw ObjectStoreError(.accessDenied, "an inspection deletes nothing")
    }

    func uri(of location: ObjectLocation) -> String {
        isLocal(location) ? "file://\(path(of: location))" : remote?.uri(of: location) ?? location.description
    }

    private func isLocal(_ location: ObjectLocation) -> Bool { location.bucket.rawValue == Self.localBucket }
    private func path(of location: ObjectLocation) -> String { "/\(location.key)" }

    private func other() throws(ObjectStoreError) -> any ObjectStore {
        guard let remote else { throw ObjectStoreError(.invalidName, "no object store is set: OBJECT_STORE, R2_*") }
        return remote
    }
}
