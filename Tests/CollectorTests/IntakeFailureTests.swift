import Batching
import Clocks
import Events
import Files
import Glibc
import Synchronization
import Testing

@testable import Collector
@testable import WriteAheadLog

/// A log that keeps whoever appends or waits until the test says what has become of it.
private final class UndecidedLog: RecordLog {
    private struct State {
        var appends: [WriteAheadLog.Completion] = []
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let refusal: LogError?
    let identity = LogIdentity(id: .random(SystemRandom()), secret: .random(SystemRandom()))

    init(refusal: LogError? = nil) { self.refusal = refusal }

    var counts: (appends: Int, waiting: Int) { state.withLock { ($0.appends.count, $0.waiting.count) } }

    /// Nothing was written; then those who wait for nothing any more go on.
    func fail() {
        let (appends, waiting) = state.withLock { state in
            defer { state = State() }
            return (state.appends, state.waiting)
        }
        for append in appends { append(.failure(LogError(.full, "the disk is full"))) }
        for continuation in waiting { continuation.resume() }
    }

    func enqueue(_ payload: [UInt8], completion: @escaping WriteAheadLog.Completion) throws(LogError) -> UInt64 {
        if let refusal { throw refusal }
        state.withLock { $0.appends.append(completion) }
        return 1
    }

    func waitForQueued() async throws(LogError) {
        await withCheckedContinuation { continuation in state.withLock { $0.waiting.append(continuation) } }
    }

    func waitForSynced() async throws(LogError) { try await waitForQueued() }

    var status: WriteAheadLog.Status {
        WriteAheadLog.Status(
            bytes: 0, bytesMax: 1 << 20, segments: 1, firstSequence: 1, syncedThrough: 0, queuedRecords: 0,
            isShortOfSpace: false, poisoned: nil)
    }
    func records(from sequence: UInt64, bytesMax: Int) throws(LogError) -> [(UInt64, [UInt8])] { [] }
    func canTrim(through watermark: UInt64) -> Bool { false }
    func trim(
        through watermark: UInt64, beforeRemoving: (LeavingSegment) throws(LogError) -> Void
    ) throws(LogError) -> Int { 0 }
    func withReserve(_ body: () throws(LogError) -> Void) throws(LogError) { try body() }
}

@Suite struct `Events the log does not take` {
    private static func send(_ intake: EventIntake) async throws -> EventIntake.Reply {
        let body = Array(#"{"specversion":"1.0","id":"1","type":"t","source":"s"}"#.utf8)
        return try await intake.accept(
            EventRequest(contentType: "application/json", body: body),
            context: EventContext(receivedAt: SystemClock().now()))
    }

    private static func intake(_ log: UndecidedLog) -> EventIntake {
        EventIntake(
            parser: EventParser(secret: EventKeySecret(low: 1, high: 1)), log: log,
            window: DedupWindow(windowSeconds: 3600))
    }

    @Test func `a duplicate of an event that was lost is not acknowledged`() async throws {
        let log = UndecidedLog()
        let intake = Self.intake(log)
        let original = Task { try await Self.send(intake) }
        while log.counts.appends == 0 { await Task.yield() }
        let duplicate = Task { try await Self.send(intake) }
        while log.counts.waiting == 0 { await Task.yield() }
        log.fail()
        await #expect(throws: LogError.self) { try await original.value }
        await #expect(throws: LogError.self) { try await duplicate.value }
        #expect(intake.rememberedKeys == 0)
    }

    @Test func `an event that a full log refuses is forgotten`() async throws {
        let intake = Self.intake(UndecidedLog(refusal: LogError(.full, "the log is full")))
        for _ in 0..<2 { await #expect(throws: LogError.self) { try await Self.send(intake) } }
        #expect(intake.rememberedKeys == 0)
    }

    @Test func `nothing is appended, and no key kept, before what must come first is durable`() async throws {
        let log = UndecidedLog()
        let hasRoom = Mutex(false)
        let intake = EventIntake(
            parser: EventParser(secret: EventKeySecret(low: 1, high: 2)), log: log,
            window: DedupWindow(windowSeconds: 60)
        ) { () throws(FileError) in
            guard hasRoom.withLock({ $0 }) else { throw FileError(operation: "write", path: "lives", errno: ENOSPC) }
        }
        let refused = await #expect(throws: LogError.self) { try await Self.send(intake) }
        #expect(refused?.code == .full && intake.rememberedKeys == 0 && log.counts.appends == 0)
        hasRoom.withLock { $0 = true }
        let sent = Task { try await Self.send(intake) }
        while log.counts.appends == 0 { await Task.yield() }
        log.fail()
        await #expect(throws: LogError.self) { try await sent.value }
    }
}
