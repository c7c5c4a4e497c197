import Clocks
import Events
import ParquetFormat
import Testing

@testable import Batching

/// A record with one event for each (type, hour), ids counting up.
func makeRecord(_ events: [(type: String, hour: Int)], more: String = "", from id: Int = 0) throws -> [UInt8] {
    let texts = events.enumerated().map { index, event in
        let time = Timestamp(microseconds: Int64(event.hour) * 3_600_000_000 + 1).rfc3339()
        return
            #"{"specversion":"1.0","id":"\#(id + index)","type":"\#(event.type)","source":"s","time":"\#(time)"\#(more)}"#
    }
    let parser = EventParser(secret: EventKeySecret(low: 1, high: 2))
    let now = Timestamp(microseconds: 7_000_000)
    let batch = try parser.parse(
        EventRequest(contentType: "application/json", body: Array("[\(texts.joined(separator: ","))]".utf8)), at: now)
    var context = EventContext(receivedAt: now)
    context[.country] = "NL"
    return batch.record(context: context)
}

private func append(
    _ record: [UInt8], _ sequence: UInt64, to machine: inout BatchMachine, at milliseconds: Int64 = 0
) throws {
    let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: record.count, alignment: 1)
    defer { raw.deallocate() }
    raw.copyBytes(from: record)
    try machine.append(UnsafeRawBufferPointer(raw), sequence: sequence, at: milliseconds)
}

private func machine(_ change: (inout BatchLimits) -> Void = { _ in }) -> BatchMachine {
    var limits = BatchLimits()
    change(&limits)
    return BatchMachine(limits: limits, nextSequence: 1)
}

struct BatchMachineTests {
    @Test func `events are divided by type and hour, and sealed together`() throws {
        var batches = machine()
        try append(makeRecord([("a", 1), ("b", 1), ("a", 2), ("a", 1)]), 1, to: &batches)
        try append(makeRecord([("b", 1), ("é", -1)]), 2, to: &batches)
        let sealed = batches.seal()
        let batch = try #require(sealed)
        #expect(batch.first == 1 && batch.last == 2 && batch.events == 6)
        let counts = batch.buffers.map { "\($0.partition.type)/\($0.partition.hour)=\($0.count)" }.sorted()
        #expect(counts == ["a/1=2", "a/2=1", "b/1=2", "é/-1=1"])
        #expect(batches.events == 0 && batches.bytes == 0 && batches.nextSequence == 3)
        let again = batches.seal()
        #expect(again?.first == nil)
    }

    @Test(arguments: [(1, 4, true), (1, 3, false), (2, 4, false)])
    func `a partition at its number of events makes the batch due`(types: Int, count: Int, isDue: Bool) throws {
        var batches = machine { $0.partitionEventsMax = 4 }
        try append(makeRecord((0..<count).map { ("t\($0 % types)", 1) }), 1, to: &batches)
        #expect(batches.isDue(at: 0) == isDue)
        _ = batches.seal()
        #expect(!batches.isDue(at: 1 << 40))
    }

    @Test func `the oldest event sets the deadline`() throws {
        var batches = machine { $0.ageMillisecondsMax = 100 }
        #expect(batches.deadline == nil)
        try append(makeRecord([("a", 1)]), 1, to: &batches, at: 50)
        try append(makeRecord([("b", 1)]), 2, to: &batches, at: 90)
        #expect(batches.deadline == 150)
        #expect(!batches.isDue(at: 149))
        #expect(batches.isDue(at: 150))
    }

    @Test func `bytes, memory and partitions make it due too`() throws {
        var byBytes = machine { $0.partitionBytesMax = 300 }
        try append(makeRecord([("a", 1), ("a", 1)]), 1, to: &byBytes)
        #expect(!byBytes.isDue(at: 0))
        try append(makeRecord([("a", 1)], more: #","data":"\#(String(repeating: "x", count: 300))""#), 2, to: &byBytes)
        #expect(byBytes.isDue(at: 0))
        var byMemory = machine { $0.memoryBytesMax = 20_000 }
        try append(makeRecord([("a", 1), ("b", 1), ("c", 1)]), 1, to: &byMemory)
        #expect(byMemory.isDue(at: 0) && byMemory.hasRoom(besides: 0) && !byMemory.hasRoom(besides: 8_000))
        var byPartitions = machine { $0.partitionsMax = 3 }
        try append(makeRecord([("a", 1), ("b", 1), ("b", 2)]), 1, to: &byPartitions)
        #expect(byPartitions.isDue(at: 0))
    }

    @Test func `when the open buffers take much together, those worth a row group are closed`() throws {
        var batches = machine { $0.openBytesMax = 3 << 20 }
        let half = #","data":"\#(String(repeating: "x", count: 600_000))""#
        try append(makeRecord([("a", 1), ("a", 2), ("a", 3), ("a", 1)], more: half), 1, to: &batches)
        #expect(batches.buffers.allSatisfy { $0.closed.isEmpty })
        try append(makeRecord([("a", 3), ("b", 3)], more: half), 2, to: &batches)
        #expect(batches.buffers.map(\.closed.count) == [1, 0, 1, 0])
        let closed = batches.takeNewlyClosed()
        #expect(closed.map(\.count) == [2, 2] && closed.allSatisfy { $0.bytes >= BatchMachine.rowGroupBytes })
        // What stays open counts on its own.
        try append(makeRecord([("a", 1)], more: half), 3, to: &batches)
        #expect(batches.buffers.map(\.closed.count) == [1, 0, 1, 0])
        let sealed = batches.seal()
        #expect(sealed?.buffers.map(\.count) == [3, 1, 2, 1])
    }

    @Test func `a full buffer is closed and its rows stay in order`() throws {
        var batches = machine { $0.openEventsMax = 3 }
        try append(makeRecord((0..<8).map { _ in ("a", 1) }), 1, to: &batches)
        #expect(batches.buffers.map(\.closed.count) == [2])
        #expect(batches.buffers.map(\.open.count) == [2])
        let sealed = batches.seal()
        let buffer = try #require(sealed?.buffers.first)
        #expect(buffer.closed.map(\.count) == [3, 3] && buffer.open.count == 2)
        let schema = try ParquetSchema(fields: [.string("id", .required)])
        var writer = try ParquetWriter(schema: schema)
        for closed in buffer.closed {
            let group = try closed.rowGroup(for: ["a"]) { rows throws(ParquetError) in
                try EncodedRowGroup(
                    [rows.leafColumn(.id, schema.leaves[0])], rowCount: rows.count, schema: schema,
                    options: ParquetWriterOptions())
            }
            try writer.append(try #require(group))
            let other = try closed.rowGroup(for: ["b"]) { _ throws(ParquetError) in
                throw ParquetError(.failed, at: "", "")
            }
            #expect(other == nil)
        }
        try writer.append(RowGroup(columns: [buffer.open.leafColumn(.id, schema.leaves[0])], rowCount: 2))
        let reader = try ParquetReader(try writer.finish().bytes)
        var ids: [String] = []
        for group in 0..<reader.metadata.rowGroups.count {
            let column = try reader.column(rowGroup: group, leaf: 0).values.byteArrays
            ids += (0..<(column?.count ?? 0)).compactMap { column?.string(at: $0) }
        }
        #expect(ids == (0..<8).map(String.init))
    }

    @Test func `rows that were encoded count for less, as long as they are not sealed`() throws {
        var batches = machine { $0.openEventsMax = 3 }
        try append(makeRecord((0..<7).map { _ in ("a", 1) }), 1, to: &batches)
        let closed = batches.takeNewlyClosed()
        let none = batches.takeNewlyClosed()
        #expect(closed.count == 2 && none.isEmpty)
        let before = batches.bytes
        let isOpen = batches.noteEncoded(closed[0], encodedBytes: 10)
        #expect(isOpen && batches.bytes == before - closed[0].bytes + 10)
        let sealed = batches.seal()
        #expect(sealed?.number == closed[1].batch)
        let isStillOpen = batches.noteEncoded(closed[1], encodedBytes: 10)
        #expect(!isStillOpen && batches.bytes == 0)
    }

    @Test func `after a reset the same records give the same batch`() throws {
        let records = try (0..<3).map { try makeRecord([("a", $0), ("b", 1)], from: $0 * 2) }
        var batches = machine()
        for (index, record) in records.enumerated() { try append(record, UInt64(index + 1), to: &batches) }
        batches.reset(to: 2)
        #expect(batches.buffers.isEmpty)
        for (index, record) in records.dropFirst().enumerated() { try append(record, UInt64(index + 2), to: &batches) }
        let sealed = batches.seal()
        #expect(sealed?.first == 2 && sealed?.last == 3 && sealed?.events == 4)
    }

    @Test func `bytes that are no record are refused`() throws {
        var batches = machine()
        #expect(throws: EventBodyError.self) { try append([9, 9, 9], 1, to: &batches) }
    }

    @Test func `columns that can be null have their levels`() throws {
        var batches = machine()
        try append(makeRecord([("a", 1)]), 1, to: &batches)
        try append(makeRecord([("a", 1)], more: #","subject":"u","ext":"x","exu":1,"data":{}"#), 2, to: &batches)
        try append(makeRecord([("a", 1)], more: #","data_base64":"YQ==""#), 3, to: &batches)
        let sealed = batches.seal()
        let rows = try #require(sealed?.buffers.first?.open)
        let schema = try ParquetSchema(fields: [
            .string("s"), .string("r", .required),
            .map("m", .optional, key: .string("key", .required), value: .string("value")),
            .primitive("hour", .int32, .required),
        ])
        let subject = rows.leafColumn(.subject, schema.leaves[0])
        #expect(subject.definitionLevels == [0, 1, 0] && subject.values.byteArrays?.string(at: 0) == "u")
        let data = rows.leafColumn(.data, schema.leaves[0])
        #expect(data.definitionLevels == [0, 1, 1] && data.values.byteArrays?.string(at: 1) == "YQ==")
        let names = rows.leafColumn(.extensionName, schema.leaves[2])
        #expect(names.definitionLevels == [0, 2, 2, 2] && names.repetitionLevels == [0, 0, 1, 0])
        #expect((0..<3).compactMap { names.values.byteArrays?.string(at: $0) } == ["ext", "exu", "data_base64"])
        let values = rows.leafColumn(.extensionValue, schema.leaves[3])
        #expect(values.definitionLevels == [0, 3, 3, 3])
        #expect((0..<3).compactMap { values.values.byteArrays?.string(at: $0) } == ["x", "1", "true"])
        #expect(rows.leafColumn(.country, schema.leaves[0]).values.count == 3)
        #expect(rows.leafColumn(.city, schema.leaves[0]).definitionLevels == [0, 0, 0])
        #expect(rows.leafColumn(.hour, schema.leaves[4]).values.int32s == [1, 1, 1])
    }
}

struct ContextExtensionTests {
    @Test func `agent and address become extensions, unless the event has its own`() throws {
        let parser = EventParser(secret: EventKeySecret(low: 1, high: 2))
        let now = Timestamp(microseconds: 7_000_000)
        let events = [
            #"{"specversion":"1.0","id":"1","type":"t","source":"s"}"#,
            #"{"specversion":"1.0","id":"2","type":"t","source":"s","useragent":"own","useragents":"x"}"#,
            #"{"specversion":"1.0","id":"3","type":"t","source":"s","data_base64":"AA=="}"#,
        ]
        let batch = try parser.parse(
            EventRequest(contentType: "application/json", body: Array("[\(events.joined(separator: ","))]".utf8)),
            at: now)
        var context = EventContext(receivedAt: now)
        context[.userAgent] = "curl"
        context[.clientAddress] = "192.0.2.1"
        var batches = BatchMachine(limits: BatchLimits(), nextSequence: 1)
        let record = batch.record(context: context)
        try record.withUnsafeBytes { try batches.append($0, sequence: 1, at: 0) }
        let rows = try #require(batches.seal()?.buffers.first?.open)
        func text(_ column: ByteArrayColumn, _ index: Int) -> String {
            String(decoding: column.bytes[Int(column.offsets[index])..<Int(column.offsets[index + 1])], as: UTF8.self)
        }
        var found: [[String: String]] = []
        var at = 0
        for count in rows.extensionCounts {
            found.append([:])
            for _ in 0..<count {
                found[found.count - 1][text(rows.extensionNames, at)] = text(rows.extensionValues, at)
                at += 1
            }
        }
        #expect(
            found == [
                ["useragent": "curl", "clientaddress": "192.0.2.1"],
                ["useragent": "own", "useragents": "x", "clientaddress": "192.0.2.1"],
                ["data_base64": "true", "useragent": "curl", "clientaddress": "192.0.2.1"],
            ])
    }
}
