/// Runs `body` on every item, at most `limit` at a time, and gives the results in the items' order; the first error
/// ends it.
func mapConcurrently<Item: Sendable, Result: Sendable>(
    _ items: [Item], limit: Int, _ body: @escaping @Sendable (Item) async throws(TableError) -> Result
) async throws(TableError) -> [Result] {
    if items.count == 1 { return [try await body(items[0])] }
    typealias Outcome = Swift.Result<Result, TableError>
    let outcomes = await withTaskGroup(of: (Int, Outcome).self) { group in
        var outcomes = [Outcome?](repeating: nil, count: items.count)
        var next = 0
        func addTask() {
            guard next < items.count else { return }
            let index = next
            let item = items[index]
            next += 1
            group.addTask {
                do throws(TableError) {
                    return (index, .success(try await body(item)))
                } catch {
                    return (index, .failure(error))
                }
            }
        }
        for _ in 0..<max(1, limit) { addTask() }
        while let (index, outcome) = await group.next() {
            outcomes[index] = outcome
            if case .failure = outcome {
                group.cancelAll()
                return outcomes
            }
            addTask()
        }
        return outcomes
    }
    var results: [Result] = []
    results.reserveCapacity(items.count)
    for outcome in outcomes {
        if case .failure(let error) = outcome { throw error }
    }
    for case .success(let result) in outcomes.compactMap(\.self) { results.append(result) }
    return results
}
