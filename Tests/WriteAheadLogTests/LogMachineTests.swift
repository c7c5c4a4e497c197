import Testing

@testable import WriteAheadLog

private func machine(bytesMax: Int = 10_000, segmentBytes: Int = 1000, groupBytesMax: Int = 500) -> LogMachine<Int> {
    LogMachine(
        bytesMax: bytesMax, segmentBytes: segmentBytes, groupBytesMax: groupBytesMax,
        segments: [LogMachine<Int>.Segment(first: 1, bytes: LogFormat.headerBytes)], nextSequence: 1)
}

private func take(_ log: inout LogMachine<Int>) throws -> LogMachine<Int>.Group {
    let group = log.takeGroup()
    return try #require(group)
}

private let record = [UInt8](repeating: 1, count: 76)  // a frame of 100 bytes

struct LogMachineTests {
    @Test func `what waits is written as one group, up to its size`() throws {
        var log = machine()
        for ticket in 1...7 { _ = try log.enqueue(record, ticket) }
        #expect(log.nextSequence == 8)
        let first = try take(&log)
        #expect(first.entries.map(\.ticket) == [1, 2, 3, 4, 5] && first.bytes == 500 && !first.rotates)
        log.written(first)
        log.synced(through: 5)
        let second = try take(&log)
        #expect(second.entries.map(\.ticket) == [6, 7])
        let third = log.takeGroup()
        #expect(third?.bytes == nil)
    }

    @Test func `a group that does not fit begins a new segment`() throws {
        var log = machine()
        for ticket in 1...12 { _ = try log.enqueue(record, ticket) }
        var rotations: [Bool] = []
        while let group = log.takeGroup() {
            rotations.append(group.rotates)
            if group.rotates { log.rotated(first: group.entries[0].sequence) }
            log.written(group)
        }
        #expect(rotations == [false, true, false] && log.segments.map(\.first) == [1, 6])
        #expect(log.bytes == 2 * LogFormat.headerBytes + 1200)
    }

    @Test func `after a refused write the sequences are given again, in order`() throws {
        var log = machine()
        for ticket in 1...7 { _ = try log.enqueue(record, ticket) }
        let first = try take(&log)
        log.written(first)
        let second = try take(&log)
        _ = try log.enqueue(record, 8)
        let failed = log.refused(second)
        #expect(failed.map(\.ticket) == [6, 7, 8])
        let next = try log.enqueue(record, 9)
        #expect(next == 6)
        #expect(log.queuedBytes == 100)
    }

    @Test func `a poisoned log takes nothing`() throws {
        var log = machine()
        _ = try log.enqueue(record, 1)
        let group = log.takeGroup()
        let failed = log.poison("why", group)
        #expect(failed.map(\.ticket) == [1])
        #expect(throws: LogError.self) { _ = try log.enqueue(record, 2) }
        log.close()
        #expect(log.health == .poisoned("why"))
    }

    @Test(arguments: [(9940, true), (9939, false)])
    func `the limit counts what waits`(bytesMax: Int, fits: Bool) throws {
        var log = machine(bytesMax: bytesMax)
        for ticket in 0..<98 { _ = try log.enqueue(record, ticket) }
        if fits {
            _ = try log.enqueue(record, 98)
        } else {
            #expect { _ = try log.enqueue(record, 98) } throws: { ($0 as? LogError)?.code == .full }
        }
    }

    @Test func `only whole segments behind the watermark can go, and the active one when it has been ended`() throws {
        var log = machine(segmentBytes: 340)
        for ticket in 1...9 {
            _ = try log.enqueue(record, ticket)
            let group = try take(&log)
            if group.rotates { log.rotated(first: group.entries[0].sequence) }
            log.written(group)
            log.synced(through: group.entries[0].sequence)
        }
        #expect(log.segments.map(\.first) == [1, 4, 7])
        let removable = [2, 3, 9].map { log.removable(through: $0).map(\.first) }
        #expect(removable == [[], [1], [1, 4]])
        let early = log.endActive(through: 8)
        let asked = log.endActive(through: 9)
        #expect(!early && asked)
        let group = try take(&log)
        #expect(group.rotates && group.entries.isEmpty)
        log.rotated(first: 10)
        #expect(log.removable(through: 9).map(\.first) == [1, 4, 7] && !log.mustRotate)
        // There is nothing in it.
        let again = log.endActive(through: 9)
        #expect(!again)
    }

    @Test func `a small segment is ended only for want of space`() throws {
        var log = machine(bytesMax: 300, segmentBytes: 10_000)
        _ = try log.enqueue(record, 1)
        log.written(try take(&log))
        log.synced(through: 1)
        let whileThereIsRoom = log.endActive(through: 1)
        #expect(!whileThereIsRoom && !log.isShortOfSpace)
        #expect(throws: LogError.self) { _ = try log.enqueue([UInt8](repeating: 1, count: 200), 2) }
        let whileThereIsNone = log.endActive(through: 1)
        #expect(whileThereIsNone && log.isShortOfSpace)
        log.rotationRefused()
        let group = log.takeGroup()
        #expect(group?.rotates == nil && log.rotationFoundNoSpace)
    }

    @Test func `records held back wait behind a rotation`() throws {
        var log = machine(segmentBytes: 1000)
        _ = try log.enqueue(record, 1)
        log.written(try take(&log))
        log.synced(through: 1)
        let asked = log.endActive(through: 1)
        _ = try log.enqueue(record, 2)
        let held = log.takeGroup(holdingRecords: true)
        #expect(asked && held?.entries.isEmpty == true && held?.rotates == true)
        log.rotated(first: 2)
        let nothing = log.takeGroup(holdingRecords: true)
        #expect(nothing?.bytes == nil)
        let group = try take(&log)
        #expect(group.entries.map(\.ticket) == [2] && !group.rotates)
    }
}
