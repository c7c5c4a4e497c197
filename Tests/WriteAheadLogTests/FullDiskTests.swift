import Files
import Glibc
import Synchronization
import Testing

@testable import WriteAheadLog

private let reserve = SpaceReserve.name
private let recordBytes = 1500
/// Kept of each record before its segment goes, as keys of events are.
private let keptBytes = 100

/// A life of a log on a disk that is too small, and what its owner knows: what was acknowledged, and what is kept.
private final class Owner {
    let storage: SimulatedStorage
    let log: WriteAheadLog
    var acknowledged: Set<UInt64> = []

    init(_ storage: SimulatedStorage) throws {
        self.storage = storage
        log = try WriteAheadLog(storage: storage)
        try log.start { _, _ in }
    }

    /// Appends until the log refuses, and says how.
    func fill() async throws -> LogError.Code {
        while true {
            do {
                acknowledged.insert(try await log.append([UInt8](repeating: 7, count: recordBytes)))
            } catch {
                return error.code
            }
        }
    }

    /// Trims, and keeps a part of each record as the journal of keys does.
    func trim(through watermark: UInt64) throws -> Int {
        let storage = storage
        return try log.trim(through: watermark) { (segment) throws(LogError) in
            let records = try segment.records()
            let name = "\(segment.first)-\(records.count).kept"
            guard storage.files[name] == nil else { return }
            do throws(FileError) {
                try storage.writeAtomically(name, [UInt8](repeating: 1, count: keptBytes * records.count))
            } catch {
                throw LogError(error.isNoSpace ? .full : .failed, "\(error)")
            }
        }
    }

    /// Sequences in the log or kept.
    static func known(_ storage: SimulatedStorage) throws -> Set<UInt64> {
        var known: Set<UInt64> = []
        try WriteAheadLog(storage: storage).forEachRecord(from: 0) { sequence, _ in known.insert(sequence) }
        for name in storage.files.keys where name.hasSuffix(".kept") {
            let numbers = name.dropLast(5).split(separator: "-").compactMap { UInt64($0) }
            known.formUnion(numbers[0]..<numbers[0] + numbers[1])
        }
        return known
    }
}

struct FullDiskTests {
    @Test func `who asks while the refused are being told is not told that all is durable`() async throws {
        let owner = try Owner(SimulatedStorage(capacity: 100_000))
        #expect(try await owner.fill() == .full)
        let isTelling = Atomic(false)
        let isReleased = Atomic(false)
        let isAnswered = Atomic(false)
        _ = try owner.log.enqueue([UInt8](repeating: 7, count: recordBytes)) { _ in
            isTelling.store(true, ordering: .releasing)
            while !isReleased.load(ordering: .acquiring) { sched_yield() }
        }
        while !isTelling.load(ordering: .acquiring) { await Task.yield() }
        let waiting = Task {
            defer { isAnswered.store(true, ordering: .releasing) }
            try await owner.log.waitForQueued()
        }
        for _ in 0..<1000 where !isAnswered.load(ordering: .acquiring) { await Task.yield() }
        isReleased.store(true, ordering: .releasing)
        await #expect(throws: LogError.self) { try await waiting.value }
        owner.log.close()
    }

    @Test(arguments: [100_000, 150_000, 400_000])
    func `a log that filled its disk is free again after a trim, time after time`(capacity: Int) async throws {
        let storage = SimulatedStorage(capacity: capacity)
        let owner = try Owner(storage)
        var appended = 0
        for _ in 0..<8 {
            #expect(try await owner.fill() == .full)
            #expect(owner.acknowledged.count > appended)
            appended = owner.acknowledged.count
            #expect(owner.log.status.isShortOfSpace)
            #expect(try owner.trim(through: owner.log.status.syncedThrough) > 0)
            #expect(owner.log.status.segments == 1 && owner.log.status.bytes == LogFormat.headerBytes)
            #expect(storage.files[reserve] != nil)
            // The kept part expires some day.
            for name in storage.files.keys where name.hasSuffix(".kept") { try storage.remove(name) }
        }
        #expect(try await owner.log.append([1]) == UInt64(appended + 1))
        #expect(!owner.log.status.isShortOfSpace)
        owner.log.close()
        #expect(try WriteAheadLog(storage: storage).status.syncedThrough == UInt64(appended + 1))
    }

    @Test func `appends do not take what is set aside`() async throws {
        let storage = SimulatedStorage(capacity: 300_000)
        let owner = try Owner(storage)
        let set = try #require(storage.files[reserve]).count
        for _ in 0..<3 { #expect(try await owner.fill() == .full) }
        #expect(storage.files[reserve]?.count == set)
        owner.log.close()
    }

    @Test func `a note beside a log that filled its disk is written in what is set aside`() async throws {
        let storage = SimulatedStorage(capacity: 4_000_000)
        let owner = try Owner(storage)
        #expect(try await owner.fill() == .full)
        let note = [UInt8](repeating: 1, count: 4000)
        #expect(throws: FileError.self) { try storage.writeAtomically("note", note) }
        try owner.log.withReserve { () throws(LogError) in
            do throws(FileError) {
                try storage.writeAtomically("note", note)
            } catch {
                throw LogError(error.isNoSpace ? .full : .failed, "\(error)")
            }
        }
        #expect(storage.files["note"] == note)
        // What is left is set aside again, and is enough to trim with.
        #expect(storage.files[reserve] != nil)
        #expect(try await owner.fill() == .full)
        #expect(try owner.trim(through: owner.log.status.syncedThrough) > 0)
        owner.log.close()
    }

    @Test func `a log opens on a full disk, and is freed there`() async throws {
        let storage = SimulatedStorage(capacity: 200_000)
        let owner = try Owner(storage)
        #expect(try await owner.fill() == .full)
        owner.log.close()
        var files = storage.files
        // The rest of an atomic write, and not a byte free.
        files[".1-1.kept.17.tmp"] = [1, 2, 3]
        let used = files.values.reduce(0) { $0 + $1.count }
        let full = SimulatedStorage(files: files, capacity: used)
        let again = try Owner(full)
        #expect(full.files[".1-1.kept.17.tmp"] == nil)
        #expect(try Owner.known(full).isSuperset(of: owner.acknowledged))
        #expect(try again.trim(through: again.log.status.syncedThrough) > 0)
        #expect(try await again.log.append(Array("again".utf8)) == UInt64(owner.acknowledged.count + 1))
        again.log.close()
        #expect(try Owner.known(full).isSuperset(of: owner.acknowledged))
    }

    @Test func `a segment without header on a full disk gives way to the one before`() async throws {
        let storage = SimulatedStorage()
        let log = try WriteAheadLog(storage: storage)
        try log.start { _, _ in }
        for number in 1...3 { _ = try await log.append([UInt8(number)]) }
        log.close()
        var files = storage.files
        files[LogFormat.segmentName(first: 4)] = []
        let full = SimulatedStorage(files: files, capacity: files.values.reduce(0) { $0 + $1.count })
        let again = try WriteAheadLog(storage: full)
        #expect(full.files[LogFormat.segmentName(first: 4)] == nil)
        #expect(again.status.syncedThrough == 3 && again.status.segments == 1)
        full.state.withLock { $0.capacity += 100 }
        try again.start { _, _ in }
        #expect(try await again.append([4]) == 4)
        again.close()
        #expect(try WriteAheadLog(storage: full).status.syncedThrough == 4)
    }

    /// Each call of a trim on a full disk fails once, or from there on; then the power goes.
    @Test(arguments: [ENOSPC, EIO], [true, false])
    func `whichever call of a trim fails, nothing acknowledged is lost or forgotten`(
        failure: Int32, forGood: Bool
    ) async throws {
        var reached = true
        var call = 1
        while reached {
            let storage = SimulatedStorage(capacity: 60_000)
            let owner = try Owner(storage)
            _ = try await owner.fill()
            let watermark = owner.log.status.syncedThrough
            storage.fail(at: call, with: failure, forGood: forGood)
            do {
                _ = try owner.trim(through: watermark)
            } catch {
                #expect([.full, .failed].contains((error as? LogError)?.code), "call \(call)")
            }
            reached = storage.calls >= call
            for extra in [0, 1 << 20] {
                let after = storage.afterPowerLoss(extra: extra)
                #expect(try Owner.known(after).isSuperset(of: owner.acknowledged), "call \(call), extra \(extra)")
                // And it goes on by itself.
                let again = try Owner(after)
                _ = try again.trim(through: watermark)
                #expect(try await again.log.append([1]) == watermark + 1, "call \(call), extra \(extra)")
                again.log.close()
                #expect(try Owner.known(after).isSuperset(of: owner.acknowledged), "call \(call), extra \(extra)")
            }
            storage.fail(at: nil)
            if owner.log.status.poisoned == nil {
                _ = try owner.trim(through: watermark)
                #expect(try await owner.log.append([1]) == watermark + 1, "call \(call)")
            } else {
                #expect(failure == EIO || forGood, "call \(call)")
            }
            owner.log.close()
            #expect(try Owner.known(storage).isSuperset(of: owner.acknowledged), "call \(call)")
            call += 1
        }
        #expect(call > 20)
    }

    @Test func `appends during a trim on a full disk are kept or refused, none is lost`() async throws {
        let storage = SimulatedStorage(capacity: 200_000)
        let owner = try Owner(storage)
        for _ in 0..<20 {
            _ = try await owner.fill()
            let log = owner.log
            let more = Task.detached {
                var found: [UInt64] = []
                for _ in 0..<20 {
                    do { found.append(try await log.append([UInt8](repeating: 9, count: recordBytes))) } catch {}
                }
                return found
            }
            _ = try owner.trim(through: log.status.syncedThrough)
            let appended = await more.value
            #expect(owner.acknowledged.isDisjoint(with: appended))
            owner.acknowledged.formUnion(appended)
            #expect(try Owner.known(storage).isSuperset(of: owner.acknowledged))
            for name in storage.files.keys where name.hasSuffix(".kept") {
                let numbers = name.dropLast(5).split(separator: "-").compactMap { UInt64($0) }
                owner.acknowledged.subtract(numbers[0]..<numbers[0] + numbers[1])
                try storage.remove(name)
            }
        }
        owner.log.close()
    }
}
