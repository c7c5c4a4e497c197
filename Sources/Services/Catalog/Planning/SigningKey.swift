import Bytes
import Checksums
import IcebergCatalog
import ObjectStore
import Synchronization

/// The key that the replicas of one catalog sign their tokens with: an object of the catalog bucket, made by whichever
/// replica needs it first. Who can read that bucket can change every table anyway.
final class SigningKey: Sendable {
    static let byteCount = 32
    /// Of a signature: half of a SHA-256, which is far beyond guessing.
    static let signatureByteCount = 16

    private let store: any ObjectStore
    private let bucket: BucketName
    private let key = Mutex<[UInt8]?>(nil)

    init(store: any ObjectStore, bucket: BucketName) {
        self.store = store
        self.bucket = bucket
    }

    /// - Parameter purpose: signatures for one purpose are of no use for another.
    func signature(of bytes: [UInt8], for purpose: String) async throws(CatalogError) -> [UInt8] {
        let message = Array(purpose.utf8) + [0] + bytes
        return Array(Digest.hmacSHA256(key: try await value(), message).prefix(Self.signatureByteCount))
    }

    func isSignature(
        _ signature: [UInt8], of bytes: [UInt8], for purpose: String
    ) async throws(CatalogError) -> Bool {
        Digest.constantTimeEquals(try await self.signature(of: bytes, for: purpose), signature)
    }

    /// Creating the object only where there is none decides which replica's key counts; every other one reads it.
    private func value() async throws(CatalogError) -> [UInt8] {
        if let known = key.withLock({ $0 }) { return known }
        let found: [UInt8]
        do throws(ObjectStoreError) {
            found = try await read(ObjectLocation(bucket: bucket, key: try ObjectKey("keys/scan-planning")))
        } catch {
            throw CatalogError(.serviceUnavailable, "the key that signs plans cannot be read: \(error.message)")
        }
        guard found.count == Self.byteCount else {
            throw CatalogError(
                .internalError,
                "\(bucket)/keys/scan-planning is damaged; delete it, and restart the replicas, which make another")
        }
        key.withLock { $0 = found }
        return found
    }

    private func read(_ place: ObjectLocation) async throws(ObjectStoreError) -> [UInt8] {
        if try await store.head(place) == nil {
            var generator = SystemRandomNumberGenerator()
            let made = (0..<Self.byteCount).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            _ = try await store.putIfAbsentProved(place, made, contentType: "application/octet-stream")
        }
        return try await store.get(place, range: nil).bytes
    }
}
