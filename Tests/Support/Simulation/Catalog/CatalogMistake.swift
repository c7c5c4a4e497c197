import JSONFormat
import ObjectStore
import Synchronization

/// What a catalog on an object store can get wrong, put in on purpose between the catalog and its store. Each must be found.
package enum CatalogMistake: String, CaseIterable, Sendable {
    /// After an unknown outcome the put is made again without its condition.
    case blindRetry
    /// The metadata file is deleted when it is not known whether the register names it.
    case discardAfterUnknown
    /// A put whose outcome is not known counts as not made.
    case unknownIsRefused
    /// Whether there is a newer version is asked only now and then.
    case cachedHead
    /// Whoever decides a transaction last is right.
    case decidedTwice
    /// What is still to be decided counts at once.
    case pendingCounts
    /// The commit is answered before it is durable.
    case answeredBeforePut
    /// The store looks, and then writes.
    case lookThenPut
    /// Whoever was stalled is not told which versions were trimmed meanwhile.
    case guideUnheeded
    /// Versions are deleted before the guide says so.
    case trimmedUnsaid
    /// Nobody writes down whose request made a version.
    case keysForgotten
    /// A view is replaced by whoever comes last.
    case viewWithoutSwap
    /// Whoever looks for tables does not always see that a view has the name.
    case namesNotShared
    /// The record of a drop is changed without a look whether somebody else has.
    case recordWithoutSwap
    /// The record of a purge goes before the files.
    case purgeForgotten
    /// A purge looks neither whether the table came back nor what the tables need that are there.
    case purgeUnheeding

    /// A seed that shows it, tried first.
    package var known: UInt64? {
        switch self {
        case .recordWithoutSwap: 3597
        default: nil
        }
    }
}

extension CatalogWorld {
    func altered(_ store: SimulatedStore) -> any ObjectStore {
        guard let mistake else { return store }
        return MistakenStore(store: store, mistake: mistake, executor: executor)
    }
}

private final class MistakenStore: AlteredStore {
    private let store: SimulatedStore
    private let mistake: CatalogMistake
    private let executor: SimulatedExecutor
    private let missing = Mutex<[ObjectLocation: Int64]>([:])
    private let reads = Mutex(0)
    /// Records of drops whose files are being deleted.
    private let purging = Mutex<Set<ObjectKey>>([])
    var inner: any ObjectStore { store }

    init(store: SimulatedStore, mistake: CatalogMistake, executor: SimulatedExecutor) {
        self.store = store
        self.mistake = mistake
        self.executor = executor
    }

    func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        if mistake == .pendingCounts, location.key.rawValue.hasPrefix("transactions/") {
            return try await getDecided(location, range: range)
        }
        if mistake == .guideUnheeded, location.key.rawValue.hasSuffix("/hint") {
            return try await withoutTrimmed(try await store.get(location, range: range))
        }
        if mistake == .purgeUnheeding, location.key.rawValue.hasPrefix("dropped/") {
            return try await without("returning", try await store.get(location, range: range))
        }
        if mistake == .namesNotShared, location.key.rawValue.hasPrefix("tables/") {
            return try await withoutView(try await store.get(location, range: range))
        }
        guard mistake == .cachedHead, location.key.rawValue.hasPrefix("tables/") else {
            return try await store.get(location, range: range)
        }
        let notFound = ObjectStoreError(.notFound, "\(location.key)")
        if let since = missing.withLock({ $0[location] }), executor.now - since < 100_000 { throw notFound }
        do {
            return try await store.get(location, range: range)
        } catch {
            let now = executor.now
            if error.code == .notFound { missing.withLock { $0[location] = now } }
            throw error
        }
    }

    private func withoutTrimmed(_ object: StoredObject) async throws(ObjectStoreError) -> StoredObject {
        do {
            guard var guide = try JSONValue.parse(object.bytes).object else { return object }
            guide["trimmed"] = 0
            return StoredObject(bytes: JSONValue.object(guide).serialized(), etag: object.etag)
        } catch {
            return object
        }
    }

    private func without(_ member: String, _ object: StoredObject) async throws(ObjectStoreError) -> StoredObject {
        do {
            guard var json = try JSONValue.parse(object.bytes).object else { return object }
            json[member] = nil
            return StoredObject(bytes: JSONValue.object(json).serialized(), etag: object.etag)
        } catch {
            return object
        }
    }

    private func withoutView(_ object: StoredObject) async throws(ObjectStoreError) -> StoredObject {
        let number = reads.withLock { reads in
            reads += 1
            return reads
        }
        do {
            guard number % 4 == 0, var entry = try JSONValue.parse(object.bytes).object,
                entry["state"]?["kind"]?.string == "view"
            else { return object }
            entry["state"] = ["kind": "absent"]
            return StoredObject(bytes: JSONValue.object(entry).serialized(), etag: object.etag)
        } catch {
            return object
        }
    }

    private func getDecided(
        _ location: ObjectLocation, range: Range<Int64>?
    ) async throws(ObjectStoreError) -> StoredObject {
        do {
            return try await store.get(location, range: range)
        } catch {
            guard error.code == .notFound else { throw error }
            return StoredObject(bytes: Array(#"{"outcome":"committed"}"#.utf8), etag: "none")
        }
    }

    func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        let key = location.key.rawValue
        missing.withLock { $0[location] = nil }
        if mistake == .trimmedUnsaid, key.hasSuffix("/hint") { return .stored(etag: "unsaid") }
        let (isRegister, isDecision) = (key.hasPrefix("tables/"), key.hasPrefix("transactions/"))
        if key.hasPrefix("dropped/"), condition != .ifAbsent {
            if Self.text(bytes, "stage") == "purging" { purging.withLock { _ = $0.insert(location.key) } }
            return try await store.put(
                location, bytes, condition: mistake == .recordWithoutSwap ? .always : condition,
                contentType: contentType)
        }
        guard condition == .ifAbsent, isRegister || isDecision else {
            return try await store.put(location, bytes, condition: condition, contentType: contentType)
        }
        func pass(_ bytes: [UInt8], _ condition: PutCondition) async throws(ObjectStoreError) -> PutOutcome {
            try await store.put(location, bytes, condition: condition, contentType: contentType)
        }
        switch mistake {
        case .decidedTwice where isDecision: return try await pass(bytes, .always)
        case .viewWithoutSwap where isRegister && Self.text(bytes, "operation") == "replace-view":
            return try await pass(bytes, .always)
        case .answeredBeforePut where isRegister:
            executor.spawn { [store] in
                do throws(ObjectStoreError) {
                    _ = try await store.put(location, bytes, condition: condition, contentType: contentType)
                } catch { return }
            }
            return .stored(etag: "early")
        case .lookThenPut:
            guard try await store.head(location) == nil else { return .conditionFailed }
            return try await pass(bytes, .always)
        case .blindRetry, .unknownIsRefused, .discardAfterUnknown:
            do {
                return try await pass(bytes, condition)
            } catch {
                guard error.effect == .unknown else { throw error }
                return try await recover(from: error, location, bytes)
            }
        default: return try await pass(bytes, condition)
        }
    }

    private func recover(
        from error: ObjectStoreError, _ location: ObjectLocation, _ bytes: [UInt8]
    ) async throws(ObjectStoreError) -> PutOutcome {
        switch mistake {
        case .blindRetry: return try await store.put(location, bytes, condition: .always, contentType: nil)
        case .unknownIsRefused: return .conditionFailed
        default:
            if let file = Self.metadataFile(bytes) {
                let place = try store.location(of: file)
                try await store.delete(place.bucket, [place.key])
            }
            throw error
        }
    }

    func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        if mistake == .purgeUnheeding, prefix.hasPrefix("tables/"), !purging.withLock({ $0.isEmpty }) {
            return ObjectPage(objects: [], commonPrefixes: [], next: nil)
        }
        return try await store.list(
            bucket, prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
    }

    func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        let records = purging.withLock { purging in
            defer { purging.subtract(keys) }
            return Array(purging)
        }
        if mistake == .purgeForgotten, bucket.rawValue == CatalogWorld.tablesBucket, !records.isEmpty {
            try await store.delete(try BucketName(CatalogWorld.catalogBucket), records)
        }
        try await store.delete(bucket, keys)
    }

    private static func text(_ bytes: [UInt8], _ member: String) -> String? {
        do { return try JSONValue.parse(bytes)[member]?.string } catch { return nil }
    }

    private static func metadataFile(_ bytes: [UInt8]) -> String? {
        do { return try JSONValue.parse(bytes)["state"]?["metadata-location"]?.string } catch { return nil }
    }
}
