import IcebergSpec
import JSONFormat
import Testing

/// Documents with one wrong byte or a missing end are refused with a reason, or still mean something: nothing traps.
struct DamageTests {
    static func documents() throws -> [(name: String, bytes: [UInt8], read: ([UInt8]) throws -> Void)] {
        let filter = Predicate.and([
            .isIn(Term("s", transform: .bucket(16)), [.long(1), .long(2)]), .not(.startsWith("s", "a")),
            .compare(.notEqual, "t", .date(19_737)),
        ])
        func predicate(_ bytes: [UInt8]) throws { _ = try Predicate(json: JSONValue.parse(bytes)) }
        return [
            (
                "table", try TableMetadataFile.encode(Fixture.table(formatVersion: 3)),
                { _ = try TableMetadataFile.decode($0) }
            ),
            (
                "gzip", try TableMetadataFile.encode(Fixture.table(), compressed: true),
                { _ = try TableMetadataFile.decode($0) }
            ),
            ("view", try ViewMetadataFile.encode(ViewTests.view()), { _ = try ViewMetadataFile.decode($0) }),
            ("terms", filter.json(.terms).serialized(), predicate),
            ("expressions", filter.json(.expressions).serialized(), predicate),
            (
                "mapping", Array(NameMappingTests.example.utf8),
                { _ = try NameMapping(text: String(decoding: $0, as: UTF8.self)) }
            ),
            (
                "update", TableUpdate.addSchema(try SchemaUpdateTests.base()).json.serialized(),
                { _ = try TableUpdate(json: JSONValue.parse($0)) }
            ),
        ]
    }

    @Test(arguments: ["table", "gzip", "view", "terms", "expressions", "mapping", "update"])
    func `a document with one wrong byte or a missing end is refused or read`(_ name: String) throws {
        let document = try #require(try Self.documents().first { $0.name == name })
        try document.read(document.bytes)
        var refused = 0
        func read(_ bytes: [UInt8]) {
            do { try document.read(bytes) } catch { refused += 1 }
        }
        for index in document.bytes.indices {
            for mask: UInt8 in [0x01, 0x02, 0x10, 0x80] {
                var damaged = document.bytes
                damaged[index] ^= mask
                read(damaged)
            }
            read(Array(document.bytes[..<index]))
        }
        #expect(refused > document.bytes.count, "every missing end and many wrong bytes are refused")
    }
}
