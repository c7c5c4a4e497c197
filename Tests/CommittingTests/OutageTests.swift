import Batching
import Clocks
import IcebergCatalog
import IcebergSpec
import ObjectStore
import Synchronization
import Testing

@testable import Committing

/// Time passes only while somebody waits.
private final class OutageClock: WallClock, MonotonicClock {
    private let milliseconds = Mutex<Int64>(0)
    private let waits = Mutex<[Int]>([])

    var elapsed: Int64 { milliseconds.withLock { $0 } }
    var waited: [Int] { waits.withLock { $0 } }
    func now() -> Timestamp { Timestamp(milliseconds: 1_705_329_000_000 + elapsed) }
    func nanoseconds() -> UInt64 { UInt64(elapsed) * 1_000_000 }
    func sleep(milliseconds count: Int) async throws {
        milliseconds.withLock { $0 += Int64(count) }
        waits.withLock { $0.append(count) }
        await Task.yield()
    }
}

/// A catalog or a store that is away until a moment.
private struct Outage: Sendable {
    let clock: OutageClock
    let until: Int64
    let calls = Calls()

    final class Calls: Sendable {
        let count = Mutex(0)
    }

    /// Counts a call that finds nobody.
    func isAway() -> Bool {
        guard clock.elapsed < until else { return false }
        calls.count.withLock { $0 += 1 }
        return true
    }
}

private struct AwayCatalog: ForwardingCatalog {
    let inner: any TableCatalog
    let outage: Outage
    /// Loads are answered, commits are not.
    var loads = false

    func loadTable(_ table: TableIdentifier) async throws(CatalogError) -> LoadedTable {
        if !loads, outage.isAway() { throw CatalogError(.serviceUnavailable, "connection refused") }
        return try await inner.loadTable(table)
    }

    func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome {
        if outage.isAway() { return .unknown("503 from a proxy") }
        return await inner.commit(table, requirements: requirements, updates: updates)
    }
}

/// Reads, and writes nothing while it is away.
private struct AwayStore: ObjectStore {
    let inner: any ObjectStore
    let outage: Outage

    func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        if outage.isAway() { throw ObjectStoreError(.unavailable, "503 Slow Down") }
        return try await inner.put(location, bytes, condition: condition, contentType: contentType)
    }

    func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        try await inner.get(location, range: range)
    }
    func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        try await inner.head(location)
    }
    func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        try await inner.list(bucket, prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
    }
    func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        try await inner.delete(bucket, keys)
    }
    func uri(of location: ObjectLocation) -> String { inner.uri(of: location) }
    func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation { try inner.location(of: uri) }
}

struct OutageTests {
    private static let hour: Int64 = 3_600_000

    enum Away: CaseIterable {
        case catalog, commits, store
    }

    private func batch(_ sequence: UInt64) throws -> SealedBatch {
        try eventBatch(["\"data\":{}", ""], first: sequence)
    }

    @Test(arguments: Away.allCases)
    func `an hour without catalog or store costs few calls, and ends by itself`(away: Away) async throws {
        let world = try World()
        _ = try await world.committer().commit(batch(1))
        let clock = OutageClock()
        let outage = Outage(clock: clock, until: Self.hour)
        let told = Mutex<[Bool]>([])
        var configuration = TableCommitter.Configuration(table: world.identifier, location: nil, logID: world.logID)
        configuration.backoff = Backoff(baseMilliseconds: 100, maxMilliseconds: 30_000)
        let committer = TableCommitter(
            configuration,
            catalog: away == .store
                ? world.catalog : AwayCatalog(inner: world.catalog, outage: outage, loads: away == .commits),
            store: away == .store ? AwayStore(inner: world.memory, outage: outage) : world.memory, firstInLog: 1,
            clock: clock, random: SeededRandom(seed: 7)
        ) { error in told.withLock { $0.append(error != nil) } }
        guard case .committed(let receipt) = try await committer.commit(batch(2)) else {
            Issue.record("not committed")
            return
        }
        #expect(receipt.watermark == 2)
        #expect(try await world.ids() == ["1-0", "1-1", "2-0", "2-1"])
        // Full jitter up to half a minute: a call every quarter of a minute on average.
        let calls = outage.calls.count.withLock { $0 }
        #expect((120...480).contains(calls), "\(calls) calls in an hour")
        #expect(clock.elapsed < Self.hour + 30_000, "it is back within the longest wait")
        #expect(clock.waited.allSatisfy { $0 <= 30_000 } && Set(clock.waited).count > clock.waited.count / 2)
        // Trouble from the first failure to the commit, whatever else succeeded meanwhile.
        let words = told.withLock { $0 }
        #expect(words.last == false && words.dropLast().allSatisfy { $0 } && words.count == calls + 1)
    }

    @Test func `those that were refused at once do not come back at once`() {
        let backoff = Backoff(baseMilliseconds: 100, maxMilliseconds: 30_000)
        let random = SeededRandom(seed: 3)
        let firsts = (0..<1000).map { _ in backoff.milliseconds(attempt: 9, random) }
        for second in 0..<25 {
            let inSecond = firsts.count { $0 / 1000 == second }
            #expect((10...80).contains(inSecond), "\(inSecond) of 1000 collectors in second \(second)")
        }
        #expect(backoff.milliseconds(attempt: 1_000_000, random) <= 30_000)
    }
}

private final class SeededRandom: RandomSource {
    private let state: Mutex<UInt64>
    init(seed: UInt64) { state = Mutex(seed) }

    /// SplitMix64.
    func next() -> UInt64 {
        state.withLock { state in
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }
    }
}
