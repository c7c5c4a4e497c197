import Concurrency
import Synchronization
import Testing

@Suite struct `Mapping concurrently` {
    struct Odd: Error, Equatable {
        enum Code: UInt8 { case one, two }
        let code: Code
        let message: String
    }

    @Test(arguments: [0, 1, 3, 64])
    func `results keep the order and the limit holds`(limit: Int) async {
        let running = Atomic<Int>(0)
        let most = Atomic<Int>(0)
        let results = await mapConcurrently(0..<50, limit: limit) { number in
            let now = running.add(1, ordering: .sequentiallyConsistent).newValue
            most.max(now, ordering: .sequentiallyConsistent)
            await Task.yield()
            running.subtract(1, ordering: .sequentiallyConsistent)
            return ["value", String(number)]
        }
        #expect(results == (0..<50).map { ["value", String($0)] })
        #expect(most.load(ordering: .sequentiallyConsistent) <= max(1, limit))
    }

    @Test func `the first error ends it and starts nothing more`() async {
        let started = Atomic<Int>(0)
        let expected = Odd(code: .two, message: "a message that is too long to lie within a word")
        await #expect(throws: expected) {
            _ = try await mapConcurrently(0..<1000, limit: 2) { (number) async throws(Odd) -> String in
                started.add(1, ordering: .sequentiallyConsistent)
                if number == 3 { throw expected }
                return "a value that is too long to lie within a word"
            }
        }
        #expect(started.load(ordering: .sequentiallyConsistent) < 10)
    }
}
