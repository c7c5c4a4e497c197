/// Runs `body` on every item, at most `limit` at a time, and gives the results in the items' order.
///
/// - Throws: the first error that came back. It cancels what runs and starts nothing more; what ran is waited for.
public func mapConcurrently<Item: Sendable, Value: Sendable, Failure: Error>(
    _ items: some Collection<Item>, limit: Int,
    _ body: @escaping @Sendable (Item) async throws(Failure) -> Value
) async throws(Failure) -> [Value] {
    var values = [Value?](repeating: nil, count: items.count)
    var failure: Failure?
    await withTaskGroup(of: Finished<Value, Failure>.self) { group in
        var rest = items.makeIterator()
        var started = 0
        func startOne() {
            guard failure == nil, let item = rest.next() else { return }
            let index = started
            started += 1
            group.addTask { await finish(index, item, body) }
        }
        for _ in 0..<max(1, limit) { startOne() }
        while let finished = await group.next() {
            if let error = finished.failure, failure == nil {
                failure = error
                group.cancelAll()
            }
            values[finished.index] = finished.value
            startOne()
        }
    }
    if let failure { throw failure }
    return values.compactMap(\.self)
}

/// What became of one item. Not a tuple with a `Result`: an optimised build of Swift 6.3.1 loses parts of a tuple that a
/// task group's child returns from a `do throws(E)`, or crashes on it.
private struct Finished<Value: Sendable, Failure: Error>: Sendable {
    let index: Int
    let value: Value?
    let failure: Failure?
}

private func finish<Item: Sendable, Value: Sendable, Failure: Error>(
    _ index: Int, _ item: Item, _ body: @Sendable (Item) async throws(Failure) -> Value
) async -> Finished<Value, Failure> {
    do throws(Failure) {
        return Finished(index: index, value: try await body(item), failure: nil)
    } catch {
        return Finished(index: index, value: nil, failure: error)
    }
}
