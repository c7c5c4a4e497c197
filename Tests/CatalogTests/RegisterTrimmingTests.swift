import Clocks
import IcebergCatalog
import ObjectStore
import Synchronization
import Testing

@testable import Catalog

/// Registers lose their past, and nobody is misled by it.
@Suite struct RegisterTrimmingTests {
    /// Set by the test.
    private final class Time: WallClock {
        private let milliseconds = Mutex(Int64(1_800_000_000_000))
        func now() -> Timestamp { Timestamp(milliseconds: milliseconds.withLock { $0 }) }
        func pass(seconds: Int64) { milliseconds.withLock { $0 += seconds * 1000 } }
        func pass(days: Int64) { milliseconds.withLock { $0 += days * 24 * 3_600_000 } }
    }

    private let time = Time()
    private let memory: MemoryObjectStore
    private let chain: RegisterChain
    private let bucket: BucketName
    private let retention = RegisterRetention(versions: 100, days: 2)

    init() throws {
        memory = MemoryObjectStore(clock: time)
        bucket = try BucketName("analytics-catalog")
        chain = try RegisterChain.table(TableIdentifier(NamespaceName(["a"]), "t"))
    }

    private func registers() -> RegisterStore { RegisterStore(store: memory, bucket: bucket, clock: time) }

    private func state(_ value: String) -> RegisterState { .namespace(properties: ["value": value]) }

    private func write(_ registers: RegisterStore, _ count: Int) async throws {
        for _ in 0..<count {
            let head = try await registers.settledHead(chain)
            let outcome = try await registers.advance(head, to: state("\(head.version + 1)"), operation: "test")
            guard case .advanced = outcome else {
                Issue.record("nobody else writes")
                return
            }
        }
    }

    private func versions() async throws -> [Int64] {
        let page = try await memory.list(
            bucket, prefix: "\(chain.prefix)/", delimiter: nil, startAfter: nil, limit: 1000)
        return page.objects.compactMap { RegisterStore.version(of: $0.key, in: chain) }
    }

    @Test func `versions go once they are old and beyond those kept, and everybody finds the newest`() async throws {
        let writer = registers()
        try await write(writer, 150)
        try await writer.trim(chain, retention)
        #expect(try await versions().count == 150)
        time.pass(days: 3)
        let idle = registers()
        #expect(try await idle.head(chain).version == 150)
        try await writer.trim(chain, retention)
        #expect(try await versions() == Array(51...150))
        #expect(try await writer.guide(chain)?.trimmed == 50)
        try await write(writer, 60)
        #expect(try await idle.head(chain).version == 210)
        #expect(try await registers().head(chain).state == state("210"))
        try await writer.trim(chain, retention)
        #expect(try await versions() == Array(111...210))
        // What follows version 150 is not old yet.
        try await write(writer, 100)
        try await writer.trim(chain, retention)
        #expect(try await versions() == Array(150...310))
    }

    @Test func `a writer stalled for longer than versions are kept does not believe in what it makes anew`()
        async throws
    {
        let (stalled, writer) = (registers(), registers())
        try await write(writer, 10)
        let head = try await stalled.settledHead(chain)
        try await write(writer, 150)
        time.pass(days: 3)
        try await writer.trim(chain, retention)
        #expect(try await !versions().contains(11))
        let outcome = try await stalled.advance(head, to: state("stalled"), operation: "test")
        guard case .lost = outcome else {
            Issue.record("version 11 was made a second time")
            return
        }
        #expect(stalled.remembered(chain) == nil)
        #expect(try await stalled.head(chain).state == state("160"))
        #expect(try await registers().head(chain).state == state("160"))
        // What it made counts for nobody, and goes with the next trimming.
        #expect(try await versions().contains(11))
        try await writer.trim(chain, retention)
        #expect(try await !versions().contains(11))
    }

    @Test func `a replica that was idle for long does not take an old version for the newest`() async throws {
        let (idle, writer) = (registers(), registers())
        try await write(writer, 10)
        #expect(try await idle.head(chain).version == 10)
        try await write(writer, 150)
        time.pass(days: 3)
        try await writer.trim(chain, retention)
        #expect(idle.remembered(chain) == nil)
        #expect(try await idle.head(chain).version == 160)
    }

    @Test func `a register without its hint is not begun anew`() async throws {
        let writer = registers()
        try await write(writer, 150)
        time.pass(days: 3)
        try await writer.trim(chain, retention)
        try await memory.delete(bucket, [try ObjectKey("\(chain.prefix)/hint")])
        await #expect(throws: CatalogError.self) { try await registers().head(chain) }
    }

    @Test func `a crash between the hint and the deletion is made good by the next trimming`() async throws {
        let writer = registers()
        try await write(writer, 150)
        time.pass(days: 3)
        let faulty = FaultyObjectStore(
            wrapping: memory, plan: FaultyObjectStore.Plan(rules: [FaultyObjectStore.Rule(.refuse, on: .delete)]))
        let crashing = RegisterStore(store: faulty, bucket: bucket, clock: time)
        await #expect(throws: CatalogError.self) { try await crashing.trim(chain, retention) }
        #expect(try await versions().count == 150)
        #expect(try await registers().head(chain).version == 150)
        try await writer.trim(chain, retention)
        #expect(try await versions() == Array(51...150))
    }

    @Test func `only registers of tables are trimmed`() async throws {
        #expect(!RegisterStore.isTrimmable(try RegisterChain.schema("s")))
        #expect(!RegisterStore.isTrimmable(try RegisterChain.namespace(NamespaceName(["a"]))))
        #expect(RegisterStore.isTrimmable(chain))
    }

    // MARK: - The bucket is lost

    private func lose() async throws {
        let keys = try await memory.list(bucket, prefix: "", delimiter: nil, startAfter: nil, limit: 1000).objects
        try await memory.delete(bucket, keys.map(\.key))
    }

    @Test(arguments: [6, 3600]) func `what a replica remembers of a lost bucket does not count`(
        seconds: Int64
    ) async throws {
        let writer = registers()
        try await write(writer, 5)
        try await lose()
        time.pass(seconds: seconds)
        #expect(writer.remembered(chain) == nil)
        let head = try await writer.head(chain)
        #expect(head.version == 0 && head.state == .absent)
        try await write(writer, 1)
        #expect(try await versions() == [1])
        #expect(try await registers().head(chain).version == 1)
    }

    @Test func `a register that was begun anew takes the place of what is remembered`() async throws {
        let (idle, other) = (registers(), registers())
        try await write(idle, 2)
        try await lose()
        let head = try await other.head(chain)
        guard case .advanced(let made) = try await other.advance(head, to: state("new 1"), operation: "test"),
            case .advanced = try await other.advance(made, to: state("new 2"), operation: "test")
        else {
            Issue.record("nobody else writes")
            return
        }
        time.pass(seconds: 6)
        #expect(try await idle.head(chain).state == state("new 2"))
    }

    @Test func `whoever goes on writing after the loss notices it`() async throws {
        let writer = registers()
        try await write(writer, 5)
        try await lose()
        // Within the time in which the bucket is not asked again.
        try await write(writer, 1)
        time.pass(seconds: 4)
        try await write(writer, 1)
        time.pass(seconds: 2)
        #expect(writer.remembered(chain) == nil)
        await #expect(throws: CatalogError.self) { try await writer.head(chain) }
        #expect(try await versions() == [6, 7])
    }

    @Test func `a head proved a moment ago is read as fast as ever`() async throws {
        let requests = StoreRequests()
        let writer = RegisterStore(store: CountingStore(memory, requests), bucket: bucket, clock: time)
        try await write(writer, 3)
        let before = requests.counts.classB
        _ = try await writer.head(chain)
        let young = requests.counts.classB
        time.pass(seconds: 6)
        _ = try await writer.head(chain)
        let old = requests.counts.classB
        #expect(young - before == 1 && old - young == 2)
    }

    // MARK: - Gaps and damage

    @Test(arguments: [[1, 2, 6, 7], [6, 7]]) func `a gap is mended by a hint`(left: [Int64]) async throws {
        try await write(registers(), 7)
        let gone = Set(1...7).subtracting(left)
        try await memory.delete(bucket, try gone.map { try chain.key($0) })
        do throws(CatalogError) {
            let head = try await registers().head(chain)
            #expect(head.version == 2)
        } catch {
            #expect(error.message.contains("recover"))
        }
        let mending = try #require(try await registers().mendingGuide(chain))
        #expect(mending.guide == RegisterGuide(newest: 7, trimmed: 5))
        #expect(try await registers().mend(chain, mending))
        #expect(try await registers().head(chain).version == 7)
        #expect(try await registers().mendingGuide(chain) == nil)
        try await write(registers(), 1)
        #expect(try await registers().head(chain).version == 8)
    }

    @Test func `registers that are whole need no mending`() async throws {
        let writer = registers()
        #expect(try await writer.mendingGuide(chain) == nil)
        try await write(writer, 150)
        #expect(try await writer.mendingGuide(chain) == nil)
        time.pass(days: 3)
        try await writer.trim(chain, retention)
        #expect(try await writer.mendingGuide(chain) == nil)
    }

    @Test(arguments: [false, true]) func `without what a damaged hint said the newest is found`(
        isTrimmed: Bool
    ) async throws {
        let writer = registers()
        try await write(writer, 150)
        if isTrimmed {
            time.pass(days: 3)
            try await writer.trim(chain, retention)
        }
        let hint = ObjectLocation(bucket: bucket, key: try ObjectKey("\(chain.prefix)/hint"))
        _ = try await memory.put(hint, Array("{\"newe".utf8), condition: .always, contentType: nil)
        #expect(try await registers().head(chain).version == 150)
        #expect(try await registers().mendingGuide(chain)?.guide.newest == 150)
        try await registers().trim(chain, retention)
        #expect(try await registers().guide(chain) == RegisterGuide(newest: 150, trimmed: isTrimmed ? 50 : 0))
    }

    private func put(_ name: String, _ text: String) async throws {
        let place = ObjectLocation(bucket: bucket, key: try ObjectKey("\(chain.prefix)/\(name)"))
        _ = try await memory.put(place, Array(text.utf8), condition: .always, contentType: nil)
    }

    /// A copy of the newest version under a name far from it.
    private func stray(_ name: String, _ version: Int64) async throws {
        let place = ObjectLocation(bucket: bucket, key: try chain.key(version))
        try await put(name, String(decoding: try await memory.get(place, range: nil).bytes, as: UTF8.self))
    }

    @Test(arguments: [
        nil, #"{"version":999999999999}"#, #"{"format-version":1,"newest":999999999999,"trimmed":0}"#,
    ])
    func `what is named as a version beyond all that can be is none`(hint: String?) async throws {
        try await write(registers(), 7)
        try await stray("999999999999", 7)
        if let hint { try await put("hint", hint) }
        #expect(try await registers().head(chain).version == 7)
        #expect(try await registers().newestListed(chain) == 7)
        #expect(try await registers().history(chain, limit: 100).map(\.version) == [7, 6, 5, 4, 3, 2, 1])
        #expect(try await registers().mendingGuide(chain)?.guide.newest == (hint == nil ? nil : 7))
        try await registers().trim(chain, retention)
        #expect(try await registers().guide(chain) == RegisterGuide(newest: 7, trimmed: 0))
        try await write(registers(), 1)
        #expect(try await registers().head(chain).version == 8)
    }

    @Test func `without a hint that can be read a version after a gap is damage`() async throws {
        try await write(registers(), 7)
        try await stray("099999999998", 7)
        #expect(try await registers().head(chain).version == 7)
        try await put("hint", "{")
        #expect(try await registers().newestListed(chain) == 99_999_999_998)
        let error = await #expect(throws: CatalogError.self) { try await registers().head(chain) }
        #expect(error?.code == .internalError && error?.message.contains(chain.prefix) == true)
    }

    @Test func `a hint that leads to a version that is lost is damage`() async throws {
        try await write(registers(), 7)
        try await put("hint", #"{"format-version":1,"newest":9,"trimmed":0}"#)
        let error = await #expect(throws: CatalogError.self) { try await registers().head(chain) }
        #expect(error?.code == .internalError && error?.message.contains("version 9") == true)
    }
}
