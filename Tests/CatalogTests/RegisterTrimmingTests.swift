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
}
