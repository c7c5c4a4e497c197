import ObjectStore
import Synchronization
import Testing

@testable import Catalog

/// A store in the middle of whose use something else happens.
struct InterruptedStore: ObjectStore {
    let store: any ObjectStore
    /// Operations that come before.
    let after: Int
    private let state = Counter()

    private final class Counter: Sendable {
        let operations = Mutex(0)
        let interruption = Mutex<(@Sendable () async -> Void)?>(nil)
    }

    init(store: any ObjectStore, after: Int) {
        self.store = store
        self.after = after
    }

    /// - Returns: whether `body` got as far as to be interrupted.
    func interrupting(
        _ interruption: @escaping @Sendable () async -> Void, during body: (InterruptedStore) async throws -> Void
    ) async throws -> Bool {
        state.interruption.withLock { $0 = interruption }
        try await body(self)
        return state.operations.withLock { $0 } > after
    }

    private func pass() async {
        let isMoment = state.operations.withLock { count in
            count += 1
            return count == after + 1
        }
        if isMoment { await state.interruption.withLock { $0 }?() }
    }

    func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        await pass()
        return try await store.get(location, range: range)
    }

    func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        await pass()
        return try await store.head(location)
    }

    func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        await pass()
        return try await store.put(location, bytes, condition: condition, contentType: contentType)
    }

    func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        await pass()
        return try await store.list(bucket, prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
    }

    func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        await pass()
        try await store.delete(bucket, keys)
    }

    func uri(of location: ObjectLocation) -> String { store.uri(of: location) }
    func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation { try store.location(of: uri) }
}

extension ServiceFixture {
    /// Calls `body` for each moment of what it has happen on the second store, with the table there.
    ///
    /// - Parameter body: returns whether the moment came before its end.
    func forEveryMoment(_ body: (MemoryObjectStore, InterruptedStore) async throws -> Bool) async throws {
        var moments = 0
        while true {
            let memory = try await store(tables: [events])
            guard try await body(memory, InterruptedStore(store: memory, after: moments)) else { break }
            moments += 1
            try #require(moments < 500)
        }
        #expect(moments > 1)
    }
}
