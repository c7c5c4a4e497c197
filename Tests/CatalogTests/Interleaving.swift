import ObjectStore
import Synchronization

/// Runs concurrent writers on one store in every order of their store operations.
///
/// An operation waits until every writer either waits too or has ended; then a choice is made who goes on. Choices are
/// read from a tape, and the tapes are counted through until all have been tried.
enum Interleaving {
    @TaskLocal static var writer = 0

    /// - Returns: how many orders were tried.
    @discardableResult
    static func forEvery(
        writers: Int = 2, ordersMax: Int = 20_000, _ body: (Scheduler) async throws -> Void
    ) async throws -> Int {
        var tape: [Int] = []
        for order in 1...ordersMax {
            let scheduler = Scheduler(writers: writers, tape: tape)
            try await body(scheduler)
            var taken = scheduler.choices
            // The next tape: the last choice that has another possibility takes it.
            while let last = taken.last, last.taken + 1 >= last.of { taken.removeLast() }
            guard let last = taken.popLast() else { return order }
            tape = taken.map(\.taken) + [last.taken + 1]
        }
        return ordersMax
    }
}

final class Scheduler: Sendable {
    struct Choice {
        let taken: Int
        let of: Int
    }

    private struct State {
        var running: Int
        /// A writer may have several operations under way.
        var waiting: [Int: [CheckedContinuation<Void, Never>]] = [:]
        var choices: [Choice] = []
    }

    private let tape: [Int]
    private let state: Mutex<State>

    init(writers: Int, tape: [Int]) {
        self.tape = tape
        state = Mutex(State(running: writers))
    }

    var choices: [Choice] { state.withLock { $0.choices } }

    /// Runs every writer to its end.
    func run(_ bodies: [@Sendable () async throws -> Void]) async throws {
        try await withThrowingTaskGroup { group in
            for (index, body) in bodies.enumerated() {
                group.addTask {
                    try await Interleaving.$writer.withValue(index + 1) {
                        defer { self.ended() }
                        try await body()
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Waits for this writer's turn. Outside a writer there is nothing to wait for.
    func turn() async {
        let writer = Interleaving.writer
        guard writer > 0 else { return }
        await withCheckedContinuation { continuation in
            let next = state.withLock { state in
                state.waiting[writer, default: []].append(continuation)
                return self.next(&state)
            }
            next?.resume()
        }
    }

    private func ended() {
        let next = state.withLock { state in
            state.running -= 1
            return self.next(&state)
        }
        next?.resume()
    }

    private func next(_ state: inout State) -> CheckedContinuation<Void, Never>? {
        guard !state.waiting.isEmpty, state.waiting.count == state.running else { return nil }
        let writers = state.waiting.keys.sorted()
        let place = state.choices.count
        let taken = place < tape.count ? tape[place] : 0
        state.choices.append(Choice(taken: taken, of: writers.count))
        let chosen = state.waiting[writers[taken]]?.removeFirst()
        if state.waiting[writers[taken]]?.isEmpty == true { state.waiting[writers[taken]] = nil }
        return chosen
    }
}

/// A store whose operations wait for their writer's turn.
struct SteppedStore: ObjectStore {
    let store: any ObjectStore
    let scheduler: Scheduler

    func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        await scheduler.turn()
        return try await store.get(location, range: range)
    }

    func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        await scheduler.turn()
        return try await store.head(location)
    }

    func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        await scheduler.turn()
        return try await store.put(location, bytes, condition: condition, contentType: contentType)
    }

    func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        await scheduler.turn()
        return try await store.list(bucket, prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
    }

    func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        await scheduler.turn()
        try await store.delete(bucket, keys)
    }

    func uri(of location: ObjectLocation) -> String { store.uri(of: location) }
    func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation { try store.location(of: uri) }
}
