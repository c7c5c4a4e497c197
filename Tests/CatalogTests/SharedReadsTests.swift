import Synchronization
import Testing

@testable import Catalog

@Suite struct SharedReadsTests {
    private struct Failure: Error {}

    /// Lets others through once it is opened.
    private final class Gate: Sendable {
        /// How often there was something to let through.
        let reads = Mutex(0)
        private let waiting = Mutex<[CheckedContinuation<Void, Never>]?>([])

        func pass() async {
            await withCheckedContinuation { continuation in
                let isOpen = waiting.withLock { waiting in
                    waiting?.append(continuation)
                    return waiting == nil
                }
                if isOpen { continuation.resume() }
            }
        }

        func open() {
            let others = waiting.withLock { waiting in
                defer { waiting = nil }
                return waiting ?? []
            }
            for other in others { other.resume() }
        }
    }

    @Test(arguments: [false, true])
    func `what many ask for is read once, unless the first read fails`(_ fails: Bool) async throws {
        let (shared, gate) = (SharedReads<String, Int>(), Gate())
        let values = await withTaskGroup(of: Int?.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    do throws(Failure) {
                        return try await shared.value("a") { () async throws(Failure) in
                            let number = gate.reads.withLock { reads in
                                reads += 1
                                return reads
                            }
                            if number == 1 { await gate.pass() }
                            if fails, number == 1 { throw Failure() }
                            return number
                        }
                    } catch {
                        return nil
                    }
                }
            }
            while shared.waiterCount("a") < 9 { await Task.yield() }
            gate.open()
            var values: [Int?] = []
            for await value in group { values.append(value) }
            return values
        }
        if fails {
            #expect(values.count { $0 == nil } == 1 && gate.reads.withLock { $0 } == 10)
        } else {
            #expect(values == Array(repeating: 1, count: 10) && gate.reads.withLock { $0 } == 1)
        }
        #expect(try await shared.value("a") { () async throws(Failure) in 7 } == 7)
    }
}
