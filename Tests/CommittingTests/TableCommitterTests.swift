import Batching
import Clocks
import Events
import Files
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat
import Synchronization
import Testing
import WriteAheadLog

@testable import Committing

struct TableCommitterTests {
    @Test func `batches land in a table that is made for them, with paths, partitions and watermark`() async throws {
        let world = try World()
        let committer = world.committer()
        #expect(try await committer.readWatermark() == nil)
        guard case .committed(let receipt) = try await committer.commit(World.batch(first: 1, last: 3)) else {
            Issue.record("not committed")
            return
        }
        #expect(receipt.watermark == 3 && receipt.events == 6 && receipt.snapshotID != nil)
        let name = "\(world.logID)-1-3.parquet"
        #expect(
            receipt.files.map { $0.split(separator: "/data/").last.map(String.init) ?? "" }.sorted() == [
                "type=a%20b%2Fc/year=2024/month=01/day=15/hour=13/\(name)",
                "type=page.view/year=2024/month=01/day=15/hour=14/\(name)",
            ])
        _ = try await committer.commit(World.batch(first: 4, last: 4))
        #expect(try await world.ids() == World.expectedIDs(1...4))
        #expect(try await world.committer().readWatermark() == 4)
        let metadata = try await world.catalog.loadTable(world.identifier).metadata
        #expect(metadata.snapshots.count == 2)
        #expect(metadata.currentSnapshot?.summary["total-records"] == "8")
    }

    @Test(
        arguments: [
            [.loseReply], [.loseRequest], [.conflict], [.reject, .reject], [.loseRequest, .loseReply],
            [.conflict, .loseReply], [.loseRequest, .loseRequest, .none],
        ] as [[FaultyCatalog.Fault]])
    private func `whatever becomes of the commit, each event is in the table once`(
        faults: [FaultyCatalog.Fault]
    ) async throws {
        let world = try World()
        let catalog = FaultyCatalog(world.catalog, faults)
        let committer = world.committer(catalog: catalog)
        for number in 1...3 { _ = try await committer.commit(World.batch(first: UInt64(number), last: UInt64(number))) }
        #expect(try await world.ids() == World.expectedIDs(1...3))
    }

    @Test func `a store that loses requests and replies at random costs neither loss nor doubles`() async throws {
        for seed in 1...25 {
            let world = try World { memory in
                FaultyObjectStore(
                    wrapping: memory, plan: FaultyObjectStore.Plan(faultsPerThousand: 80, seed: UInt64(seed)))
            }
            let store = FaultyObjectStore(
                wrapping: world.memory, plan: FaultyObjectStore.Plan(faultsPerThousand: 80, seed: UInt64(seed) << 32))
            let committer = world.committer(store: store)
            for number in 1...4 {
                _ = try await committer.commit(World.batch(first: UInt64(number), last: UInt64(number)))
            }
            let clean = DirectCatalog(
                store: world.memory, bucket: try BucketName(World.bucket),
                locations: [world.identifier: try ObjectKey(World.location)])
            let metadata = try await clean.loadTable(world.identifier).metadata
            #expect(metadata.properties["analytics.log.\(world.logID).committed"] == "4")
            #expect(metadata.currentSnapshot?.summary["total-records"] == "8", "seed \(seed)")
        }
    }

    @Test func `a late commit of an earlier run conflicts, or makes the new run seal anew`() async throws {
        let world = try World()
        // The first run stores and prepares records 1 to 2, and its commit is on its way when it dies.
        let zombie = ZombieCatalog(world.catalog)
        let first = world.committer(catalog: zombie)
        let dying = Task { try await first.commit(World.batch(first: 1, last: 2)) }
        await zombie.waitForCommit()
        dying.cancel()
        // The second run has meanwhile read watermark nil and sealed 1 to 3.
        let second = world.committer()
        #expect(try await second.readWatermark() == nil)
        await zombie.release()
        guard case .restart(let after) = try await second.commit(World.batch(first: 1, last: 3)) else {
            Issue.record("the overlap went unseen")
            return
        }
        #expect(after == 2)
        _ = try await second.commit(World.batch(first: 3, last: 3))
        #expect(try await world.ids() == World.expectedIDs(1...3))
        // And the other way round: the second run is first, the late commit must not land.
        let other = try World()
        let late = ZombieCatalog(other.catalog)
        let third = other.committer(catalog: late)
        let task = Task { try await third.commit(World.batch(first: 1, last: 2)) }
        await late.waitForCommit()
        task.cancel()
        _ = try await other.committer().commit(World.batch(first: 1, last: 2))
        await late.release()
        #expect(try await other.ids() == World.expectedIDs(1...2))
    }

    @Test func `a log that was trimmed does not begin again in a table that forgot it`() async throws {
        let world = try World()
        let committer = world.committer(firstInLog: 5)
        await #expect { _ = try await committer.commit(World.batch(first: 5, last: 6)) } throws: {
            ($0 as? CommitError)?.code == .contradiction
        }
        #expect(try await world.ids().isEmpty)
    }

    @Test func `an event table that lacks columns gets them, and another table is written as it is`() async throws {
        let world = try World()
        let old = try Schema(fields: Array(EventTable.schema().fields.prefix(5)))
        let creation = TableCreation(schema: old, partitionSpec: EventTable.partitionSpec)
        _ = try await world.catalog.createTable(world.identifier, creation)
        _ = try await world.committer().commit(World.batch(first: 1, last: 1))
        let metadata = try await world.catalog.loadTable(world.identifier).metadata
        #expect(try metadata.currentSchema.idsByName.count == EventTable.schema().idsByName.count - 4)
        #expect(metadata.currentSchema.field(named: "extensions.value") != nil)
        #expect(try await world.ids() == World.expectedIDs(1...1))
        let five = try World()
        let simple = try Schema(fields: [
            .required(1, "event_id", .string), .required(2, "timestamp", .timestamp), .required(3, "type", .string),
            .required(4, "source", .string), .optional(5, "data", .string),
        ])
        let spec = PartitionSpec(fields: [
            PartitionField(sourceID: 2, fieldID: 1000, name: "event_day", transform: .day),
            PartitionField(sourceID: 3, fieldID: 1001, name: "event_type", transform: .identity),
        ])
        _ = try await five.catalog.createTable(
            five.identifier, TableCreation(schema: simple, partitionSpec: spec))
        _ = try await five.committer().commit(World.batch(first: 1, last: 2))
        #expect(try await five.ids() == World.expectedIDs(1...2))
        #expect(try await five.catalog.loadTable(five.identifier).metadata.currentSchema.fields.count == 5)
    }

    @Test func `a table whose required columns no event has is refused`() async throws {
        let world = try World()
        let schema = try Schema(fields: [.required(1, "id", .string), .required(2, "price", .double)])
        _ = try await world.catalog.createTable(world.identifier, TableCreation(schema: schema))
        await #expect { _ = try await world.committer().commit(World.batch(first: 1, last: 1)) } throws: {
            ($0 as? CommitError)?.code == .unsuitableTable
        }
    }
}
