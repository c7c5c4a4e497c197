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
