import Files

/// Buckets as directories and objects as files below a root on a local disk: the embedded store.
///
/// - Object `key` of `bucket` is the file `<root>/<bucket>/<key>`, byte for byte: `type=a%2Fb` is a directory of exactly
///   that name, spaces and letters of any script stay as they are. Its URI is `file://<root>/<bucket>/<key>`, equally
///   literal: nothing is escaped on writing or decoded on reading, which is how Iceberg's Java, Python and C++ readers
///   take locations (only `?` and `#` mean something to some of them; keep those two out of the names of data files).
/// - A write is durable on return: content synced, name put in place by `link` or `rename`, directory synced.
/// - `ifAbsent` is decided by `link(2)`, so exactly one of any number of processes wins, at any `kill -9`. Whatever
///   replaces or removes an object holds a lock shared by all processes, so `ifMatch` compares and writes as one step.
/// - An entity tag is made of inode, size and modification time; every write sets the time to the nanosecond.
/// - Unfinished files lie in `<root>/.object-store`, which no bucket name can reach; those a crash left are removed by
///   `init` once they are an hour old.
/// - On a file system a name is either a file or a directory: `a` and `a/b` cannot both be objects, and a segment of a
///   key has at most 255 bytes. Such a put fails and says why.
public struct LocalObjectStore: ObjectStore {
    /// An absolute path without a trailing slash.
    public let root: String
    private let files: LocalFiles
    private let pool: BlockingPool

    /// Opens the store and makes the root where it does not exist. Blocks; call it at start-up.
    public init(root: String, pool: BlockingPool = .shared) throws(ObjectStoreError) {
        var path = root[...]
        while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
        guard path.hasPrefix("/"), path != "/", !path.split(separator: "/").contains(where: { $0 == ".." || $0 == "." })
        else {
            throw ObjectStoreError(
                .invalidName, "the root of a local object store must be an absolute path, not \"\(root)\"")
        }
        self.root = String(path)
        self.pool = pool
        files = LocalFiles(root: self.root)
        try files.open()
    }

    public func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        let files = files
        return try await pool.run { () throws(ObjectStoreError) in try files.read(location, range) }
    }

    public func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        let files = files
        return try await pool.run { () throws(ObjectStoreError) in try files.info(location) }
    }

    public func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        let files = files
        return try await pool.run { () throws(ObjectStoreError) in try files.write(location, bytes, condition) }
    }

    public func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        let files = files
        return try await pool.run { () throws(ObjectStoreError) in
            try files.list(
                bucket, ListingFold(prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit))
        }
    }

    public func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        let files = files
        try await pool.run { () throws(ObjectStoreError) in try files.delete(bucket, keys) }
    }

    public func uri(of location: ObjectLocation) -> String { "file://\(files.path(of: location))" }

    /// Takes `file:///root/bucket/key` and, as Hadoop writes it, `file:/root/bucket/key` or just `/root/bucket/key`.
    public func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation {
        let path = uri.hasPrefix("file:///") ? uri.dropFirst(7) : uri.hasPrefix("file:/") ? uri.dropFirst(5) : uri[...]
        guard path.utf8.starts(with: "\(root)/".utf8) else {
            throw ObjectStoreError(
                .invalidName, "\"\(uri.prefix(300))\" does not lie in the object store file://\(root)")
        }
        let rest = path.utf8.dropFirst(root.utf8.count + 1)
        guard let slash = rest.firstIndex(of: 0x2F) else {
            throw ObjectStoreError(.invalidName, "\"\(uri.prefix(300))\" names no object in a bucket")
        }
        return ObjectLocation(
            bucket: try BucketName(String(decoding: rest[..<slash], as: UTF8.self)),
            key: try ObjectKey(String(decoding: rest[rest.index(after: slash)...], as: UTF8.self)))
    }
}
