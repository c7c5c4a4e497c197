import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore
import Synchronization

/// The catalog: namespaces and tables, on registers in the catalog bucket. Holds no state of its own but caches, so any
/// number of replicas may serve one warehouse.
package final class CatalogService: Sendable {
    package let warehouse: Warehouse
    package let registers: RegisterStore
    let files: MetadataStore
    let views: ViewStore
    let claims: LocationClaims
    let gate: CommitGate
    let clock: any WallClock
    /// Reads manifest lists and manifests, which never change; those of commits that are being put together too.
    let loader: ManifestLoader
    let refusals: Refusals
    let dropped: DroppedTables
    let dropRetentionMilliseconds: Int64
    /// Tables that the last run of purges put off, for the metric.
    let purgesSkipped = Mutex(0)
    let tableLocks = KeyedLock<RegisterChain>()
    let commits = GroupQueue<RegisterChain, WaitingCommit, CommitResult>(
        countMax: CatalogLimits.commitsPerGroupMax, costMax: CatalogLimits.groupBytesMax)

    /// - Parameter dropRetentionHours: how long dropped tables can be brought back.
    package init(
        warehouse: Warehouse, catalogBucket: BucketName, clock: any WallClock,
        dropRetentionHours: Int = CatalogLimits.dropRetentionHours
    ) {
        self.warehouse = warehouse
        self.clock = clock
        registers = RegisterStore(store: warehouse.store, bucket: catalogBucket, clock: clock)
        files = MetadataStore(store: warehouse.store)
        views = ViewStore(store: warehouse.store)
        loader = ManifestLoader(store: warehouse.store)
        claims = LocationClaims(claims: Claims(registers: registers))
        gate = CommitGate(warehouse: warehouse, clock: clock, loader: loader)
        let documents = CatalogDocuments(store: warehouse.store, bucket: catalogBucket)
        refusals = Refusals(documents: documents, clock: clock)
        dropped = DroppedTables(documents: documents, clock: clock)
        dropRetentionMilliseconds = Int64(dropRetentionHours) * 3_600_000
    }

    /// What a request carries besides its content.
    package struct Request: Sendable {
        var idempotencyKey: IdempotencyKey?
        var origin: RequestOrigin?

        /// - Parameters:
        ///   - fingerprint: what tells this request from others with the same key, which are refused then.
        ///   - refusal: see `IdempotencyKey.refusal`.
        package init(
            idempotencyKey: String? = nil, fingerprint: String? = nil, refusal: CatalogError? = nil,
            origin: RequestOrigin? = RequestOrigin.current
        ) {
            self.idempotencyKey = idempotencyKey.map {
                IdempotencyKey(name: $0, fingerprint: fingerprint, refusal: refusal)
            }
            self.origin = origin
        }
    }

    /// A known table: its register and its metadata.
    package struct Table: Sendable {
        let identifier: TableIdentifier
        let head: RegisterHead
        package let file: StoredMetadata
    }

    /// The chains below `prefix`, by last segment, whatever their state.
    func segments(below prefix: String) async throws(CatalogError) -> [Substring] {
        var found: [Substring] = []
        var after: String?
        do {
            repeat {
                let page = try await registers.store.list(
                    registers.bucket, prefix: prefix, delimiter: "/", startAfter: after, limit: 1000)
                found += page.commonPrefixes.map { $0.dropFirst(prefix.count).dropLast() }
                after = page.next
            } while after != nil
        } catch {
            throw CatalogError(.serviceUnavailable, "listing \(prefix): \(error.message)")
        }
        return found
    }

    /// Tells a client that knows its change did not take place so: 5xx would mean that nobody knows.
    static func lost(_ what: String) -> CatalogError {
        CatalogError(.commitFailed, "\(what) changed at the same time; load it again and retry")
    }
}
