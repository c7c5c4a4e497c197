import Clocks
import Testing

@testable import WriteAheadLog

private struct Fixed: RandomSource {
    func next() -> UInt64 { 7 }
}

private func open(_ storage: SimulatedStorage) throws(LogError) -> LogWriter<Int> {
    var configuration = LogConfiguration()
    configuration.segmentBytesMax = 4096
    return try LogWriter(storage: storage, configuration: configuration, Fixed())
}

private func payload(_ sequence: Int) -> [UInt8] { [UInt8](repeating: UInt8(sequence), count: 90 + sequence) }

/// A small log in two segments: records 1 to 3, each synced before the next, and 4 to 6.
private struct SmallLog {
    struct Frame {
        let sequence: UInt64
        let bytes: Range<Int>
    }

    let files: [String: [UInt8]]
    static let first = LogFormat.segmentName(first: 1)
    static let last = LogFormat.segmentName(first: 4)

    init() throws {
        let storage = SimulatedStorage()
        let log = try open(storage)
        for sequence in 1...6 {
            if sequence == 4 {
                // Ends the segment, and leaves it there.
                #expect(throws: LogError.self) {
                    _ = try log.trim(through: 3) { _ throws(LogError) in throw LogError(.failed, "kept") }
                }
            }
            _ = try log.enqueue(payload(sequence), sequence)
            #expect(log.step())
        }
        #expect(log.status.segments == 2)
        files = storage.files
    }

    static func frames(of name: String) -> [Frame] {
        var frames: [Frame] = []
        var at = LogFormat.headerBytes
        for sequence in name == first ? 1...3 : 4...6 {
            let end = at + LogFormat.frameHeaderBytes + payload(sequence).count
            frames.append(Frame(sequence: UInt64(sequence), bytes: at..<end))
            at = end
        }
        return frames
    }

    /// What must come of damage that begins at `byte`: how many records are read, or nil for a refusal.
    static func expected(_ name: String, damagedAt byte: Int) -> Int? {
        guard name == last, let frame = frames(of: name).first(where: { $0.bytes.contains(byte) }) else { return nil }
        // The last frame alone has none behind it that proves it was synced.
        return frame.sequence == 6 ? 5 : nil
    }
}

/// Opens damaged files, and holds the log to what it promises: the whole prefix, a tail cut off in the file before
/// anything is appended, or a refusal that changes nothing.
private func check(
    _ files: [String: [UInt8]], expected count: Int?, refusal place: (name: String, byte: Int?, sequence: Int?)? = nil,
    _ comment: String
) throws {
    let storage = SimulatedStorage(files: files)
    let log: LogWriter<Int>
    do throws(LogError) {
        log = try open(storage)
    } catch {
        #expect(count == nil && error.code == .corrupt, "\(comment): \(error)")
        #expect(storage.files == files, "\(comment): a refused log was changed")
        if let place {
            #expect(error.message.contains(place.name), "\(comment): \(error)")
            if let byte = place.byte { #expect(error.message.contains("at byte \(byte):"), "\(comment): \(error)") }
            if let sequence = place.sequence {
                #expect(error.message.contains("record \(sequence)"), "\(comment): \(error)")
            }
        }
        return
    }
    guard let count else {
        Issue.record("\(comment): it was opened")
        return
    }
    func read(_ log: LogWriter<Int>) throws -> [[UInt8]] { try log.records(from: 0, bytesMax: .max).map(\.1) }
    #expect(try read(log) == (0..<count).map { payload($0 + 1) }, "\(comment)")
    let frames = SmallLog.frames(of: SmallLog.last)
    let end = frames.last { $0.sequence <= UInt64(count) }?.bytes.upperBound ?? LogFormat.headerBytes
    #expect(storage.files[SmallLog.last]?.count == end, "\(comment): the tail is still in the file")
    _ = try log.enqueue([0xAA], 0)
    #expect(log.step())
    let again = try open(storage.afterPowerLoss(extra: 0))
    #expect(try read(again) == (0..<count).map { payload($0 + 1) } + [[0xAA]], "\(comment), after an append")
}

struct TornLogTests {
    @Test func `cut at any byte, the last segment gives its whole prefix, and the other is refused`() throws {
        let log = try SmallLog()
        for name in [SmallLog.first, SmallLog.last] {
            let whole = try #require(log.files[name])
            for cut in 0..<whole.count {
                var files = log.files
                files[name] = Array(whole[..<cut])
                let kept = SmallLog.frames(of: name).filter { $0.bytes.upperBound <= cut }
                let torn = SmallLog.frames(of: name)[min(kept.count, 2)]
                try check(
                    files, expected: name == SmallLog.last ? 3 + kept.count : nil,
                    refusal: (
                        name, cut < LogFormat.headerBytes ? 0 : torn.bytes.lowerBound, Int(torn.sequence)
                    ), "\(name) cut at \(cut)")
            }
        }
    }

    @Test(arguments: 0..<8)
    func `whichever bit is flipped, it is found, and costs at most the last record`(bit: Int) throws {
        let log = try SmallLog()
        for name in [SmallLog.first, SmallLog.last] {
            for byte in 0..<(try #require(log.files[name])).count {
                var files = log.files
                files[name]?[byte] ^= 1 << UInt8(bit)
                let frame = SmallLog.frames(of: name).first { $0.bytes.contains(byte) }
                try check(
                    files, expected: SmallLog.expected(name, damagedAt: byte),
                    refusal: (
                        name, frame?.bytes.lowerBound ?? 0, Int(frame?.sequence ?? (name == SmallLog.first ? 1 : 4))
                    ),
                    "\(name), bit \(bit) of byte \(byte)")
            }
        }
    }

    @Test(arguments: [512, 64, 7])
    func `zeroed sectors are found`(size: Int) throws {
        let log = try SmallLog()
        for name in [SmallLog.first, SmallLog.last] {
            let whole = try #require(log.files[name])
            for start in stride(from: 0, to: whole.count, by: size) {
                var files = log.files
                let end = min(start + size, whole.count)
                files[name]?.replaceSubrange(start..<end, with: [UInt8](repeating: 0, count: end - start))
                // Zeros that were zeros before are no damage.
                let byte = (start..<end).first { whole[$0] != 0 }
                guard let byte else { continue }
                // What follows the damage proves that it was synced, unless nothing whole follows.
                let frames = SmallLog.frames(of: name)
                let hit = frames.first { $0.bytes.contains(byte) }
                let isProved = frames.contains { $0.bytes.lowerBound >= end }
                let count = name == SmallLog.last && hit != nil && !isProved ? hit.map { Int($0.sequence) - 1 } : nil
                try check(
                    files, expected: count, refusal: (name, hit?.bytes.lowerBound ?? 0, nil),
                    "\(name), zeros from \(start)")
            }
        }
    }

    @Test(arguments: [1, 23, 24, 25, 512, 70_000], [UInt8(0), 0xFF, 0x5A])
    func `garbage behind the end is cut off the last segment, and refused in the other`(
        count: Int, byte: UInt8
    ) throws {
        let log = try SmallLog()
        let garbage = [UInt8](repeating: byte, count: count)
        try check(
            log.files.merging([SmallLog.last: garbage]) { $0 + $1 }, expected: 6, "\(count) bytes behind the end")
        let end = try #require(log.files[SmallLog.first]).count
        try check(
            log.files.merging([SmallLog.first: garbage]) { $0 + $1 }, expected: nil,
            refusal: (SmallLog.first, end, 4), "\(count) bytes behind the first segment")
    }

    @Test func `frames of the log itself behind the end are no records`() throws {
        let log = try SmallLog()
        let whole = try #require(log.files[SmallLog.last])
        for frame in SmallLog.frames(of: SmallLog.last) {
            var files = log.files
            files[SmallLog.last]? += whole[frame.bytes]
            try check(files, expected: 6, "frame \(frame.sequence) repeated")
        }
        // The same from another segment.
        var files = log.files
        files[SmallLog.last]? += try #require(log.files[SmallLog.first])[LogFormat.headerBytes...]
        try check(files, expected: 6, "the frames of the first segment behind the last")
    }

    @Test(arguments: [2, 3, 5, 6, 7, 8, 1000])
    func `a copy of a segment under another name is refused`(first: UInt64) throws {
        let log = try SmallLog()
        for source in [SmallLog.first, SmallLog.last] {
            var files = log.files
            files[LogFormat.segmentName(first: first)] = files[source]
            try check(files, expected: nil, "\(source) copied to \(first)")
        }
    }

    @Test func `a missing segment in the middle is refused with the records that it held`() throws {
        let storage = SimulatedStorage()
        var configuration = LogConfiguration()
        configuration.segmentBytesMax = 4096
        let log = try LogWriter<Int>(storage: storage, configuration: configuration, Fixed())
        for sequence in 1...6 {
            _ = try log.enqueue([UInt8](repeating: 1, count: 2500), sequence)
            _ = log.step()
        }
        let names = storage.files.keys.filter { $0.hasSuffix(".segment") }.sorted()
        #expect(names.count == 6)
        for index in 1..<5 {
            #expect {
                _ = try open(SimulatedStorage(files: storage.files.filter { $0.key != names[index] }))
            } throws: {
                "\($0)".contains("record \(index + 1) to record \(index + 1),")
            }
        }
        // An old segment that comes back after its removal: what lies between is missing.
        let before = storage.files
        _ = try log.trim(through: 3)
        var files = storage.files
        files[names[0]] = before[names[0]]
        #expect(throws: LogError.self) { _ = try open(SimulatedStorage(files: files)) }
        // The one removed last is what a power loss may bring back: its records are in the table, and are read again.
        files = storage.files
        files[names[2]] = before[names[2]]
        #expect(try open(SimulatedStorage(files: files)).records(from: 0, bytesMax: .max).map(\.0) == [3, 4, 5, 6])
    }
}
