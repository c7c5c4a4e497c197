import Clocks
import IcebergCatalog
import IcebergSpec
import JSONFormat
import ObjectStore

@testable import Catalog

/// Replicas of the catalog on one store, and what they are asked.
struct ServiceFixture {
    let namespace: NamespaceName
    let events: TableIdentifier
    let sourceBucket: BucketName
    let catalogBucket: BucketName

    init() throws {
        namespace = try NamespaceName(["analytics"])
        events = try TableIdentifier(namespace, "events")
        sourceBucket = try BucketName("analytics-source")
        catalogBucket = try BucketName("analytics-catalog")
    }

    func service(
        _ store: any ObjectStore, dropRetentionHours: Int = CatalogLimits.dropRetentionHours
    ) throws -> CatalogService {
        let warehouse = try Warehouse(
            name: "analytics", defaultBucket: sourceBucket, buckets: [], store: store, clientConfig: [:])
        return CatalogService(
            warehouse: warehouse, catalogBucket: catalogBucket, clock: SystemClock(),
            dropRetentionHours: dropRetentionHours)
    }

    /// A store with the namespace, and the table when `tables` says so.
    func store(tables: [TableIdentifier] = []) async throws -> MemoryObjectStore {
        let memory = MemoryObjectStore()
        let service = try service(memory)
        _ = try await service.createNamespace(namespace, properties: [:], CatalogService.Request())
        for table in tables { _ = try await service.createTable(table, try creation(), CatalogService.Request()) }
        return memory
    }

    /// A table whose commits may name files that are not there.
    func creation(location: String? = nil, properties: [String: String] = [:]) throws -> CatalogService.Creation {
        let properties = properties.merging(["commit.gate.level": "off"]) { given, _ in given }
        let schema = try Schema(fields: [.required(1, "id", .string)])
        return CatalogService.Creation(
            creation: TableCreation(schema: schema, location: location, properties: properties), isStaged: false)
    }

    /// A commit that sets one property, and requires nothing that another such commit could break.
    func change(_ table: TableIdentifier, setting key: String, to value: String = "1") -> CatalogService.TableChange {
        CatalogService.TableChange(
            identifier: table, requirements: [], updates: [.setProperties([key: value])])
    }

    /// A commit that moves `main` from `parent` to a new snapshot.
    func append(
        _ table: TableIdentifier, snapshot id: Int64, on parent: Int64?, properties: [String: String] = [:],
        manifestList: String? = nil, sequenceNumber: Int64 = 1, secondsAgo: Int64 = 0
    ) -> CatalogService.TableChange {
        let snapshot = Snapshot(
            snapshotID: id, parentSnapshotID: parent, sequenceNumber: sequenceNumber,
            timestampMilliseconds: SystemClock().now().milliseconds - secondsAgo * 1000,
            manifestList: manifestList ?? "s3://analytics-source/analytics/events/metadata/snap-\(id).avro",
            summary: ["operation": "append", "added-records": "1", "total-records": "1"], schemaID: 0)
        var updates: [TableUpdate] = [
            .addSnapshot(snapshot),
            .setSnapshotReference(name: "main", SnapshotReference(snapshotID: id)),
        ]
        if !properties.isEmpty { updates.append(.setProperties(properties)) }
        return CatalogService.TableChange(
            identifier: table,
            requirements: [.referenceSnapshotID(reference: "main", snapshotID: parent)], updates: updates)
    }
}
