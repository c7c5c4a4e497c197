import Clocks
import Foundation
import HTTP
import IcebergCatalog
import IcebergSpec
import JSONFormat
import ObjectStore
import Synchronization
import Testing

@testable import Catalog

/// Metadata that a client registers is held to what commits are held to.
@Suite struct RegistrationTests {
    private static let home = "s3://analytics-source/analytics/copy"
    private let fixture: ServiceFixture
    private let memory: MemoryObjectStore
    private let service: CatalogService
    private let base: TableMetadata

    init() async throws {
        fixture = try ServiceFixture()
        memory = try await fixture.store(tables: [fixture.events])
        service = try fixture.service(memory)
        base = try await service.loadTable(fixture.events).file.metadata
    }

    /// Registers a copy of the table, which lies elsewhere and has another UUID unless `change` says otherwise.
    private func register(_ change: (inout JSONObject) -> Void) async throws -> HarnessClient.Answer {
        var json = try #require(base.json.object)
        json["location"] = .string(Self.home)
        json["table-uuid"] = .string(UUID.random().description)
        change(&json)
        let place = try memory.location(of: "\(Self.home)/metadata/00000-x.metadata.json")
        _ = try await memory.put(
            place, JSONValue.object(json).serialized(), condition: .always, contentType: nil)
        let body = #"{"name":"copy","metadata-location":"\#(Self.home)/metadata/00000-x.metadata.json"}"#
        return await HarnessClient(service).send(.post, "/v1/namespaces/analytics/register", body)
    }

    private static func snapshot(
        _ list: String = "\(home)/metadata/snap-1.avro", sequence: Int64 = 1, id: Int64 = 1, at time: Int64 = 1
    ) -> JSONValue {
        [
            [
                "snapshot-id": .integer(id), "sequence-number": .integer(sequence), "timestamp-ms": .integer(time),
                "manifest-list": .string(list), "summary": ["operation": "append"], "schema-id": 0,
            ]
        ]
    }

    @Test func `a metadata file above the limit is refused, and no more of it is read`() async throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "register-\(Clocks.UUID.random())").path
        defer { try? FileManager.default.removeItem(atPath: root) }
        let local = try LocalObjectStore(root: root)
        let requests = StoreRequests()
        let catalog = try fixture.service(CountingStore(local, requests))
        _ = try await catalog.createNamespace(fixture.namespace, properties: [:], CatalogService.Request())
        let place = ObjectLocation(bucket: fixture.sourceBucket, key: try ObjectKey("t/metadata/v1.metadata.json"))
        _ = try await local.put(place, [], condition: .always, contentType: nil)
        let uri = local.uri(of: place)
        // A hole: nothing of it lies on the disk.
        #expect(truncate(String(uri.dropFirst("file://".count)), Int(Limits.metadataBytesMax) + 4_096) == 0)
        let before = requests.counts.bytesRead
        let answer = await HarnessClient(catalog).send(
            .post, "/v1/namespaces/analytics/register", #"{"name":"copy","metadata-location":"\#(uri)"}"#)
        #expect(answer.status == 400)
        #expect(answer.errorMessage?.contains("\(Limits.metadataBytesMax)") == true, "\(answer.json)")
        #expect(requests.counts.bytesRead - before < Int64(Limits.metadataBytesMax) + 4_096)
        #expect(try await catalog.listTables(in: fixture.namespace).isEmpty)
    }

    @Test func `a copy with a UUID of its own is taken`() async throws {
        let answer = try await register {
            $0["snapshots"] = Self.snapshot()
            $0["last-sequence-number"] = 1
        }
        #expect(answer.status == 200, "\(answer.json)")
    }

    @Test func `the UUID of a table that is there is refused, until that one is gone`() async throws {
        let uuid = base.tableUUID?.description ?? ""
        let refused = try await register { $0["table-uuid"] = .string(uuid) }
        #expect(refused.status == 409)
        #expect(refused.errorMessage?.contains("is analytics.events now") == true)
        try await service.dropTable(fixture.events, CatalogService.Request())
        #expect(try await register { $0["table-uuid"] = .string(uuid) }.status == 200)
    }

    /// The commit that makes a table, as clients send it after staging.
    private func create(_ name: String, uuid: Clocks.UUID?, _ service: CatalogService? = nil) async throws {
        let updates: [TableUpdate] = [
            .assignUUID(try #require(uuid)), .upgradeFormatVersion(2),
            .setLocation("s3://analytics-source/analytics/\(name)"),
            .addSchema(try Schema(fields: [.required(1, "id", .long)])), .setCurrentSchema(id: -1),
            .addPartitionSpec(UnboundPartitionSpec()), .setDefaultSpec(id: -1), .addSortOrder(.unsorted),
            .setDefaultSortOrder(id: -1),
        ]
        let change = CatalogService.TableChange(
            identifier: try TableIdentifier(fixture.namespace, name), requirements: [.create], updates: updates)
        _ = try await (service ?? self.service).commit(change, CatalogService.Request())
    }

    private func expectRefused(_ name: String, uuid: Clocks.UUID?) async throws {
        do {
            try await create(name, uuid: uuid)
            Issue.record("\(name) was made")
        } catch let error as CatalogError {
            #expect(error.code == .badRequest && error.message.contains("UUID"))
            // The sender may not know of that table.
            #expect(!error.message.contains("analytics.events"))
        }
    }

    @Test func `a new table takes no UUID that another one has, or had`() async throws {
        let renamed = try TableIdentifier(fixture.namespace, "renamed")
        try await expectRefused("twin", uuid: base.tableUUID)
        try await service.renameTable(fixture.events, to: renamed, CatalogService.Request())
        try await expectRefused("twin", uuid: base.tableUUID)
        try await service.dropTable(renamed, CatalogService.Request())
        try await expectRefused("twin", uuid: base.tableUUID)
        _ = try await service.undropTable(renamed, CatalogService.Request())
        _ = try await service.unregisterTable(renamed, CatalogService.Request())
        try await expectRefused("twin", uuid: base.tableUUID)
        _ = try await service.reregisterTable(renamed, CatalogService.Request())
        try await create("other", uuid: .random())
        #expect(try await service.listTables(in: fixture.namespace).map(\.name) == ["other", "renamed"])
    }

    @Test func `of two replicas that make tables with one UUID one is refused`() async throws {
        let uuid = Clocks.UUID.random()
        try await Interleaving.forEvery(ordersMax: 500) { scheduler in
            let memory = try await fixture.store(tables: [])
            let store = SteppedStore(store: memory, scheduler: scheduler)
            let made = Mutex(0)
            try await scheduler.run(
                ["one", "two"].map { name in
                    {
                        do {
                            try await self.create(name, uuid: uuid, try self.fixture.service(store))
                            made.withLock { $0 += 1 }
                        } catch let error as CatalogError {
                            #expect(error.code == .badRequest)
                        }
                    }
                })
            #expect(made.withLock { $0 } == 1)
        }
    }

    private static func field(_ transform: String, source: Int64) -> JSONValue {
        ["field-id": 1000, "source-id": .integer(source), "name": "part", "transform": .string(transform)]
    }

    private static let refused: [(String, JSONValue, String)] = [
        ("last-sequence-number", -1, "-1"),
        ("snapshots", snapshot(sequence: -1), "sequence number"),
        ("snapshots", snapshot(id: 0), "above 0"),
        ("snapshots", snapshot(at: .max), ""),
        ("snapshots", snapshot("s3://analytics-source/analytics/events/metadata/snap-1.avro"), "outside"),
        ("snapshots", snapshot("s3://analytics-source/analytics/copy2/snap-1.avro"), "outside"),
        ("snapshots", snapshot("s3://elsewhere/snap-1.avro"), "elsewhere"),
        ("snapshots", snapshot("file:///etc/passwd"), ""),
        ("last-updated-ms", .integer(Limits.timesMilliseconds.upperBound), "last-updated-ms"),
        ("partition-specs", [["spec-id": 0, "fields": [field("bucket[4]", source: 99)]]], "99"),
        ("partition-specs", [["spec-id": 0, "fields": [field("hour", source: 1)]]], "hour"),
        (
            "sort-orders",
            [
                [
                    "order-id": 0,
                    "fields": [
                        ["source-id": 99, "transform": "identity", "direction": "asc", "null-order": "nulls-first"]
                    ],
                ]
            ], ""
        ),
        (
            "schemas",
            [
                [
                    "type": "struct", "schema-id": 0,
                    "fields": [["id": 2_147_483_540, "name": "_row_id", "required": false, "type": "long"]],
                ]
            ], "2147483447"
        ),
    ]

    @Test(arguments: 0..<refused.count)
    func `what commits could not have made is refused`(row: Int) async throws {
        let (key, value, message) = Self.refused[row]
        let answer = try await register {
            if key == "snapshots" { $0["last-sequence-number"] = 1 }
            $0[key] = value
        }
        #expect(answer.status == 400)
        #expect(message.isEmpty || answer.errorMessage?.contains(message) == true, "\(answer.json)")
    }

    @Test func `a table that was moved is registered with the snapshots from where it lay`() async throws {
        _ = try await service.commit(fixture.append(fixture.events, snapshot: 5, on: nil), CatalogService.Request())
        let move = CatalogService.TableChange(
            identifier: fixture.events, requirements: [], updates: [.setLocation(Self.home)])
        _ = try await service.commit(move, CatalogService.Request())
        let last = try await service.unregisterTable(fixture.events, CatalogService.Request())
        let back = try await service.registerTable(
            fixture.events, metadataLocation: last.location, overwrite: false, CatalogService.Request())
        #expect(back.file.metadata.currentSnapshotID == 5)
    }
}
