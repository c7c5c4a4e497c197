import Clocks
import JSONFormat
import Testing

@testable import IcebergSpec

/// Large metadata files, whose snapshots are kept as text, say the same as when they are parsed.
struct TableMetadataTextTests {
    private static func bothWays(_ text: [UInt8]) throws -> (kept: TableMetadata, parsed: TableMetadata) {
        (try TableMetadata(text: text, parsedBytesMax: 0), try TableMetadata(text: text, parsedBytesMax: .max))
    }

    private static func text(_ table: TableMetadata, replacing old: String = "", by new: String = "") -> [UInt8] {
        let text = String(decoding: table.serialized(), as: UTF8.self)
        guard !old.isEmpty, let range = text.firstRange(of: old) else { return Array(text.utf8) }
        return Array((text[..<range.lowerBound] + new + text[range.upperBound...]).utf8)
    }

    @Test func `snapshots are kept as text and say the same`() throws {
        let (kept, parsed) = try Self.bothWays(Self.text(Fixture.table(appends: 5)))
        #expect(kept.snapshots.allSatisfy { $0.text != nil } && parsed.snapshots.allSatisfy { $0.text == nil })
        #expect(kept == parsed && kept.json == parsed.json && Set(kept.snapshots) == Set(parsed.snapshots))
        #expect(try JSONValue.parse(kept.serialized()) == parsed.json)
        #expect(
            try JSONValue.parse(kept.withReferencedSnapshotsOnly.serialized())
                == parsed.withReferencedSnapshotsOnly.json)
    }

    @Test func `old snapshots are written as they came, new ones beside them`() throws {
        let spaced = Self.text(try Fixture.table(appends: 3), replacing: "{\"operation\":", by: "{ \"operation\" : ")
        let (kept, parsed) = try Self.bothWays(spaced)
        let update = Fixture.append(Fixture.snapshot(4, parent: 3, sequence: 4, at: Fixture.later(4)))
        let next = try kept.applying(update, at: Fixture.later(4))
        #expect(next.snapshots.map { $0.text != nil } == [true, true, true, false])
        #expect(String(decoding: next.serialized(), as: UTF8.self).contains("{ \"operation\" : "))
        #expect(try next == parsed.applying(update, at: Fixture.later(4)))
        #expect(try JSONValue.parse(next.serialized()) == next.json)
    }

    @Test func `a changed snapshot is not its text any more`() throws {
        var snapshot = try #require(try Self.bothWays(Self.text(Fixture.table(appends: 1))).kept.snapshots.first)
        let before = snapshot
        snapshot.sequenceNumber = 7
        #expect(snapshot.text == nil && snapshot != before && snapshot.summary == before.summary)
        #expect(snapshot.json["sequence-number"] == 7)
        snapshot = before
        snapshot.summary["added-records"] = "1"
        #expect(snapshot.text == nil && snapshot != before && snapshot.manifestList == before.manifestList)
    }

    @Test(arguments: [
        ("\"summary\":{", "\"x-unknown\":[{}],\"summary\":{"),
        ("\"summary\":{", "\"parent-snapshot-id\":null,\"summary\":{"),
        ("\"summary\":{", "\"summary\":{\"n\":1,"), ("\"summary\":{", "\"summary\":{\"a\\u0062\":\"\\n\","),
        ("\"summary\":{", "\"first-row-id\":\"1\",\"summary\":{"),
        ("\"summary\":{", "\"schema-id\":3000000000,\"summary\":{"),
        ("\"summary\":{", "\"snapshot-id\":9,\"summary\":{"), ("\"summary\":{", "\"summary\":{\"a\":\"\\ud800\","),
        ("\"operation\"", "\"operations\""), ("\"sequence-number\":1,", ""),
        ("\"sequence-number\":1,", "\"sequence-number\":1.0,"),
        ("\"sequence-number\":1,", "\"sequence-number\":9223372036854775808,"), ("\"manifest-list\"", "\"manifests\""),
        ("\"sequence-number\":1,", "\"sequence-number\":-0,"), ("\"summary\":{", "\"first-row-id\":-0,\"summary\":{"),
        ("\"operation\":", "\"operation\":\"x\",\"operation\":"), ("\"summary\":{", "\"summary\":{\"\":\"\","),
        ("\"summary\":{", "\"added-rows\":-9223372036854775808,\"key-id\":\"\",\"summary\":{"),
        ("\"snapshot-log\":[", "\"snapshot-log\":[{},"),
        ("\"snapshot-log\":[", "\"snapshot-log\":[],\"snapshot-log\":["),
        ("\"snapshots\":[", "\"snapsh\\u006fts\":[],\"snapshots\":["),
        ("\"snapshots\":[", "\"snapshots\":null,\"x\":["),
        ("\"format-version\":2", "\"format-version\":1"), ("\"refs\":", "\"refs-\":"),
        ("\"snapshots\":[", "\"snapshots\":[[],"),
    ])
    func `what is out of the ordinary is read, or refused, as in small files`(_ old: String, _ new: String) throws {
        let text = Self.text(try Fixture.table(appends: 3), replacing: old, by: new)
        #expect(text != Self.text(try Fixture.table(appends: 3)))
        Self.expectSame(text)
    }

    @Test func `a file with one wrong byte or a missing end is refused, or read, as a small one`() throws {
        let text = try Fixture.table(appends: 2).serialized()
        for index in text.indices {
            for mask: UInt8 in [0x01, 0x02, 0x10, 0x80] {
                var damaged = text
                damaged[index] ^= mask
                Self.expectSame(damaged)
            }
            Self.expectSame(Array(text[..<index]))
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `whatever is done to a table, what is copied from its text says what is written anew`(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var table = try Self.bothWays(Self.text(Fixture.table(appends: 5))).kept
        for step in 6..<40 as Range<Int64> {
            table = try table.applying(Self.change(step, of: table, &random), at: Fixture.later(step))
            try table.validate()
            let written = table.written(parsedBytesMax: 0)
            let (text, kept) = (written.text, written.metadata)
            let anew = try TableMetadata(text: text, parsedBytesMax: .max)
            #expect(try JSONValue.parse(text) == table.json && JSONValue.parse(text) == anew.json)
            #expect(kept == anew && kept == table && kept.serialized() == text)
            #expect(kept.snapshots.allSatisfy { ($0.text != nil) != ($0.summary["odd"] == "\n") })
            #expect(kept.snapshots.map(\.operation) == anew.snapshots.map(\.operation))
            table = kept
        }
    }

    private static func change(
        _ step: Int64, of table: TableMetadata, _ random: inout SeededRandom
    ) -> [TableUpdate] {
        var summary = ["operation": ["append", "replace", "delete", "other"].randomElement(using: &random) ?? ""]
        let kind = Int.random(in: 0..<10, using: &random)
        if kind == 0 { summary["odd"] = "\n" }
        if kind == 1 { return [.setProperties(["a": "\(step)"])] }
        if kind == 2, let old = table.snapshots.dropLast().randomElement(using: &random) {
            return [.removeSnapshots([old.snapshotID])]
        }
        if kind == 3, let old = table.snapshots.randomElement(using: &random) {
            return [.setSnapshotReference(name: "t", SnapshotReference(snapshotID: old.snapshotID, kind: .tag))]
        }
        let id = Int64.random(in: 1 ... .max, using: &random)
        let snapshot = Snapshot(
            snapshotID: id, parentSnapshotID: table.currentSnapshotID, sequenceNumber: table.lastSequenceNumber + 1,
            timestampMilliseconds: Fixture.later(step).milliseconds, manifestList: "s3://bucket/\(id).avro",
            summary: summary, schemaID: 0)
        return kind == 4 ? [.addSnapshot(snapshot)] : Fixture.append(snapshot)
    }

    private static let damage: [@Sendable (inout TableMetadata) -> Void] = [
        { $0.snapshots.append($0.snapshots[1]) }, { $0.snapshots[3].sequenceNumber = 5 },
        { $0.snapshots[0].snapshotID = 4 }, { $0.references["main"]?.snapshotID = 9 }, { $0.currentSnapshotID = nil },
        { $0.references["b"] = SnapshotReference(snapshotID: 9) }, { $0.references["main"]?.kind = .tag },
        { $0.snapshots.removeLast() }, { $0.snapshots.removeFirst(2) }, { $0.lastSequenceNumber = 2 },
        { $0.snapshots.swapAt(0, 3) }, { $0.snapshots += $0.snapshots + $0.snapshots + $0.snapshots + $0.snapshots },
        { $0.formatVersion = 1 }, { $0.snapshotLog.swapAt(0, 3) }, { $0.lastUpdatedMilliseconds = 0 }, { _ in },
    ]

    @Test(arguments: damage.indices)
    func `what was added to a valid table is refused as in a table that is looked at whole`(_ damage: Int) throws {
        let base = try Fixture.table(appends: 3)
        var next = try Fixture.table(appends: 4)
        Self.damage[damage](&next)
        let whole = requireIcebergError { try next.validate() }
        let added = requireIcebergError { try next.validate(since: base) }
        #expect(whole?.description == added?.description)
    }

    private static func expectSame(_ text: [UInt8]) {
        let kept = Result { try TableMetadata(text: text, parsedBytesMax: 0) }
        let parsed = Result { try TableMetadata(text: text, parsedBytesMax: .max) }
        switch (kept, parsed) {
        case (.success(let kept), .success(let parsed)):
            #expect(kept.json == parsed.json && kept == parsed)
        case (.failure(let kept), .failure(let parsed)):
            #expect("\(kept)" == "\(parsed)")
        default: Issue.record("only one way is it refused: \(kept) \(parsed)")
        }
    }
}
