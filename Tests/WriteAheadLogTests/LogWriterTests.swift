import Clocks
import Files
import Glibc
import Synchronization
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

/// Counts what is read of segments.
private final class ReadCounter: LogStorage {
    let bytes = Mutex(0)
    private let inner = SimulatedStorage()

    func read(_ name: String, from offset: Int, bytesMax: Int) throws(FileError) -> [UInt8] {
        let part = Array(try inner.read(name).dropFirst(offset).prefix(bytesMax))
        bytes.withLock { $0 += part.count }
        return part
    }
    func read(_ name: String) throws(FileError) -> [UInt8] {
        let whole = try inner.read(name)
        bytes.withLock { $0 += whole.count }
        return whole
    }
    func list() throws(FileError) -> [String] { try inner.list() }
    func writeAtomically(_ name: String, _ bytes: [UInt8]) throws(FileError) {
        try inner.writeAtomically(name, bytes)
    }
    func open(_ name: String) throws(FileError) -> any LogFile { try inner.open(name) }
    func create(_ name: String) throws(FileError) -> any LogFile { try inner.create(name) }
    func remove(_ name: String) throws(FileError) { try inner.remove(name) }
    func syncDirectory() throws(FileError) { try inner.syncDirectory() }
    func allocate(_ name: String, bytes: Int) throws(FileError) { try inner.allocate(name, bytes: bytes) }
    func capacityBytes() throws(FileError) -> Int { try inner.capacityBytes() }
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

    @Test func `what is read back a part at a time is read once`() throws {
        let storage = ReadCounter()
        let log = try LogWriter<Int>(storage: storage, configuration: LogConfiguration(), Fixed())
        for ticket in 0..<300 {
            let count = ticket % 50 == 49 ? 200_000 : 1 + ticket * 7919 % 4000
            _ = try log.enqueue([UInt8](repeating: UInt8(truncatingIfNeeded: ticket), count: count), ticket)
            if ticket % 7 == 0 { while log.step() {} }
        }
        while log.step() {}
        let whole = try log.records(from: 0, bytesMax: .max)
        #expect(whole.map(\.0) == Array(1...300) && log.status.segments == 1)
        for (bytesMax, times) in [(1, 90), (100_000, 2), (1 << 20, 2)] {
            storage.bytes.withLock { $0 = 0 }
            var next: UInt64 = 1
            while true {
                let records = try log.records(from: next, bytesMax: bytesMax)
                guard let last = records.last else { break }
                #expect(records.elementsEqual(whole[Int(next - 1)..<Int(last.0)]) { $0.0 == $1.0 && $0.1 == $1.1 })
                next = last.0 + 1
            }
            #expect(next == 301)
            #expect(storage.bytes.withLock { $0 } <= times * log.status.bytes)
        }
        // Somewhere else, and on from there; then what has come since.
        #expect(try log.records(from: 17, bytesMax: 1).map(\.0) == [17])
        #expect(try log.records(from: 18, bytesMax: 1).map(\.0) == [18])
        #expect(try log.records(from: 301, bytesMax: .max).isEmpty)
        _ = try log.enqueue([1], 301)
        #expect(log.step())
        #expect(try log.records(from: 301, bytesMax: .max).map(\.1) == [[1]])
    }

    @Test func `reading on goes from segment to segment, and stops at damage`() throws {
        let storage = SimulatedStorage()
        let log = try writer(storage)
        for ticket in 0..<40 {
            _ = try log.enqueue([UInt8](repeating: UInt8(ticket), count: 700), ticket)
            while log.step() {}
        }
        #expect(log.status.segments > 4)
        var next: UInt64 = 1
        while let last = try log.records(from: next, bytesMax: 1500).last?.0 { next = last + 1 }
        #expect(next == 41)
        _ = try log.records(from: 1, bytesMax: 1)
        let name = LogFormat.segmentName(first: 1)
        storage.state.withLock { $0.files[name]?.bytes[1100] ^= 1 }
        #expect { try log.records(from: 2, bytesMax: .max) } throws: { ($0 as? LogError)?.code == .corrupt }
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
