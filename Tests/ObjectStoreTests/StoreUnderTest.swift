import Files
import Foundation
import ObjectStore
import Testing

/// The stores the contract holds for. Each test gets one of its own, or a bucket prefix of its own.
enum StoreUnderTest: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case memory
    case local
    /// The memory store behind faults that retries must hide.
    case retryingOverFaults
    /// A real server, when there is one.
    case s3

    var testDescription: String { rawValue }

    static let available = allCases.filter { $0 != .s3 || SeaweedServer.binary != nil }

    /// Texts as they were listed; put into the order of their bytes for SeaweedFS, which orders by directory.
    func ordered(_ texts: [String]) -> [String] {
        self == .s3 ? texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } : texts
    }

    func open() async throws -> Fixture {
        switch self {
        case .memory: return Fixture(store: MemoryObjectStore(), bucket: try BucketName("bucket"))
        case .local:
            let directory = try TemporaryDirectory()
            return Fixture(
                store: try LocalObjectStore(root: directory.path), bucket: try BucketName("bucket"),
                directory: directory)
        case .s3:
            let server = try await SeaweedServer.shared.value
            return Fixture(
                store: RetryingObjectStore(wrapping: try server.store()), bucket: try await server.newBucket())
        case .retryingOverFaults:
            let faulty = FaultyObjectStore(
                wrapping: MemoryObjectStore(), plan: FaultyObjectStore.Plan(faultsPerThousand: 300, seed: 42))
            let policy = RetryPolicy(retriesMax: 50, baseDelayMilliseconds: 0, delayMillisecondsMax: 0)
            return Fixture(
                store: RetryingObjectStore(wrapping: faulty, policy: policy), bucket: try BucketName("bucket"))
        }
    }
}

/// A store with an empty bucket.
struct Fixture: Sendable {
    let store: any ObjectStore
    let bucket: BucketName
    /// Kept so that it lives as long as the store.
    var directory: TemporaryDirectory?

    func at(_ key: String) throws -> ObjectLocation { ObjectLocation(bucket: bucket, key: try ObjectKey(key)) }

    @discardableResult
    func put(_ key: String, _ text: String, _ condition: PutCondition = .always) async throws -> PutOutcome {
        try await store.put(at(key), Array(text.utf8), condition: condition, contentType: nil)
    }

    func text(_ key: String) async throws -> String {
        String(decoding: try await store.get(at(key), range: nil).bytes, as: UTF8.self)
    }

    /// All pages of a listing.
    func list(prefix: String = "", delimiter: String? = nil, pageSize: Int = 1000) async throws -> (
        keys: [String], prefixes: [String]
    ) {
        var keys: [String] = []
        var prefixes: [String] = []
        var next: String?
        repeat {
            let page = try await store.list(
                bucket, prefix: prefix, delimiter: delimiter, startAfter: next, limit: pageSize)
            #expect(page.objects.count + page.commonPrefixes.count <= pageSize)
            keys += page.objects.map(\.key.rawValue)
            prefixes += page.commonPrefixes
            next = page.next
        } while next != nil
        return (keys, prefixes)
    }
}

/// A directory of its own for one test, removed with it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "object-store-tests-\(Foundation.UUID().uuidString)"
        try FileSystem.createDirectories(path)
    }

    deinit { try? FileSystem.removeTree(path) }
}
