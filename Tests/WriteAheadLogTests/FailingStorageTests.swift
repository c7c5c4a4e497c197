import Clocks
import Glibc
import Testing

@testable import WriteAheadLog

private struct Fixed: RandomSource {
    func next() -> UInt64 { 7 }
}

private func configuration(_ sync: LogConfiguration.Sync) -> LogConfiguration {
    var configuration = LogConfiguration()
    configuration.sync = sync
    configuration.segmentBytesMax = 4096
    return configuration
}

private func payload(_ ticket: Int) -> [UInt8] { [UInt8](repeating: UInt8(ticket), count: 1200 + ticket) }

/// A life of a log, from its making: appends in groups, trims, appends. What failed is not tried again.
private struct Life {
    var durable: [UInt64: [UInt8]] = [:]
    var told: Set<Int> = []
    var fates: [Int: Int] = [:]
    var kept: Set<UInt64> = []

    mutating func run(_ storage: SimulatedStorage, _ sync: LogConfiguration.Sync) {
        let log: LogWriter<Int>
        do { log = try LogWriter(storage: storage, configuration: configuration(sync), Fixed()) } catch { return }
        for ticket in 1...14 {
            do { _ = try log.enqueue(payload(ticket), ticket) } catch {}
            if ticket % 2 == 0 { while log.step() {} }
            if ticket % 5 == 0 { log.sync() }
            take(log.takeEffects())
            if ticket == 8 {
                do {
                    _ = try log.trim(through: log.status.syncedThrough) { segment throws(LogError) in
                        for index in try segment.records().indices { kept.insert(segment.first + UInt64(index)) }
                    }
                } catch {}
                take(log.takeEffects())
            }
        }
        while log.step() {}
        log.sync()
        take(log.takeEffects())
    }

    private mutating func take(_ effects: LogEffects<Int>) {
        for record in effects.durable { durable[record.sequence] = record.payload }
        for (ticket, fate) in effects.told {
            fates[ticket, default: 0] += 1
            if case .success = fate { told.insert(ticket) }
        }
    }
}

struct FailingStorageTests {
    /// Every call fails once, or from there on, in every way; then the power goes, with any part of what was not synced.
    @Test(
        arguments: [ENOSPC, EIO, EDQUOT], [(false, 0), (false, 3), (false, 700), (true, 0), (true, 700)])
    func `whichever call fails, what is durable is read back and nothing else is half there`(
        failure: Int32, way: (forGood: Bool, partial: Int)
    ) throws {
        for sync in [LogConfiguration.Sync.always, .interval(milliseconds: 1)] {
            var call = 1
            var reached = true
            while reached {
                let storage = SimulatedStorage()
                storage.fail(at: call, with: failure, forGood: way.forGood, partial: way.partial)
                var life = Life()
                life.run(storage, sync)
                reached = storage.calls >= call
                #expect(life.fates.values.allSatisfy { $0 == 1 }, "call \(call)")
                if sync == .always { #expect(life.durable.count == life.told.count, "call \(call)") }
                for extra in [0, 1, 40, 1300, 1 << 20] {
                    try Self.check(storage.afterPowerLoss(extra: extra), life, "call \(call), \(sync), extra \(extra)")
                }
                call += 1
            }
            #expect(call > 20)
        }
    }

    private static func check(_ storage: SimulatedStorage, _ life: Life, _ comment: String) throws {
        let log = try LogWriter<Int>(storage: storage, configuration: configuration(.always), Fixed())
        let found = try log.records(from: 0, bytesMax: .max)
        if let first = found.first?.0 {
            #expect(found.map(\.0) == Array(first..<first + UInt64(found.count)), "\(comment)")
        }
        let read = Dictionary(uniqueKeysWithValues: found)
        for (sequence, bytes) in life.durable where !life.kept.contains(sequence) {
            #expect(read[sequence] == bytes, "\(comment): record \(sequence)")
        }
        // And it goes on.
        let next = try log.enqueue([1], 0)
        #expect(next > life.durable.keys.max() ?? 0, "\(comment)")
        #expect(log.step())
        #expect(log.status.syncedThrough == next, "\(comment)")
    }

    @Test(arguments: [EIO, ENOSPC])
    func `a log that cannot be opened is left as it is`(failure: Int32) throws {
        let whole = SimulatedStorage()
        var life = Life()
        life.run(whole, .always)
        let opening = SimulatedStorage(files: whole.files)
        opening.fail(at: nil)
        _ = try LogWriter<Int>(storage: opening, configuration: configuration(.always), Fixed())
        let calls = opening.calls
        #expect(calls >= 3)
        for call in 1...calls {
            let storage = SimulatedStorage(files: whole.files)
            storage.fail(at: call, with: failure)
            do throws(LogError) {
                _ = try LogWriter<Int>(storage: storage, configuration: configuration(.always), Fixed())
            } catch {
                #expect([.failed, .full].contains(error.code), "call \(call)")
            }
            storage.fail(at: nil)
            try Self.check(storage, life, "call \(call)")
        }
    }
}
