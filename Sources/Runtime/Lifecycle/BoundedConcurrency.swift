extension Sequence where Element: Sendable, Self: Sendable {
    /// Maps every element, at most `limit` at a time; the results keep the order. The first error cancels the rest.
    public func mapConcurrently<Result: Sendable>(
        limit: Int, _ transform: @escaping @Sendable (Element) async throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: (Int, Result).self) { group in
            var results: [Int: Result] = [:]
            var count = 0
            for element in self {
                if count >= Swift.max(1, limit), let (index, result) = try await group.next() {
                    results[index] = result
                }
                let index = count
                group.addTask { (index, try await transform(element)) }
                count += 1
            }
            for try await (index, result) in group { results[index] = result }
            return (0..<count).compactMap { results[$0] }
        }
    }

    /// Runs `body` for every element, at most `limit` at a time. The first error cancels the rest.
    public func forEachConcurrently(
        limit: Int, _ body: @escaping @Sendable (Element) async throws -> Void
    ) async throws {
        _ = try await mapConcurrently(limit: limit, body)
    }
}
