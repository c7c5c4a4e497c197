import Batching
import IcebergCatalog
import IcebergSpec
import ObjectStore

/// The table of events: columns, partitions, properties.
package enum EventTable {
    /// The columns in their order; ids 1 to 27, the map's key and value included. Field ids of a created table are the
    /// catalog's choice: columns are found by name.
    package static func schema() throws(IcebergError) -> Schema {
        var fields: [NestedField] = [
            .required(1, "id", .string, doc: "CloudEvents id; unique within its source"),
            .required(2, "type", .string, doc: "CloudEvents type"),
            .required(3, "source", .string, doc: "CloudEvents source"),
            .required(4, "specversion", .string, doc: "CloudEvents specversion"),
            .optional(5, "time", .timestamptz, doc: "When it happened"),
            .optional(6, "subject", .string),
            .optional(7, "datacontenttype", .string),
            .optional(8, "dataschema", .string),
            .optional(9, "data", .string, doc: "JSON text; base64 where extensions has data_base64"),
            .optional(10, "extensions", .map(keyID: 11, .string, valueID: 12, .string)),
        ]
        let context = [
            "cf_colo", "cf_country", "cf_city", "cf_continent", "cf_postal_code", "cf_region", "cf_timezone",
            "cf_http_protocol", "cf_tls_version", "cf_tls_cipher",
        ]
        for (offset, name) in context.enumerated() { fields.append(.optional(13 + offset, name, .string)) }
        for (offset, name) in ["year", "month", "day", "hour"].enumerated() {
            fields.append(.required(23 + offset, name, .int))
        }
        fields.append(.optional(27, "received_at", .timestamptz, doc: "When the collector received it"))
        return try Schema(fields: fields)
    }

    package static let partitionSpec = PartitionSpec(fields: [
        PartitionField(sourceID: 2, fieldID: 1000, name: "type", transform: .identity),
        PartitionField(sourceID: 5, fieldID: 1001, name: "time_hour", transform: .hour),
    ])

    package static let properties = [
        "write.format.default": "parquet",
        "write.parquet.compression-codec": "zstd",
        "write.metadata.compression-codec": "gzip",
        "write.metadata.delete-after-commit.enabled": "true",
        "write.metadata.previous-versions-max": "100",
        "write.target-file-size-bytes": "134217728",
        "write.distribution-mode": "hash",
        "commit.retry.num-retries": "10",
        "commit.retry.min-wait-ms": "100",
        "commit.retry.max-wait-ms": "60000",
        "commit.rebase.enabled": "true",
    ]

    package static func creation(location: String?) throws(IcebergError) -> TableCreation {
        TableCreation(
            schema: try schema(), partitionSpec: partitionSpec, location: location, properties: properties)
    }

    /// The change that gives an event table of an earlier release the optional columns it lacks; nil when it lacks none, or
    /// is another kind of table, which is written as it is.
    package static func evolution(
        of metadata: TableMetadata
    ) throws(IcebergError) -> (updates: [TableUpdate], requirements: [TableRequirement])? {
        let current = metadata.currentSchema
        let names = Set(current.fields.map(\.name))
        guard names.isSuperset(of: ["id", "type", "source", "specversion", "time"]) else { return nil }
        var nextID = metadata.lastColumnID + 1
        var added: [NestedField] = []
        for field in try schema().fields where !field.required && !names.contains(field.name) {
            var field = field
            field.id = nextID
            nextID += 1
            if case .map(let map) = field.type {
                field.type = .map(keyID: nextID, map.key, valueID: nextID + 1, map.value)
                nextID += 2
            }
            added.append(field)
        }
        guard !added.isEmpty else { return nil }
        let schemaID = (metadata.schemas.map(\.schemaID).max() ?? 0) + 1
        let next = try Schema(
            id: schemaID, fields: current.fields + added, identifierFieldIDs: current.identifierFieldIDs)
        var requirements: [TableRequirement] = [
            .currentSchemaID(metadata.currentSchemaID), .lastAssignedFieldID(metadata.lastColumnID),
        ]
        if let uuid = metadata.tableUUID { requirements.append(.tableUUID(uuid)) }
        return ([.addSchema(next), .setCurrentSchema(id: -1)], requirements)
    }

    // MARK: - Coarser partitions

    private static let coarser: [(granularity: PartitionGranularity, name: String, transform: Transform)] = [
        (.day, "time_day", .day), (.month, "time_month", .month),
    ]

    /// The specs that divide a table by type and by hour, day or month, as far as it has them; nil for a table whose
    /// default is not type and hour: that one is written by its default alone.
    package static func granularitySpecs(of metadata: TableMetadata) -> [PartitionGranularity: PartitionSpec]? {
        guard let type = metadata.currentSchema.field(named: "type"),
            let time = metadata.currentSchema.field(named: "time")
        else { return nil }
        func divides(_ spec: PartitionSpec, by transform: Transform) -> Bool {
            spec.fields.map(\.sourceIDs) == [[type.id], [time.id]]
                && spec.fields.map(\.transform) == [.identity, transform]
        }
        guard divides(metadata.defaultSpec, by: .hour) else { return nil }
        var specs = [PartitionGranularity.hour: metadata.defaultSpec]
        for (granularity, _, transform) in coarser {
            specs[granularity] = metadata.partitionSpecs.first { divides($0, by: transform) }
        }
        return specs
    }

    /// The change that gives a table divided by type and hour the specs for days and months; the default stays. Nil when
    /// it has them, or is divided otherwise.
    package static func partitioning(
        of metadata: TableMetadata
    ) -> (updates: [TableUpdate], requirements: [TableRequirement])? {
        guard metadata.formatVersion >= 2, let specs = granularitySpecs(of: metadata) else { return nil }
        let fields = metadata.defaultSpec.fields
        var specID = metadata.partitionSpecs.map(\.specID).max() ?? 0
        var fieldID = metadata.lastPartitionID
        var updates: [TableUpdate] = []
        for (granularity, name, transform) in coarser where specs[granularity] == nil {
            specID += 1
            // Ids are spelled out, a like field's used again: some catalogs number what has none from 1000 in each spec.
            let like = metadata.partitionSpecs.lazy.flatMap(\.fields).first {
                $0.sourceIDs == fields[1].sourceIDs && $0.transform == transform
            }
            if like == nil { fieldID += 1 }
            let coarse = PartitionField(
                sourceID: fields[1].sourceID, fieldID: like?.fieldID ?? fieldID, name: like?.name ?? name,
                transform: transform)
            updates.append(
                .addPartitionSpec(UnboundPartitionSpec(PartitionSpec(id: specID, fields: [fields[0], coarse]))))
        }
        guard !updates.isEmpty else { return nil }
        var requirements: [TableRequirement] = [.lastAssignedPartitionID(metadata.lastPartitionID)]
        if let uuid = metadata.tableUUID { requirements.append(.tableUUID(uuid)) }
        return (updates, requirements)
    }

    /// What the collector puts into a column of this name.
    static let columnsByName: [String: EventColumn] = [
        "id": .id, "event_id": .id, "type": .type, "event_type": .type, "source": .source,
        "specversion": .specVersion, "time": .time, "timestamp": .time, "subject": .subject, "user_id": .subject,
        "datacontenttype": .dataContentType, "dataschema": .dataSchema, "data": .data, "extensions": .extensionName,
        "cf_colo": .colo, "cf_country": .country, "cf_city": .city, "cf_continent": .continent,
        "cf_postal_code": .postalCode, "cf_region": .region, "cf_timezone": .timezone,
        "cf_http_protocol": .httpProtocol, "cf_tls_version": .tlsVersion, "cf_tls_cipher": .tlsCipher, "year": .year,
        "month": .month, "day": .day, "hour": .hour, "received_at": .receivedAt,
    ]

    /// Whether the column has a value for every event.
    static func isAlwaysPresent(_ column: EventColumn) -> Bool {
        switch column {
        case .id, .type, .source, .specVersion, .time, .year, .month, .day, .hour, .receivedAt: true
        default: false
        }
    }
}
