import Clocks
import IcebergCatalog
import JSONFormat
import ObjectStore

/// The proof that a store decides races between writers, which the catalog rests on.
///
/// Racing takes some stores seconds. So the store keeps, in the bucket itself, when it last passed: a start soon after does
/// not wait for another race.
struct StoreProof: Sendable {
    static let key = "probes/compare-and-swap"

    let store: any ObjectStore
    let bucket: BucketName
    let clock: any WallClock

    /// - Throws: when the store failed the race, or cannot be reached.
    func require() async throws {
        let documents = CatalogDocuments(store: store, bucket: bucket)
        if let provedAt = try await provedAt(documents) {
            let (age, overflow) = clock.now().milliseconds.subtractingReportingOverflow(provedAt)
            guard overflow || !(0..<CatalogLimits.storeProofMilliseconds).contains(age) else { return }
        }
        try await ObjectStoreProbe.compareAndSwap(of: store, bucket: bucket)
        _ = try await documents.write(["proved-ms": .integer(clock.now().milliseconds)], to: Self.key, .always)
    }

    /// nil when there is none, or one that says nothing.
    private func provedAt(_ documents: CatalogDocuments) async throws(CatalogError) -> Int64? {
        do throws(CatalogError) {
            return try await documents.read(Self.key)?.json["proved-ms"]?.integer
        } catch {
            guard error.code == .internalError else { throw error }
            return nil
        }
    }
}
