import Clocks
import IcebergSpec
import JSONFormat

/// A small table, and what changes it.
enum Fixture {
    static let uuid = UUID(high: 0x9c12_d441_03fe_4693, low: 0x9a96_a070_5ddf_69c1)
    static let created = Timestamp(milliseconds: 1_700_000_000_000)

    static func later(_ seconds: Int64) -> Timestamp {
        Timestamp(milliseconds: created.milliseconds + seconds * 1000)
    }

    static func schema() throws -> Schema {
        try Schema(fields: [
            .required(1, "id", .string), .required(2, "time", .timestamptz), .required(3, "type", .string),
            .optional(4, "extensions", .map(keyID: 5, .string, valueID: 6, .string)),
        ])
    }

    static func table(
        formatVersion: Int = 2, properties: [String: String] = [:]
    ) throws -> TableMetadata {
        try TableMetadata.new(
            location: "s3://bucket/table/", schema: schema(),
            spec: UnboundPartitionSpec(fields: [
                .init(sourceID: 3, name: "type", transform: .identity),
                .init(sourceID: 2, name: "time_hour", transform: .hour),
            ]), properties: properties, formatVersion: formatVersion, uuid: uuid, at: created)
    }

    static func snapshot(
        _ id: Int64, parent: Int64? = nil, sequence: Int64, at time: Timestamp, firstRow: Int64? = nil,
        rows: Int64? = nil
    ) -> Snapshot {
        Snapshot(
            snapshotID: id, parentSnapshotID: parent, sequenceNumber: sequence,
            timestampMilliseconds: time.milliseconds, manifestList: "s3://bucket/table/metadata/\(id).avro",
            summary: ["operation": "append"], schemaID: 0, firstRowID: firstRow, addedRows: rows)
    }

    /// Adds the snapshot and makes it current.
    static func append(_ snapshot: Snapshot) -> [TableUpdate] {
        [
            .addSnapshot(snapshot),
            .setSnapshotReference(name: "main", SnapshotReference(snapshotID: snapshot.snapshotID)),
        ]
    }

    /// The table after `count` appends: snapshots 1 to `count`, one a second.
    static func table(appends count: Int64) throws -> TableMetadata {
        var table = try table()
        for id in 1...count {
            let snapshot = snapshot(id, parent: id > 1 ? id - 1 : nil, sequence: id, at: later(id))
            table = try table.applying(append(snapshot), at: later(id))
        }
        return table
    }
}

func requireIcebergError(
    _ body: () throws -> Void
) -> IcebergError? {
    do {
        try body()
        return nil
    } catch {
        return error as? IcebergError
    }
}
