import Clocks
import Synchronization
import Testing

@testable import ObjectStore

/// Remembers how long it was asked to sleep, and never does.
final class RecordingClock: MonotonicClock {
    private let delays = Mutex<[Int]>([])
    var slept: [Int] { delays.withLock { $0 } }
    func nanoseconds() -> UInt64 { 0 }
    func sleep(milliseconds: Int) async throws { delays.withLock { $0.append(milliseconds) } }
}

struct HighestRandom: RandomSource {
    func next() -> UInt64 { .max }
}

struct RetryTests {
    let memory = MemoryObjectStore()
    let clock = RecordingClock()
    let policy = RetryPolicy(retriesMax: 3, baseDelayMilliseconds: 100, delayMillisecondsMax: 350)
    let bucket: BucketName
    let location: ObjectLocation

    init() throws {
        bucket = try BucketName("bucket")
        location = ObjectLocation(bucket: bucket, key: try ObjectKey("key"))
    }

    func faulty(_ rules: FaultyObjectStore.Rule...) -> (FaultyObjectStore, RetryingObjectStore) {
        let faulty = FaultyObjectStore(wrapping: memory, plan: FaultyObjectStore.Plan(rules: rules))
        return (faulty, RetryingObjectStore(wrapping: faulty, policy: policy, clock: clock, random: HighestRandom()))
    }

    @Test func `delays double up to their limit, with jitter below`() async throws {
        let (_, store) = faulty(.init(.refuse, on: .head, times: 3))
        #expect(try await store.head(location) == nil)
        #expect(clock.slept == [100, 200, 350])
        for attempt in 0..<70 {
            let delay = policy.delayMilliseconds(afterAttempt: attempt, retryAfter: nil, SystemRandom())
            #expect((0...350).contains(delay))
        }
        #expect(policy.delayMilliseconds(afterAttempt: 0, retryAfter: 300, SystemRandom()) == 300)
        #expect(policy.delayMilliseconds(afterAttempt: 0, retryAfter: 3000, SystemRandom()) == 350)
    }

    @Test func `the tries are counted, and the last failure is the answer`() async throws {
        let (faulty, store) = faulty(.init(.refuse, times: 100))
        let location = location
        let error = await #expect(throws: ObjectStoreError.self) { try await store.get(location, range: nil) }
        #expect(error?.code == .unavailable)
        #expect(faulty.calls.count == 4)
    }

    @Test func `what cannot pass is not tried again`() async throws {
        let (faulty, store) = faulty()
        let location = location
        await #expect(throws: ObjectStoreError.self) { try await store.get(location, range: nil) }
        #expect(faulty.calls.count == 1)
        #expect(clock.slept == [])
    }

    @Test(arguments: [FaultyObjectStore.Fault.refuse, .loseRequest, .loseReply])
    func `a put if absent takes place once, whatever is lost`(fault: FaultyObjectStore.Fault) async throws {
        let (_, store) = faulty(.init(fault, on: .put))
        guard case .stored(let etag) = try await store.put(location, [1], condition: .ifAbsent, contentType: nil) else {
            Issue.record("its own write was taken for another's")
            return
        }
        #expect(try await memory.head(location)?.etag == etag)
        #expect(etag == "1")
    }

    @Test func `another's object is found to be another's`() async throws {
        _ = try await memory.put(location, [9], condition: .always, contentType: nil)
        let (_, store) = faulty(.init(.loseReply, on: .put))
        #expect(try await store.put(location, [1], condition: .ifAbsent, contentType: nil) == .conditionFailed)
        #expect(try await memory.get(location, range: nil).bytes == [9])
    }

    @Test(arguments: [FaultyObjectStore.Fault.loseRequest, .loseReply])
    func `a put if match whose answer is lost is settled by looking`(fault: FaultyObjectStore.Fault) async throws {
        guard case .stored(let first) = try await memory.put(location, [1], condition: .always, contentType: nil) else {
            return
        }
        let (faulty, store) = faulty(.init(fault, on: .put), .init(.refuse, on: .head))
        let outcome = try await store.put(location, [2], condition: .ifMatch(first), contentType: nil)
        #expect(outcome == .stored(etag: "2"))
        #expect(faulty.calls.count { $0.operation == .put } == (fault == .loseReply ? 1 : 2))
    }

    @Test func `when the object has moved on the outcome is unknown, and nothing is written`() async throws {
        _ = try await memory.put(location, [7], condition: .always, contentType: nil)
        let (faulty, store) = faulty(.init(.loseRequest, on: .put))
        let location = location
        let error = await #expect(throws: ObjectStoreError.self) {
            try await store.put(location, [2], condition: .ifMatch("another"), contentType: nil)
        }
        #expect(error?.effect == .unknown)
        #expect(faulty.calls.count { $0.operation == .put } == 1)
    }

    @Test func `a doubt outlives later clean refusals`() async throws {
        let (_, store) = faulty(
            .init(.loseReply, on: .put), .init(.refuse, on: .head, times: 100), .init(.refuse, on: .put, times: 100))
        let location = location
        let error = await #expect(throws: ObjectStoreError.self) {
            try await store.put(location, [1], condition: .ifAbsent, contentType: nil)
        }
        #expect(error?.effect == .unknown)
    }

    @Test(arguments: [
        (FaultyObjectStore.Fault.loseReply, ProvedPut.alreadySame), (.repeatRequest, .alreadySame),
    ]) func `a proved put finds its own write`(fault: FaultyObjectStore.Fault, expected: ProvedPut) async throws {
        let faulty = FaultyObjectStore(wrapping: memory, plan: .init(rules: [.init(fault, on: .put)]))
        #expect(try await faulty.putIfAbsentProved(location, [1, 2]) == expected)
    }

    @Test func `a proved put whose request was lost stays unknown`() async throws {
        let faulty = FaultyObjectStore(wrapping: memory, plan: .init(rules: [.init(.loseRequest, on: .put)]))
        let location = location
        let error = await #expect(throws: ObjectStoreError.self) {
            try await faulty.putIfAbsentProved(location, [1, 2])
        }
        #expect(error?.effect == .unknown)
    }

    @Test func `the same seed gives the same faults`() async throws {
        var runs: [[FaultyObjectStore.Call]] = []
        for seed: UInt64 in [7, 7, 8] {
            let faulty = FaultyObjectStore(
                wrapping: MemoryObjectStore(), plan: .init(faultsPerThousand: 500, seed: seed))
            for _ in 0..<50 { do { _ = try await faulty.head(location) } catch {} }
            runs.append(faulty.calls)
        }
        #expect(runs[0] == runs[1])
        #expect(runs[0] != runs[2])
        #expect(runs[0].contains { $0.fault != nil } && runs[0].contains { $0.fault == nil })
    }
}
