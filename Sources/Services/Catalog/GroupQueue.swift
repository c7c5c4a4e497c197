import Synchronization

/// Gathers what concurrent callers ask for by one key, so that one of them does it for all.
///
/// A caller who finds nobody at work begins at once, alone. Those who come meanwhile wait; when the work has ended, the
/// oldest of them does it for as many of the others as the limits allow, in the order in which they came. Nobody ever
/// waits for company.
final class GroupQueue<Key: Hashable & Sendable, Item: Sendable, Outcome: Sendable>: Sendable {
    private enum Turn: Sendable {
        /// Somebody else did this caller's work; nil where it cannot be told how it ended.
        case done(Outcome?)
        /// This caller does the work, for itself and those given.
        case lead([Waiter])
    }

    private struct Waiter: Sendable {
        let item: Item
        let cost: Int
        let continuation: CheckedContinuation<Turn, Never>
    }

    private let countMax: Int
    private let costMax: Int
    /// Who waits, by key; a key is present while somebody works.
    private let waiting = Mutex<[Key: [Waiter]]>([:])

    /// - Parameters:
    ///   - countMax: items done together.
    ///   - costMax: their cost together; one item alone may cost more.
    init(countMax: Int, costMax: Int) {
        self.countMax = countMax
        self.costMax = costMax
    }

    /// - Parameter work: gives an outcome for each item, in their order.
    /// - Returns: nil for all of a group whose work gave more or fewer: nobody can tell whose they are.
    func perform(
        _ key: Key, _ item: Item, cost: Int, _ work: ([Item]) async -> [Outcome]
    ) async -> Outcome? {
        let turn: Turn = await withCheckedContinuation { continuation in
            let isFree = waiting.withLock { waiting in
                guard waiting[key] != nil else {
                    waiting[key] = []
                    return true
                }
                waiting[key]?.append(Waiter(item: item, cost: cost, continuation: continuation))
                return false
            }
            if isFree { continuation.resume(returning: .lead([])) }
        }
        switch turn {
        case .done(let outcome): return outcome
        case .lead(let others):
            let outcomes = await work([item] + others.map(\.item))
            let fits = outcomes.count == others.count + 1
            for (index, other) in others.enumerated() {
                other.continuation.resume(returning: .done(fits ? outcomes[index + 1] : nil))
            }
            passOn(key)
            return fits ? outcomes[0] : nil
        }
    }

    /// How many wait while somebody works; nil when nobody does.
    func waitingCount(_ key: Key) -> Int? { waiting.withLock { $0[key]?.count } }

    private func passOn(_ key: Key) {
        let next: (leader: Waiter, others: [Waiter])? = waiting.withLock { waiting in
            guard var queue = waiting[key], let leader = queue.first else {
                waiting[key] = nil
                return nil
            }
            var (count, cost) = (1, leader.cost)
            while count < min(queue.count, countMax), cost + queue[count].cost <= costMax {
                cost += queue[count].cost
                count += 1
            }
            let others = Array(queue[1..<count])
            queue.removeFirst(count)
            waiting[key] = queue
            return (leader, others)
        }
        next?.leader.continuation.resume(returning: .lead(next?.others ?? []))
    }
}
