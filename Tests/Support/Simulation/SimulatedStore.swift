import ObjectStore

/// An object store behind a network, as one program sees it.
package struct SimulatedStore: ObjectStore {
    let inner: any ObjectStore
    let network: SimulatedNetwork
    let process: SimulatedProcess

    package init(_ inner: any ObjectStore, _ network: SimulatedNetwork, _ process: SimulatedProcess) {
        self.inner = inner
        self.network = network
        self.process = process
    }

    private func call<Value: Sendable>(
        _ what: @autoclosure () -> String, reads: Bool,
        _ effect: @escaping @Sendable () async throws(ObjectStoreError) -> Value
    ) async throws(ObjectStoreError) -> Value {
        let answer = await network.call(from: process, what(), reads: reads) { () -> Result<Value, ObjectStoreError> in
            do throws(ObjectStoreError) { return .success(try await effect()) } catch { return .failure(error) }
        }
        switch answer {
        case .answered(let result): return try result.get()
        case .refused: throw ObjectStoreError(.unavailable, "503 Slow Down")
        case .unknown: throw ObjectStoreError(.unavailable, "no answer", effect: .unknown)
        }
    }

    package func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        try await call("get \(location.key)", reads: true) { [inner] () async throws(ObjectStoreError) in
            try await inner.get(location, range: range)
        }
    }

    package func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        try await call("head \(location.key)", reads: true) { [inner] () async throws(ObjectStoreError) in
            try await inner.head(location)
        }
    }

    package func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        try await call("put \(location.key)", reads: false) { [inner] () async throws(ObjectStoreError) in
            try await inner.put(location, bytes, condition: condition, contentType: contentType)
        }
    }

    package func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        try await call("list \(prefix)", reads: true) { [inner] () async throws(ObjectStoreError) in
            try await inner.list(bucket, prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
        }
    }

    package func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        try await call("delete \(keys.map(\.rawValue).joined(separator: " "))", reads: false) {
            [inner] () async throws(ObjectStoreError) in
            try await inner.delete(bucket, keys)
        }
    }

    package func uri(of location: ObjectLocation) -> String { inner.uri(of: location) }
    package func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation { try inner.location(of: uri) }
}
