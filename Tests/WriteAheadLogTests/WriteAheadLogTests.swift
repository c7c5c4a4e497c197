import Clocks
import Files
import Glibc
import Synchronization
import Testing

@testable import WriteAheadLog

private func text(_ number: Int) -> [UInt8] { Array("record \(number)".utf8) }

private func records(_ log: WriteAheadLog, from sequence: UInt64 = 0) throws -> [UInt64: [UInt8]] {
    var found: [UInt64: [UInt8]] = [:]
    try log.forEachRecord(from: sequence) { found[$0] = [UInt8]($1) }
    return found
}

private func configuration(
    _ sync: WriteAheadLog.Sync = .always, bytesMax: Int = 1 << 20, segmentBytesMax: Int = 1 << 20
) -> WriteAheadLog.Configuration {
    var configuration = WriteAheadLog.Configuration()
    configuration.sync = sync
    configuration.bytesMax = bytesMax
    configuration.segmentBytesMax = segmentBytesMax
    return configuration
}

/// A log of `count` records, each its own group.
private func makeFiles(_ count: Int) async throws -> (files: [String: [UInt8]], identity: LogIdentity) {
    let storage = SimulatedStorage()
    let log = try WriteAheadLog(storage: storage)
    try log.start { _, _ in }
    for number in 1...count { _ = try await log.append(text(number)) }
    log.close()
    return (storage.files, log.identity)
}

private let segment = LogFormat.segmentName(first: 1)

struct WriteAheadLogTests {
    @Test func `what is appended is read back after opening again`() async throws {
        let storage = SimulatedStorage()
        let log = try WriteAheadLog(storage: storage)
        let seen = Mutex<[UInt64]>([])
        try log.start { sequence, _ in seen.withLock { $0.append(sequence) } }
        for number in 1...20 { #expect(try await log.append(text(number)) == UInt64(number)) }
        log.close()
        #expect(seen.withLock { $0 } == Array(1...20))
        let again = try WriteAheadLog(storage: storage)
        #expect(again.identity == log.identity && again.tornBytes == 0)
        #expect(try records(again) == Dictionary(uniqueKeysWithValues: (1...20).map { (UInt64($0), text($0)) }))
        #expect(try records(again, from: 18).keys.sorted() == [18, 19, 20])
        try again.start { _, _ in }
        #expect(try await again.append(text(21)) == 21)
        again.close()
    }

    @Test func `appends at the same time all get through`() async throws {
        let storage = SimulatedStorage()
        let log = try WriteAheadLog(storage: storage)
        try log.start { _, _ in }
        let sequences = try await withThrowingTaskGroup(of: UInt64.self) { group in
            for number in 0..<200 { group.addTask { try await log.append(text(number)) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        log.close()
        #expect(sequences.sorted() == Array(1...200))
        #expect(try records(log).count == 200)
    }

    @Test func `a log cut at any byte opens with what was whole, and takes more`() async throws {
        let (files, _) = try await makeFiles(4)
        let whole = try #require(files[segment])
        for cut in 0...whole.count {
            var torn = files
            torn[segment] = Array(whole[..<cut])
            let storage = SimulatedStorage(files: torn)
            let log = try WriteAheadLog(storage: storage)
            let kept = try records(log)
            #expect(kept.keys.sorted() == Array(1..<UInt64(kept.count + 1)))
            #expect(kept.allSatisfy { $0.value == text(Int($0.key)) })
            try log.start { _, _ in }
            #expect(try await log.append([9]) == UInt64(kept.count + 1))
            log.close()
            let again = try WriteAheadLog(storage: storage)
            #expect(try records(again).count == kept.count + 1, "cut at \(cut)")
        }
    }

    @Test func `a flipped bit is refused, or costs the last record alone`() async throws {
        let (files, _) = try await makeFiles(4)
        let whole = try #require(files[segment])
        var refused = 0
        for bit in 0..<whole.count * 8 {
            var damaged = files
            damaged[segment]?[bit / 8] ^= 1 << UInt8(bit % 8)
            do {
                let log = try WriteAheadLog(storage: SimulatedStorage(files: damaged))
                let kept = try records(log)
                // The last group alone has no later frame to prove that it was synced.
                #expect(kept.keys.sorted() == [1, 2, 3], "bit \(bit)")
                #expect(kept.allSatisfy { $0.value == text(Int($0.key)) })
            } catch let error as LogError {
                #expect(error.code == .corrupt)
                refused += 1
            }
        }
        #expect(refused > whole.count * 5)
    }

    @Test(arguments: [[UInt8](repeating: 0, count: 700), [UInt8](repeating: 0xFF, count: 33), Array("garbage".utf8)])
    func `garbage behind the last frame is cut off`(garbage: [UInt8]) async throws {
        var (files, _) = try await makeFiles(3)
        files[segment]? += garbage
        let storage = SimulatedStorage(files: files)
        let log = try WriteAheadLog(storage: storage)
        #expect(log.tornBytes == garbage.count)
        #expect(try records(log).count == 3)
        #expect(try #require(storage.files[segment]).count == #require(files[segment]).count - garbage.count)
    }

    @Test func `an unsynced group with a hole in it is cut off whole`() async throws {
        let storage = SimulatedStorage()
        let log = try WriteAheadLog(storage: storage)
        let seed = LogFormat.seed(log.identity)
        var bytes = try #require(storage.files[segment])
        LogFormat.appendFrame(text(1), sequence: 1, syncedThrough: 0, seed: seed, to: &bytes)
        let hole = bytes.count
        for number in 2...3 {
            LogFormat.appendFrame(text(number), sequence: UInt64(number), syncedThrough: 0, seed: seed, to: &bytes)
        }
        bytes[hole + 30] ^= 1
        var files = storage.files
        files[segment] = bytes
        let again = try WriteAheadLog(storage: SimulatedStorage(files: files))
        #expect(try records(again).keys.sorted() == [1])
    }

    @Test func `a segment removed, of another log or without identity is refused`() async throws {
        let storage = SimulatedStorage()
        let log = try WriteAheadLog(storage: storage, configuration: configuration(segmentBytesMax: 4096))
        try log.start { _, _ in }
        for _ in 0..<6 { _ = try await log.append([UInt8](repeating: 7, count: 2000)) }
        log.close()
        let files = storage.files
        let names = files.keys.filter { $0.hasSuffix(".segment") }.sorted()
        #expect(names.count >= 3)
        func refusal(_ files: [String: [UInt8]]) -> LogError.Code? {
            do {
                _ = try WriteAheadLog(storage: SimulatedStorage(files: files))
                return nil
            } catch { return error.code }
        }
        #expect(refusal(files) == nil)
        #expect(refusal(files.filter { $0.key != names[1] }) == .corrupt)
        #expect(refusal(files.filter { $0.key != LogFormat.identityName }) == .corrupt)
        #expect(refusal(files.filter { !$0.key.hasSuffix(".segment") }) == .corrupt)
        var cut = files
        cut[names[0]]?.removeLast()
        #expect(refusal(cut) == .corrupt)
        let other = try await makeFiles(1)
        var mixed = files
        mixed[names[0]] = other.files[segment]
        #expect(refusal(mixed) == .corrupt)
        // A crash between making the last segment and its header's sync.
        var fresh = files
        fresh[LogFormat.segmentName(first: 7)] = []
        #expect(refusal(fresh) == nil)
    }

    @Test(arguments: [ENOSPC, EIO], [0, 5, 30])
    func `whichever call fails, what was acknowledged is there and nothing else is half there`(
        failure: Int32, partial: Int
    ) async throws {
        var reached = true
        var call = 1
        while reached {
            let storage = SimulatedStorage()
            let log = try WriteAheadLog(storage: storage, configuration: configuration(segmentBytesMax: 4096))
            try log.start { _, _ in }
            storage.fail(at: call, with: failure, partial: partial)
            var acknowledged: [UInt64] = []
            var errors: [LogError] = []
            for number in 1...8 {
                do {
                    acknowledged.append(
                        try await log.append([UInt8](repeating: UInt8(number), count: 1500)))
                } catch { errors.append(error) }
            }
            reached = storage.calls >= call
            log.close()
            #expect(errors.isEmpty == !reached || failure == ENOSPC || errors.count > 0)
            if failure == ENOSPC {
                // One append is refused; the disk has space again for the next. A sync that fails is final.
                #expect(errors.allSatisfy { $0.code == .full } || errors.contains { $0.code == .poisoned })
            } else if let first = errors.first {
                #expect(first.code == .poisoned)
                #expect(errors.count == 8 - acknowledged.count)
            }
            #expect(acknowledged == Array(1..<UInt64(acknowledged.count + 1)))
            for extra in [0, 1, 40, 1 << 20] {
                let after = storage.afterPowerLoss(extra: extra)
                let again = try WriteAheadLog(storage: after)
                let found = try records(again)
                #expect(Set(acknowledged).isSubset(of: found.keys), "call \(call), extra \(extra)")
                #expect(found.keys.sorted() == Array(1..<UInt64(found.count + 1)))
            }
            call += 1
        }
        #expect(call > 8)
    }

    @Test func `a full disk leaves no half frame and the next append succeeds`() async throws {
        let storage = SimulatedStorage()
        let log = try WriteAheadLog(storage: storage)
        try log.start { _, _ in }
        _ = try await log.append(text(1))
        let size = try #require(storage.files[segment]).count
        storage.fail(at: 1, with: ENOSPC, partial: 10)
        await #expect { _ = try await log.append(text(2)) } throws: { ($0 as? LogError)?.code == .full }
        #expect(try #require(storage.files[segment]).count == size)
        #expect(try await log.append(text(2)) == 2)
        log.close()
    }

    @Test func `a log at its limit takes nothing until it is trimmed`() async throws {
        let storage = SimulatedStorage()
        let log = try WriteAheadLog(storage: storage, configuration: configuration(bytesMax: 40_000))
        try log.start { _, _ in }
        var last: UInt64 = 0
        await #expect { while true { last = try await log.append([UInt8](repeating: 1, count: 3000)) } } throws: {
            ($0 as? LogError)?.code == .full
        }
        #expect(last > 8 && log.status.bytes <= 40_000)
        #expect(try log.trim(through: last - 1) > 0)
        #expect(try await log.append(text(1)) == last + 1)
        log.close()
        let again = try WriteAheadLog(storage: storage)
        #expect(try records(again).keys.max() == last + 1)
        #expect(again.status.firstSequence > 1)
    }

    @Test func `trimming shows the records first and never removes what is not committed`() async throws {
        let storage = SimulatedStorage()
        let log = try WriteAheadLog(storage: storage, configuration: configuration(segmentBytesMax: 4096))
        try log.start { _, _ in }
        for number in 1...10 { _ = try await log.append([UInt8](repeating: UInt8(number), count: 1500)) }
        var seen: [UInt8] = []
        _ = try log.trim(through: 5) { segment throws(LogError) in
            let records = try segment.records()
            #expect(segment.next == segment.first + UInt64(records.count))
            seen += records.compactMap(\.first)
        }
        #expect(seen == [1, 2, 3, 4])
        #expect(try records(log).keys.sorted() == Array(5...10))
        #expect(throws: LogError.self) {
            _ = try log.trim(through: 10) { _ throws(LogError) in throw LogError(.failed, "no") }
        }
        #expect(try records(log).keys.sorted() == Array(5...10))
        log.close()
    }

    @Test func `with an interval replies do not wait for the sync, but records reach the sink synced`() async throws {
        let storage = SimulatedStorage()
        let log = try WriteAheadLog(storage: storage, configuration: configuration(.interval(milliseconds: 3_600_000)))
        let seen = Mutex<[UInt64]>([])
        try log.start { sequence, _ in seen.withLock { $0.append(sequence) } }
        for number in 1...3 { _ = try await log.append(text(number)) }
        log.close()
        #expect(seen.withLock { $0 } == [1, 2, 3])
        #expect(try records(WriteAheadLog(storage: storage.afterPowerLoss(extra: 0))).count == 3)
    }

    @Test func `with an interval, who waits for the sync gets it at once`() async throws {
        let storage = SimulatedStorage()
        let log = try WriteAheadLog(storage: storage, configuration: configuration(.interval(milliseconds: 3_600_000)))
        try log.start { _, _ in }
        for number in 1...3 {
            #expect(try await log.append(text(number)) == UInt64(number))
            try await log.waitForSynced()
            #expect(log.status.syncedThrough == UInt64(number))
            #expect(try records(WriteAheadLog(storage: storage.afterPowerLoss(extra: 0))).count == number)
        }
        log.close()
    }

    @Test func `a directory belongs to one process`() async throws {
        let path = "/tmp/log-test-\(SystemRandom().next())"
        defer { try? FileSystem.removeTree(path) }
        let storage = try DirectoryStorage(path: path)
        #expect { _ = try DirectoryStorage(path: path) } throws: { ($0 as? LogError)?.code == .locked }
        let log = try WriteAheadLog(storage: storage)
        try log.start { _, _ in }
        for number in 1...50 { _ = try await log.append(text(number)) }
        try await log.waitForQueued()
        log.close()
        await #expect { _ = try await log.append([1]) } throws: { ($0 as? LogError)?.code == .closed }
        #expect(try records(WriteAheadLog(storage: storage)).count == 50)
    }

    @Test(arguments: [0, LogFormat.payloadBytesMax + 1])
    func `a record has its limits`(count: Int) async throws {
        let log = try WriteAheadLog(storage: SimulatedStorage())
        try log.start { _, _ in }
        await #expect { _ = try await log.append([UInt8](repeating: 0, count: count)) } throws: {
            ($0 as? LogError)?.code == .invalidRecord
        }
        log.close()
    }
}
