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

/// Lives of a log, idle tables and tables that are replaced: what a committer may go on from.
struct TableCommitterLivesTests {
    @Test func `the watermark of an idle table moves with a snapshot that no late commit can get past`() async throws {
        let world = try World()
        let committer = world.committer()
        _ = try await committer.commit(World.batch(first: 1, last: 2))
        // A commit of an earlier life, prepared here and late.
        let zombie = ZombieCatalog(world.catalog)
        let dying = Task { try await world.committer(catalog: zombie).advance(from: 2, through: 4) }
        await zombie.waitForCommit()
        dying.cancel()
        guard case .committed(let receipt) = try await committer.advance(from: 2, through: 9) else {
            Issue.record("not advanced")
            return
        }
        #expect(receipt.watermark == 9 && receipt.files.isEmpty && receipt.events == 0)
        await zombie.release()
        #expect(try await world.committer().readWatermark() == 9)
        _ = try await committer.commit(World.batch(first: 10, last: 10))
        #expect(try await world.ids() == (World.expectedIDs(1...2) + World.expectedIDs(10...10)).sorted())
    }

    @Test func `a table new to a trimmed log is claimed once`() async throws {
        let world = try World()
        let committer = world.committer(firstInLog: 8)
        guard case .committed(let receipt) = try await committer.advance(from: nil, through: 7) else {
            Issue.record("not claimed")
            return
        }
        #expect(receipt.watermark == 7)
        guard case .restart(7) = try await world.committer(firstInLog: 8).advance(from: nil, through: 9) else {
            Issue.record("claimed twice")
            return
        }
        _ = try await committer.commit(World.batch(first: 8, last: 8))
        #expect(try await world.ids() == World.expectedIDs(8...8))
    }

    @Test func `a later life of the log takes over, and the earlier one stops`() async throws {
        let world = try World()
        let storage = DirectoryOfLives()
        let first = world.committer { $0.lives = storage.open(logEnd: 0) }
        _ = try await first.commit(World.batch(first: 1, last: 2))
        // A life that never commits leaves no trace.
        _ = storage.open(logEnd: 3)
        let second = world.committer { $0.lives = storage.open(logEnd: 3) }
        #expect(try await second.readWatermark() == 2)
        _ = try await second.commit(World.batch(first: 3, last: 3))
        await #expect { _ = try await first.commit(World.batch(first: 3, last: 4)) } throws: {
            ($0 as? CommitError)?.message.contains("another process has taken over") == true
        }
        // The directory as it was before the second life is an old copy.
        let copy = world.committer { $0.lives = DirectoryOfLives().open(logEnd: 2) }
        await #expect { _ = try await copy.commit(World.batch(first: 3, last: 4)) } throws: {
            ($0 as? CommitError)?.code == .contradiction
        }
        // Nor may it believe the watermark, and trim its own events by it.
        let older = storage.copy()
        // Not even when it has accepted as many in the meantime.
        for logEnd in [2, 4] as [UInt64] {
            let shorter = world.committer { $0.lives = older.open(logEnd: logEnd) }
            await #expect { _ = try await shorter.readWatermark() } throws: {
                ($0 as? CommitError)?.message.contains("old copy") == true
            }
        }
        let third = world.committer { $0.lives = storage.open(logEnd: 4) }
        _ = try await third.commit(World.batch(first: 4, last: 4))
        #expect(try await world.ids() == World.expectedIDs(1...4))
        let properties = try await world.catalog.loadTable(world.identifier).metadata.properties
        #expect(CommitMark(properties["analytics.log.\(world.logID).epoch"] ?? "") != nil)
    }

    @Test func `a second committer of one process knows the commits of the first`() async throws {
        let world = try World()
        let lives = DirectoryOfLives().open(logEnd: 0)
        _ = try await world.committer { $0.lives = lives }.commit(World.batch(first: 1, last: 2))
        let second = world.committer { $0.lives = lives }
        #expect(try await second.readWatermark() == 2)
        _ = try await second.commit(World.batch(first: 3, last: 3))
        #expect(try await world.ids() == World.expectedIDs(1...3))
    }

    @Test func `a catalog that takes no properties with a snapshot gets them in the summary`() async throws {
        let world = try World()
        let catalog = PropertylessCatalog(inner: world.catalog)
        let storage = DirectoryOfLives()
        let committer = world.committer(catalog: catalog) { $0.lives = storage.open(logEnd: 0) }
        _ = try await committer.commit(World.batch(first: 1, last: 2))
        _ = try await committer.commit(World.batch(first: 3, last: 3))
        let next = world.committer(catalog: catalog) { $0.lives = storage.open(logEnd: 5) }
        #expect(try await next.readWatermark() == 3)
        guard case .restart(3) = try await next.commit(World.batch(first: 1, last: 4)) else {
            Issue.record("it does not know the summary")
            return
        }
        _ = try await next.commit(World.batch(first: 4, last: 4))
        #expect(try await world.ids() == World.expectedIDs(1...4))
    }

    @Test func `a watermark put back by hand does not double what snapshots say is there`() async throws {
        let world = try World()
        let storage = DirectoryOfLives()
        let first = world.committer { $0.lives = storage.open(logEnd: 0) }
        _ = try await first.commit(World.batch(first: 1, last: 1))
        let before = try await world.catalog.loadTable(world.identifier).metadata.properties
        _ = try await first.commit(World.batch(first: 2, last: 3))
        let outcome = await world.catalog.commit(
            world.identifier, requirements: [], updates: [.setProperties(before)])
        guard case .committed = outcome else { throw CommitError(.failed, "the property was not put back") }
        // Another's snapshot on top says nothing of the log.
        _ = try await world.committer { $0.logID = UUID(high: 7, low: 7) }.advance(from: nil, through: 1)
        let next = world.committer { $0.lives = storage.open(logEnd: 4) }
        #expect(try await next.readWatermark() == 3)
        guard case .restart(3) = try await next.commit(World.batch(first: 2, last: 4)) else {
            Issue.record("the property was believed")
            return
        }
        _ = try await next.commit(World.batch(first: 4, last: 4))
        #expect(try await world.ids() == World.expectedIDs(1...4))
    }

    @Test func `files are not committed to another table of the same name`() async throws {
        let world = try World()
        let catalog = try RecreatingCatalog(world)
        let committer = world.committer(catalog: catalog)
        guard case .restart(0) = try await committer.commit(World.batch(first: 1, last: 2)) else {
            Issue.record("files of one table went into another")
            return
        }
        guard case .committed(let receipt) = try await committer.commit(World.batch(first: 1, last: 2)) else {
            Issue.record("not committed")
            return
        }
        #expect(receipt.files.allSatisfy { $0.contains("analytics/second") } && receipt.files.count == 2)
    }

    @Test func `two logs write one table`() async throws {
        let world = try World()
        let one = world.committer()
        let two = TableCommitter(
            TableCommitter.Configuration(table: world.identifier, location: nil, logID: UUID(high: 9, low: 9)),
            catalog: world.catalog, store: world.memory, firstInLog: 1, clock: TestClock())
        async let first = one.commit(World.batch(first: 1, last: 1))
        async let second = two.commit(World.batch(first: 1, last: 1))
        _ = try await (first, second)
        #expect(try await world.ids() == (World.expectedIDs(1...1) + World.expectedIDs(1...1)).sorted())
    }
}
