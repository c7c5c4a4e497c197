import Synchronization
import Testing

@testable import Catalog

/// Who works for whom.
@Suite struct GroupQueueTests {
    /// Holds the work of the first caller until it is told to go on, and notes the groups.
    private final class Hold: Sendable {
        let groups = Mutex<[[Int]]>([])
        private let waiting = Mutex<CheckedContinuation<Void, Never>?>(nil)

        func wait() async {
            await withCheckedContinuation { continuation in waiting.withLock { $0 = continuation } }
        }

        func open() {
            let continuation = waiting.withLock { waiting in
                defer { waiting = nil }
                return waiting
            }
            continuation?.resume()
        }

        var isClosed: Bool { waiting.withLock { $0 != nil } }
    }

    /// Callers 1… come, in this order, while 0 is at work.
    private func groups(of costs: [Int], countMax: Int, costMax: Int) async -> [[Int]] {
        let queue = GroupQueue<String, Int, Int>(countMax: countMax, costMax: costMax)
        let hold = Hold()
        await withTaskGroup { tasks in
            for (item, cost) in costs.enumerated() {
                tasks.addTask {
                    let outcome = await queue.perform("table", item, cost: cost) { group in
                        hold.groups.withLock { $0.append(group) }
                        if item == 0 { await hold.wait() }
                        return group.map { $0 * 10 }
                    }
                    #expect(outcome == item * 10)
                }
                if item == 0 { while !hold.isClosed { await Task.yield() } }
                while queue.waitingCount("table") != item { await Task.yield() }
            }
            hold.open()
        }
        #expect(queue.waitingCount("table") == nil)
        return hold.groups.withLock { $0 }
    }

    @Test func `those who come while one works are served together, in order`() async {
        #expect(await groups(of: [1, 1, 1, 1], countMax: 10, costMax: 10) == [[0], [1, 2, 3]])
    }

    @Test func `a group is bounded in count`() async {
        #expect(await groups(of: [1, 1, 1, 1, 1, 1], countMax: 2, costMax: 10) == [[0], [1, 2], [3, 4], [5]])
    }

    @Test func `a group is bounded in cost, but one item may cost more`() async {
        #expect(await groups(of: [1, 3, 3, 9, 1], countMax: 10, costMax: 6) == [[0], [1, 2], [3], [4]])
    }

    @Test(arguments: [0, 2])
    func `work that does not say how each item ended leaves that unknown, and the next is served`(count: Int) async {
        let queue = GroupQueue<String, Int, Int>(countMax: 2, costMax: 2)
        #expect(await queue.perform("table", 1, cost: 1) { _ in Array(repeating: 7, count: count) } == nil)
        #expect(await queue.perform("table", 2, cost: 1) { $0 } == 2)
    }
}
