import ObjectStore
import Testing

/// A store that keeps no promise about conditions, as several servers did in some version.
struct CarelessStore: ObjectStore {
    enum Fault: String, CaseIterable, Sendable { case ignoresIfAbsent, ignoresIfMatch, keepsEntityTag }

    let fault: Fault
    let memory = MemoryObjectStore()

    func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        switch (fault, condition) {
        case (.ignoresIfAbsent, .ifAbsent), (.ignoresIfMatch, .ifMatch):
            return try await memory.put(location, bytes, condition: .always, contentType: contentType)
        case (.keepsEntityTag, .ifMatch("fixed")):
            _ = try await memory.put(location, bytes, condition: .always, contentType: contentType)
            return .stored(etag: "fixed")
        case (.keepsEntityTag, _):
            let outcome = try await memory.put(location, bytes, condition: condition, contentType: contentType)
            return outcome == .conditionFailed ? outcome : .stored(etag: "fixed")
        default: return try await memory.put(location, bytes, condition: condition, contentType: contentType)
        }
    }

    func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        let stored = try await memory.get(location, range: range)
        return fault == .keepsEntityTag ? StoredObject(bytes: stored.bytes, etag: "fixed") : stored
    }

    func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        try await memory.head(location)
    }

    func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        try await memory.list(bucket, prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
    }

    func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        try await memory.delete(bucket, keys)
    }

    func uri(of location: ObjectLocation) -> String { memory.uri(of: location) }
    func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation { try memory.location(of: uri) }
}

struct ProbeTests {
    @Test(arguments: StoreUnderTest.available.filter { $0 != .retryingOverFaults })
    func `a store that keeps its promises passes and is left as it was`(kind: StoreUnderTest) async throws {
        let fixture = try await kind.open()
        try await ObjectStoreProbe.compareAndSwap(of: fixture.store, bucket: fixture.bucket)
        let report = try await ObjectStoreProbe.reachability(of: fixture.store, bucket: fixture.bucket)
        #expect(report.writeMicroseconds >= 0 && report.readMicroseconds >= 0 && report.deleteMicroseconds >= 0)
        #expect(try await fixture.list().keys == [])
    }

    @Test(arguments: CarelessStore.Fault.allCases)
    func `a store that breaks a promise is refused, with the promise named`(fault: CarelessStore.Fault) async throws {
        let store = CarelessStore(fault: fault)
        let bucket = try BucketName("bucket")
        let error = await #expect(throws: ObjectStoreError.self) {
            try await ObjectStoreProbe.compareAndSwap(of: store, bucket: bucket)
        }
        #expect(error?.code == .failed)
        #expect(error?.message.contains("does not decide conditional writes") == true)
        #expect(try await store.list(bucket, prefix: "", delimiter: nil, startAfter: nil, limit: 10).objects.isEmpty)
    }

    @Test func `a store that cannot be reached fails the probe`() async throws {
        let store = FaultyObjectStore(wrapping: MemoryObjectStore(), plan: .init(rules: [.init(.refuse, times: 100)]))
        let bucket = try BucketName("bucket")
        for error in [
            await #expect(throws: ObjectStoreError.self) {
                try await ObjectStoreProbe.compareAndSwap(of: store, bucket: bucket)
            },
            await #expect(throws: ObjectStoreError.self) {
                _ = try await ObjectStoreProbe.reachability(of: store, bucket: bucket)
            },
        ] { #expect(error?.code == .unavailable) }
    }
}
