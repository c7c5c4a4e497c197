import Bytes
import Clocks

/// A store of immutable-by-convention objects: Cloudflare R2, any S3, a local directory, or memory.
///
/// One value serves every bucket of the deployment. Every operation either says what certainly happened or throws an
/// error whose `effect` says whether a write may have taken place; callers of `unknown` look before they act
/// (`putIfAbsentProved` does it for writes of known content).
public protocol ObjectStore: Sendable {
    /// Reads an object, or the part of it in `range` (cut to the object's end).
    ///
    /// - Throws: `.notFound` when there is no such object.
    func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject

    /// What the store knows of an object; nil when there is none.
    func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo?

    /// Writes an object whole; large bodies go up in parts. Durable once this returns `.stored`.
    ///
    /// A condition that does not hold is an outcome, not an error.
    func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome

    /// Objects whose key begins with `prefix`, in the order of the bytes of their keys, after `startAfter` (a key, or what
    /// the page before gave as `next`), at most `limit` (1 to 1000) a page. With a `delimiter`, keys are folded into
    /// common prefixes up to it. S3 servers that keep directories may order `a/` before `a-`.
    func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage

    /// Deletes objects; ones that do not exist count as deleted. Any number: goes in batches.
    func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError)

    /// The location as table metadata writes it: `s3://bucket/key` or `file:///…/bucket/key`.
    func uri(of location: ObjectLocation) -> String

    /// The place a URI of this store names. Takes `s3://` and `s3a://` on S3, `file:///…` below the root on a local one.
    ///
    /// - Throws: `.invalidName` for another scheme, another root, or anything that could lead out of the bucket.
    func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation
}

/// When a put may take effect.
public enum PutCondition: Hashable, Sendable {
    case always
    /// Only when no object of that name exists (`If-None-Match: *`).
    case ifAbsent
    /// Only when the object still has this entity tag (`If-Match`).
    case ifMatch(String)
}

public enum PutOutcome: Hashable, Sendable {
    /// Written; the new entity tag.
    case stored(etag: String)
    /// The condition did not hold; nothing was written.
    case conditionFailed
}

public struct ObjectInfo: Hashable, Sendable {
    public let key: ObjectKey
    public let size: Int64
    public let etag: String
    public let lastModified: Timestamp

    public init(key: ObjectKey, size: Int64, etag: String, lastModified: Timestamp) {
        self.key = key
        self.size = size
        self.etag = etag
        self.lastModified = lastModified
    }
}

public struct StoredObject: Sendable {
    public let bytes: [UInt8]
    public let etag: String

    public init(bytes: [UInt8], etag: String) {
        self.bytes = bytes
        self.etag = etag
    }
}

public struct ObjectPage: Sendable {
    public let objects: [ObjectInfo]
    public let commonPrefixes: [String]
    /// Pass as `startAfter`, unchanged, for the next page; nil when this is the last.
    public let next: String?

    public init(objects: [ObjectInfo], commonPrefixes: [String], next: String?) {
        self.objects = objects
        self.commonPrefixes = commonPrefixes
        self.next = next
    }
}
