import Clocks
import Foundation
import IcebergSpec
import JSONFormat
import Testing

/// What versions add, and what becomes of a table that goes from one to the next (specification: "Appendix E").
struct FormatVersionTests {
    private static func append(_ id: Int64, to table: TableMetadata, rows: Int64) throws -> TableMetadata {
        let isThird = table.formatVersion >= 3
        return try table.applying(
            Fixture.append(
                Fixture.snapshot(
                    id, parent: table.currentSnapshotID, sequence: table.lastSequenceNumber + 1, at: Fixture.later(id),
                    firstRow: isThird ? table.nextRowID : nil, rows: isThird ? rows : nil)), at: Fixture.later(id))
    }

    @Test func `a table goes from version 1 to 3 with its snapshots`() throws {
        var table = try Self.append(1, to: Fixture.table(formatVersion: 1), rows: 5)
        #expect(table.json["last-sequence-number"] == nil)
        #expect(table.snapshots.map(\.sequenceNumber) == [0])
        table = try table.applying([.upgradeFormatVersion(2)], at: Fixture.later(2))
        #expect(table.json["last-sequence-number"] == 0 && table.json["schema"] == nil)
        #expect(table.json["snapshots"]?.array?.first?["sequence-number"] == 0)
        table = try Self.append(3, to: table, rows: 5)
        #expect(table.lastSequenceNumber == 1 && table.nextRowID == nil)
        table = try table.applying([.upgradeFormatVersion(3)], at: Fixture.later(4))
        #expect(table.nextRowID == 0)
        #expect(table.snapshots.allSatisfy { $0.firstRowID == nil && $0.addedRows == nil })
        table = try Self.append(5, to: table, rows: 7)
        table = try Self.append(6, to: table, rows: 2)
        #expect(table.nextRowID == 9)
        #expect(table.snapshots.map(\.firstRowID) == [nil, nil, 0, 7])
        #expect(try TableMetadata(json: JSONValue.parse(table.json.serialized())) == table)
        let error = requireIcebergError { _ = try table.applying([.upgradeFormatVersion(2)], at: Fixture.later(9)) }
        #expect(error?.code == .invalid)
        #expect(throws: IcebergError.self) { try table.applying([.upgradeFormatVersion(4)], at: Fixture.later(9)) }
    }

    @Test(arguments: [
        IcebergType.timestampNanos, .timestamptzNanos, .unknown, .variant, .geometry(crs: "EPSG:4326"),
        .geometry(crs: nil),
        .geography(crs: nil, algorithm: nil), .geography(crs: "OGC:CRS84", algorithm: "karney"),
    ])
    func `a type of version 3 is of version 3`(_ type: IcebergType) throws {
        #expect(try IcebergType(json: type.json) == type)
        let schema = try Schema(fields: [.required(1, "id", .long), .optional(2, "c", type)])
        #expect(schema.minimumFormatVersion == 3)
        for version in 1...3 {
            func make() throws -> TableMetadata {
                try TableMetadata.new(
                    location: "s3://b/t", schema: schema, formatVersion: version, uuid: Fixture.uuid,
                    at: Fixture.created)
            }
            if version < 3 {
                #expect(throws: IcebergError.self) { try make() }
            } else {
                let table = try make()
                #expect(try TableMetadata(json: table.json) == table)
            }
        }
    }

    @Test func `a column that is always null cannot be required`() throws {
        let schema = try Schema(fields: [.required(1, "c", .unknown)])
        #expect(throws: IcebergError.self) {
            try TableMetadata.new(
                location: "s3://b/t", schema: schema, formatVersion: 3, uuid: Fixture.uuid, at: Fixture.created)
        }
    }

    @Test func `defaults are written and read`() throws {
        let json: JSONValue = [
            "type": "struct", "schema-id": 0,
            "fields": [
                [
                    "id": 1, "name": "n", "required": true, "type": "int", "initial-default": 7, "write-default": 8,
                ],
                [
                    "id": 2, "name": "s", "required": false,
                    "type": [
                        "type": "struct",
                        "fields": [
                            [
                                "id": 3, "name": "d", "required": false, "type": "decimal(9, 2)",
                                "initial-default": "14.20", "write-default": "0.01",
                            ]
                        ],
                    ], "initial-default": [:], "write-default": [:],
                ],
            ],
        ]
        let schema = try Schema(json: json)
        #expect(schema.json == json)
        #expect(schema.minimumFormatVersion == 3)
        #expect(schema.field(named: "s.d")?.initialDefault == "14.20")
    }

    @Test func `encryption keys are carried, added once and removed`() throws {
        let key = EncryptedKey(
            keyID: "5f819b", encryptedKeyMetadata: "aWNlYmVyZwo=", encryptedByID: "kek", properties: ["a": "b"])
        let table = try Fixture.table(formatVersion: 3)
        let next = try table.applying([.addEncryptionKey(key), .addEncryptionKey(key)], at: Fixture.later(1))
        #expect(next.encryptionKeys == [key])
        #expect(try TableMetadata(json: next.json) == next)
        #expect(try next.applying([.removeEncryptionKey(id: "5f819b")], at: Fixture.later(2)).encryptionKeys == [])
        #expect(throws: IcebergError.self) {
            try Fixture.table().applying([.addEncryptionKey(key)], at: Fixture.later(1))
        }
    }

    @Test func `version 1 without schemas, specs, orders and ids is read`() throws {
        let text = """
            {"format-version":1,"location":"s3://b/t","last-updated-ms":5,"last-column-id":2,
            "schema":{"type":"struct","fields":[{"id":1,"name":"x","required":true,"type":"long"},
            {"id":2,"name":"d","required":false,"type":"date"}]},
            "partition-spec":[{"name":"x","transform":"identity","source-id":1},
            {"name":"d_m","transform":"months","source-id":2}],"current-snapshot-id":3,
            "snapshots":[{"snapshot-id":3,"timestamp-ms":4,"manifests":["s3://b/t/m1.avro","s3://b/t/m2.avro"]}],
            "snapshot-log":null,"properties":null}
            """
        let table = try TableMetadata(json: JSONValue.parse(text))
        #expect(table.tableUUID == nil && table.lastSequenceNumber == 0)
        #expect(table.defaultSpec.fields.map(\.fieldID) == [1000, 1001] && table.lastPartitionID == 1001)
        #expect(table.defaultSpec.fields.map(\.transform) == [.identity, .month])
        #expect(table.sortOrders == [.unsorted] && table.currentSchema.schemaID == 0)
        #expect(table.currentSnapshot?.manifests == ["s3://b/t/m1.avro", "s3://b/t/m2.avro"])
        #expect(table.snapshot(reference: "main")?.snapshotID == 3)
        #expect(try TableMetadata(json: JSONValue.parse(table.json.serialized())) == table)
        let next = try table.applying(
            [.assignUUID(Fixture.uuid), .upgradeFormatVersion(2)], at: Fixture.later(1))
        #expect(next.json["table-uuid"] != nil && next.json["partition-specs"]?.array?.count == 1)
    }
}

extension CorpusTests {
    static let responses = Corpus.files(under: "spec-resources/iceberg-rust/rest") { $0.hasSuffix(".json") }

    @Test(arguments: responses)
    func `the metadata in a reply of a REST catalog is read`(_ url: URL) throws {
        let reply = try TableMetadataFile.decodeJSON(Corpus.bytes(url))
        let json = try #require(reply["metadata"])
        let metadata = try TableMetadata(json: json)
        #expect(try TableMetadata(json: metadata.json) == metadata)
        // An empty list of specs stands for the one that does not partition.
        let isEmpty = json["partition-specs"] == []
        #expect(Difference.lost(from: json, in: metadata.json) == (isEmpty ? ["$.partition-specs: 0 became 1"] : []))
    }

    @Test func `the replies are there`() {
        #expect(Self.responses.count == 3)
    }
}
