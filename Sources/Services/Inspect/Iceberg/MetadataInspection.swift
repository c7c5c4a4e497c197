import Clocks
import IcebergSpec
import JSONFormat

/// `metadata`: all that a metadata file says, apart from the snapshots, which have a command of their own
/// (specification: "Table Metadata Fields").
enum MetadataInspection {
    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        let table = try await InspectedTable(invocation.operands[0], environment: invocation.environment)
        report["metadata-file"] = .string(table.metadataLocation)
        summarize(table.metadata, into: &report)
        definitions(table.metadata, into: &report)
        history(table.metadata, into: &report)
    }

    private static func summarize(_ metadata: TableMetadata, into report: inout JSONObject) {
        report["format-version"] = JSONValue(metadata.formatVersion)
        report["table-uuid"] = JSONValue(metadata.tableUUID?.description)
        report["location"] = .string(metadata.location)
        report["last-updated"] = .time(milliseconds: metadata.lastUpdatedMilliseconds)
        report["last-sequence-number"] = JSONValue(metadata.lastSequenceNumber)
        report["last-column-id"] = JSONValue(metadata.lastColumnID)
        report["last-partition-id"] = JSONValue(metadata.lastPartitionID)
        if let next = metadata.nextRowID { report["next-row-id"] = JSONValue(next) }
        report["current-snapshot-id"] = JSONValue(metadata.currentSnapshotID)
        report["snapshots"] = JSONValue(metadata.snapshots.count)
        report["properties"] = JSONValue(metadata.properties)
    }

    private static func definitions(_ metadata: TableMetadata, into report: inout JSONObject) {
        report["current-schema-id"] = JSONValue(metadata.currentSchemaID)
        report["schemas"] = .array(
            metadata.schemas.map { schema in
                ["schema-id": JSONValue(schema.schemaID), "fields": SchemaRendering.fields(of: schema)]
            })
        report["default-spec-id"] = JSONValue(metadata.defaultSpecID)
        report["partition-specs"] = .array(
            metadata.partitionSpecs.map { spec in
                [
                    "spec-id": JSONValue(spec.specID),
                    "field-ids": .array(spec.fields.map { JSONValue($0.fieldID) }),
                    "fields": .string(spec.rendered(metadata.anySchema(with: spec.fields.flatMap(\.sourceIDs)))),
                ]
            })
        report["default-sort-order-id"] = JSONValue(metadata.defaultSortOrderID)
        report["sort-orders"] = .array(
            metadata.sortOrders.map { order in
                [
                    "order-id": JSONValue(order.orderID),
                    "fields": .string(order.rendered(metadata.anySchema(with: order.fields.flatMap(\.sourceIDs)))),
                ]
            })
    }

    private static func history(_ metadata: TableMetadata, into report: inout JSONObject) {
        report["refs"] = .array(metadata.references.sorted { $0.key < $1.key }.map { describe($0.key, $0.value) })
        report["snapshot-log"] = .array(
            metadata.snapshotLog.map { entry in
                [
                    "time": .time(milliseconds: entry.timestampMilliseconds),
                    "snapshot-id": JSONValue(entry.snapshotID),
                    "state": metadata.snapshot(id: entry.snapshotID) == nil ? "expired" : "kept",
                ]
            })
        report["metadata-log"] = .array(
            metadata.metadataLog.map { entry in
                [
                    "time": .time(milliseconds: entry.timestampMilliseconds),
                    "metadata-file": .string(entry.metadataFile),
                ]
            })
        report["statistics"] = .array(metadata.statistics.map(describe))
        report["partition-statistics"] = .array(
            metadata.partitionStatistics.map { file in
                [
                    "snapshot-id": JSONValue(file.snapshotID), "file-size-in-bytes": JSONValue(file.sizeBytes),
                    "statistics-path": .string(file.path),
                ]
            })
    }

    private static func describe(_ name: String, _ reference: SnapshotReference) -> JSONValue {
        [
            "name": .string(name), "type": .string(reference.kind.rawValue),
            "snapshot-id": JSONValue(reference.snapshotID),
            "min-snapshots-to-keep": JSONValue(reference.minSnapshotsToKeep),
            "max-snapshot-age-ms": JSONValue(reference.maxSnapshotAgeMilliseconds),
            "max-ref-age-ms": JSONValue(reference.maxReferenceAgeMilliseconds),
        ]
    }

    private static func describe(_ file: StatisticsFile) -> JSONValue {
        [
            "snapshot-id": JSONValue(file.snapshotID), "file-size-in-bytes": JSONValue(file.sizeBytes),
            "blobs": .array(file.blobs.map { .string("\($0.type) of \($0.fields)") }),
            "statistics-path": .string(file.path),
        ]
    }
}

extension TableMetadata {
    /// A schema that names all of these columns: the current one, else the newest that does.
    fileprivate func anySchema(with ids: [Int]) -> Schema {
        let candidates = [currentSchema] + schemas.reversed()
        return candidates.first { schema in ids.allSatisfy { schema.field(id: $0) != nil } } ?? currentSchema
    }
}
