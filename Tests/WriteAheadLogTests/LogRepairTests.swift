import Clocks
import Testing

@testable import WriteAheadLog

private struct Fixed: RandomSource {
    func next() -> UInt64 { 7 }
}

private let placeholder: [UInt8] = [0]

/// Twelve records, three a segment.
private func files() throws -> [String: [UInt8]] {
    var configuration = LogConfiguration()
    configuration.segmentBytesMax = 4096
    let storage = SimulatedStorage()
    let log = try LogWriter<Int>(storage: storage, configuration: configuration, Fixed())
    for sequence in 1...12 {
        _ = try log.enqueue([UInt8](repeating: UInt8(sequence), count: 1300), sequence)
        _ = log.step()
    }
    #expect(log.status.segments == 4)
    return storage.files
}

private func segment(_ first: UInt64) -> String { LogFormat.segmentName(first: first) }
private func frame(_ index: Int) -> Range<Int> {
    let start = LogFormat.headerBytes + index * 1324
    return start..<start + 1324
}

private func records(_ storage: SimulatedStorage) throws -> [UInt64: UInt8?] {
    let log = try LogWriter<Int>(storage: storage, Fixed())
    return Dictionary(uniqueKeysWithValues: try log.records(from: 0, bytesMax: .max).map { ($0, $1.first) })
}

struct LogRepairTests {
    @Test func `a whole log, also with a torn tail, needs no repair`() throws {
        var files = try files()
        files[segment(10)]? += [1, 2, 3]
        let storage = SimulatedStorage(files: files)
        let plan = try LogRepair(storage, placeholder: placeholder).plan()
        #expect(!plan.isNeeded && plan.losses.isEmpty && plan.segments.allSatisfy { $0.records == 3 })
        #expect(storage.files == files)
    }

    @Test(arguments: [UInt64(1), 4, 7, 10], 0..<3)
    func `one damaged record is lost, and every other one is kept with its sequence`(
        first: UInt64, index: Int
    ) throws {
        var files = try files()
        files[segment(first)]?[frame(index).lowerBound + 30] ^= 1
        let storage = SimulatedStorage(files: files)
        let repair = LogRepair(storage, placeholder: placeholder)
        let lost = first + UInt64(index)
        let plan = try repair.plan()
        #expect(storage.files == files)
        guard lost < 12 else {
            // The last record of all: a torn tail for all that can be known.
            #expect(!plan.isNeeded)
            return
        }
        #expect(throws: LogError.self) { _ = try records(storage) }
        #expect(plan.losses == [LogRepair.Loss(records: lost...lost, offset: frame(index).lowerBound, bytes: 1324)])
        let copies = try repair.apply(plan)
        #expect(copies == [segment(first) + ".damaged"])
        #expect(storage.files[copies[0]] == files[segment(first)])
        let found = try records(storage)
        #expect(found.count == 12)
        for (sequence, byte) in found { #expect(byte == (sequence == lost ? 0 : UInt8(sequence))) }
        #expect(try !repair.plan().isNeeded)
    }

    @Test func `a lost segment, a lost header and a cut are made good for`() throws {
        var files = try files()
        files[segment(4)] = nil
        files[segment(7)]?[20] ^= 1
        files[segment(1)]?.removeLast(10)
        let storage = SimulatedStorage(files: files)
        let repair = LogRepair(storage, placeholder: placeholder)
        let plan = try repair.plan()
        #expect(plan.losses.map(\.records) == [3...6])
        #expect(try repair.apply(plan) == [segment(1) + ".damaged", segment(7) + ".damaged"])
        let found = try records(storage)
        #expect(found.filter { $0.value != 0 }.keys.sorted() == [1, 2, 7, 8, 9, 10, 11, 12] && found.count == 12)
    }

    @Test func `a segment that does not belong there is put aside`() throws {
        var files = try files()
        files[segment(13)] = files[segment(1)]
        let storage = SimulatedStorage(files: files)
        let repair = LogRepair(storage, placeholder: placeholder)
        let plan = try repair.plan()
        #expect(plan.losses.isEmpty)
        _ = try repair.apply(plan)
        #expect(try records(storage).count == 12)
    }

    @Test func `what no repair can know is refused`() throws {
        let files = try files()
        func refuses(_ files: [String: [UInt8]], _ text: String) {
            #expect {
                _ = try LogRepair(SimulatedStorage(files: files), placeholder: placeholder).plan()
            } throws: {
                "\($0)".contains(text)
            }
        }
        var damaged = files
        damaged[LogFormat.identityName]?[30] ^= 1
        refuses(damaged, "secret")
        refuses(files.filter { !$0.key.hasSuffix(".segment") }, "no segment")
        var strange = files
        strange[segment(90_000_000)] = files[segment(10)]
        refuses(strange, "different times")
    }

    @Test func `an interrupted repair keeps the first copy`() throws {
        var files = try files()
        files[segment(4)]?[frame(0).lowerBound] ^= 1
        let storage = SimulatedStorage(files: files)
        let repair = LogRepair(storage, placeholder: placeholder)
        storage.fail(at: 2, with: 28)
        #expect(throws: LogError.self) { _ = try repair.apply(try repair.plan()) }
        #expect(storage.files[segment(4)] == files[segment(4)])
        _ = try repair.apply(try repair.plan())
        #expect(storage.files[segment(4) + ".damaged"] == files[segment(4)])
        #expect(try records(storage).count == 12)
    }
}
