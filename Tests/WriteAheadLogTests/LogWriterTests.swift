import Clocks
import Glibc
import Testing

@testable import WriteAheadLog

private struct Fixed: RandomSource {
    func next() -> UInt64 { 7 }
}

private func writer(
    _ storage: SimulatedStorage, _ sync: LogConfiguration.Sync = .always, segmentBytesMax: Int = 4096
) throws -> LogWriter<Int> {
    var configuration = LogConfiguration()
    configuration.sync = sync
    configuration.segmentBytesMax = segmentBytesMax
    return try LogWriter(storage: storage, configuration: configuration, Fixed())
}

private func successes(_ effects: LogEffects<Int>) -> [Int] {
    effects.told.compactMap { (ticket, fate) in
        if case .success = fate { ticket } else { nil }
    }
}

struct LogWriterTests {
    @Test func `nothing is told before the step that makes it durable`() throws {
        let storage = SimulatedStorage()
        let log = try writer(storage)
        for ticket in 1...3 { #expect(try log.enqueue([UInt8(ticket)], ticket) == UInt64(ticket)) }
        #expect(log.takeEffects().told.isEmpty && log.status.syncedThrough == 0)
        #expect(log.step())
        let effects = log.takeEffects()
        #expect(successes(effects) == [1, 2, 3] && effects.durable.map(\.sequence) == [1, 2, 3])
        #expect(!log.step())
        #expect(try log.records(from: 2, bytesMax: 1).map(\.0) == [2])
        let again = try writer(storage.afterPowerLoss(extra: 0))
        #expect(try again.records(from: 0, bytesMax: .max).map(\.1) == [[1], [2], [3]])
    }

    @Test func `the same calls with the same random source leave the same bytes`() throws {
        func run() throws -> [String: [UInt8]] {
            let storage = SimulatedStorage()
            let log = try writer(storage)
            for number in 0..<40 {
                _ = try log.enqueue([UInt8](repeating: UInt8(number), count: 50 * number + 1), number)
                if number % 3 == 0 { _ = log.step() }
            }
            while log.step() {}
            #expect(try log.trim(through: 11) > 0)
            return storage.files
        }
        let (one, two) = (try run(), try run())
        #expect(one == two && one.count > 4)
    }

    @Test func `with an interval a record is durable after the sync, and before a new segment begins`() throws {
        let storage = SimulatedStorage()
        let log = try writer(storage, .interval(milliseconds: 1))
        _ = try log.enqueue([UInt8](repeating: 1, count: 3000), 1)
        #expect(log.step())
        var effects = log.takeEffects()
        #expect(successes(effects) == [1] && effects.durable.isEmpty && log.status.syncedThrough == 0)
        #expect(try log.records(from: 0, bytesMax: .max).isEmpty)
        log.sync()
        #expect(log.takeEffects().durable.map(\.sequence) == [1])
        _ = try log.enqueue([UInt8](repeating: 2, count: 500), 2)
        _ = log.step()
        _ = try log.enqueue([UInt8](repeating: 3, count: 3000), 3)
        _ = log.step()
        effects = log.takeEffects()
        #expect(effects.durable.map(\.sequence) == [2] && log.status.segments == 2)
    }

    @Test func `after a failed sync nothing is ever called durable again`() throws {
        let storage = SimulatedStorage()
        let log = try writer(storage, .interval(milliseconds: 1))
        _ = try log.enqueue([1], 1)
        _ = log.step()
        storage.fail(at: 1, with: EIO)
        log.sync()
        // The disk works again, and what it says is not believed.
        log.sync()
        let effects = log.takeEffects()
        #expect(effects.durable.isEmpty && effects.failure?.code == .poisoned && log.status.syncedThrough == 0)
        #expect(throws: LogError.self) { _ = try log.enqueue([2], 2) }
    }

    @Test func `a trim ends the segment that is written to, and what waits goes into the next`() throws {
        let storage = SimulatedStorage()
        let log = try writer(storage)
        _ = try log.enqueue([UInt8](repeating: 1, count: 3000), 1)
        _ = log.step()
        _ = try log.enqueue([2], 2)
        var seen: [UInt64] = []
        #expect(try log.trim(through: 1) { segment in seen.append(segment.next - 1) } > 3000)
        #expect(seen == [1] && log.status.segments == 1 && log.status.firstSequence == 2)
        _ = log.step()
        #expect(successes(log.takeEffects()) == [1, 2])
        #expect(try writer(storage).records(from: 0, bytesMax: .max).map(\.1) == [[2]])
    }
}
