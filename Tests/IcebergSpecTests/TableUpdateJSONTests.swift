import Clocks
import IcebergSpec
import JSONFormat
import Testing

struct TableUpdateJSONTests {
    static let updates: [(String, TableUpdate)] = [
        (#"{"action":"assign-uuid","uuid":"9c12d441-03fe-4693-9a96-a0705ddf69c1"}"#, .assignUUID(Fixture.uuid)),
        (#"{"action":"upgrade-format-version","format-version":3}"#, .upgradeFormatVersion(3)),
        (#"{"action":"set-current-schema","schema-id":-1}"#, .setCurrentSchema(id: -1)),
        (
            #"{"action":"add-spec","spec":{"fields":[{"source-id":1,"name":"a","transform":"bucket[4]"}]}}"#,
            .addPartitionSpec(UnboundPartitionSpec(fields: [.init(sourceID: 1, name: "a", transform: .bucket(4))]))
        ),
        (#"{"action":"set-default-spec","spec-id":2}"#, .setDefaultSpec(id: 2)),
        (
            #"{"action":"add-sort-order","sort-order":{"order-id":1,"fields":[{"transform":"identity","source-id":1,"direction":"desc","null-order":"nulls-last"}]}}"#,
            .addSortOrder(
                SortOrder(id: 1, fields: [SortField(sourceID: 1, direction: .descending, nullOrder: .last)]))
        ),
        (#"{"action":"set-default-sort-order","sort-order-id":-1}"#, .setDefaultSortOrder(id: -1)),
        (
            #"{"action":"add-snapshot","snapshot":{"sequence-number":1,"snapshot-id":7,"parent-snapshot-id":6,"timestamp-ms":5,"summary":{"operation":"append"},"manifest-list":"m","schema-id":0}}"#,
            .addSnapshot(
                Snapshot(
                    snapshotID: 7, parentSnapshotID: 6, sequenceNumber: 1, timestampMilliseconds: 5, manifestList: "m",
                    summary: ["operation": "append"], schemaID: 0))
        ),
        (
            #"{"action":"set-snapshot-ref","ref-name":"main","snapshot-id":7,"type":"branch","min-snapshots-to-keep":2}"#,
            .setSnapshotReference(name: "main", SnapshotReference(snapshotID: 7, minSnapshotsToKeep: 2))
        ),
        (#"{"action":"remove-snapshots","snapshot-ids":[1,2]}"#, .removeSnapshots([1, 2])),
        (#"{"action":"remove-snapshot-ref","ref-name":"t"}"#, .removeSnapshotReference(name: "t")),
        (#"{"action":"set-location","location":"s3://b/t"}"#, .setLocation("s3://b/t")),
        (#"{"action":"set-properties","updates":{"a":"b"}}"#, .setProperties(["a": "b"])),
        (#"{"action":"remove-properties","removals":["a"]}"#, .removeProperties(["a"])),
        (
            #"{"action":"set-statistics","snapshot-id":7,"statistics":{"snapshot-id":7,"statistics-path":"p","file-size-in-bytes":10,"file-footer-size-in-bytes":4,"blob-metadata":[{"type":"t","snapshot-id":7,"sequence-number":1,"fields":[1]}]}}"#,
            .setStatistics(
                StatisticsFile(
                    snapshotID: 7, path: "p", sizeBytes: 10, footerSizeBytes: 4,
                    blobs: [.init(type: "t", snapshotID: 7, sequenceNumber: 1, fields: [1])]))
        ),
        (#"{"action":"remove-statistics","snapshot-id":7}"#, .removeStatistics(snapshotID: 7)),
        (
            #"{"action":"set-partition-statistics","partition-statistics":{"snapshot-id":7,"statistics-path":"p","file-size-in-bytes":10}}"#,
            .setPartitionStatistics(PartitionStatisticsFile(snapshotID: 7, path: "p", sizeBytes: 10))
        ),
        (#"{"action":"remove-partition-statistics","snapshot-id":7}"#, .removePartitionStatistics(snapshotID: 7)),
        (#"{"action":"remove-partition-specs","spec-ids":[1]}"#, .removePartitionSpecs([1])),
        (#"{"action":"remove-schemas","schema-ids":[1]}"#, .removeSchemas([1])),
        (#"{"action":"enable-row-lineage"}"#, .enableRowLineage),
        (
            #"{"action":"add-encryption-key","encryption-key":{"key-id":"k","encrypted-key-metadata":"AA=="}}"#,
            .addEncryptionKey(EncryptedKey(keyID: "k", encryptedKeyMetadata: "AA=="))
        ),
        (#"{"action":"remove-encryption-key","key-id":"k"}"#, .removeEncryptionKey(id: "k")),
    ]

    @Test(arguments: updates)
    func `an update has the form of the REST protocol`(_ text: String, _ update: TableUpdate) throws {
        #expect(try TableUpdate(json: JSONValue.parse(text)) == update)
        #expect(update.json.serializedString() == text)
    }

    @Test func `a schema update carries the last column id for old servers`() throws {
        let update = TableUpdate.addSchema(try Fixture.schema())
        #expect(update.json["last-column-id"] == 6)
        #expect(try TableUpdate(json: update.json) == update)
    }

    @Test func `a mistake is named with its place`() {
        let error = requireIcebergError {
            _ = try TableUpdate(
                json: ["action": "add-snapshot", "snapshot": ["snapshot-id": 1, "timestamp-ms": "soon"]])
        }
        #expect(error?.description == "$.snapshot: the member \"manifest-list\" is missing")
    }
}
