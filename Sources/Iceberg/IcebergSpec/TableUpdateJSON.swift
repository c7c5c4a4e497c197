import Clocks
import JSONFormat

extension TableUpdate {
    /// The `action` of the REST catalog protocol.
    public var action: String {
        switch self {
        case .assignUUID: "assign-uuid"
        case .upgradeFormatVersion: "upgrade-format-version"
        case .addSchema: "add-schema"
        case .setCurrentSchema: "set-current-schema"
        case .addPartitionSpec: "add-spec"
        case .setDefaultSpec: "set-default-spec"
        case .addSortOrder: "add-sort-order"
        case .setDefaultSortOrder: "set-default-sort-order"
        case .addSnapshot: "add-snapshot"
        case .setSnapshotReference: "set-snapshot-ref"
        case .removeSnapshots: "remove-snapshots"
        case .removeSnapshotReference: "remove-snapshot-ref"
        case .setLocation: "set-location"
        case .setProperties: "set-properties"
        case .removeProperties: "remove-properties"
        case .setStatistics: "set-statistics"
        case .removeStatistics: "remove-statistics"
        case .setPartitionStatistics: "set-partition-statistics"
        case .removePartitionStatistics: "remove-partition-statistics"
        case .removePartitionSpecs: "remove-partition-specs"
        case .removeSchemas: "remove-schemas"
        case .enableRowLineage: "enable-row-lineage"
        case .addEncryptionKey: "add-encryption-key"
        case .removeEncryptionKey: "remove-encryption-key"
        }
    }

    public var json: JSONValue {
        var builder = JSONBuilder()
        builder.set("action", action)
        switch self {
        case .assignUUID(let uuid): builder.set("uuid", uuid.description)
        case .upgradeFormatVersion(let version): builder.set("format-version", version)
        case .addSchema(let schema):
            builder.set("schema", schema.json)
            builder.set("last-column-id", schema.highestFieldID)
        case .setCurrentSchema(let id): builder.set("schema-id", id)
        case .addPartitionSpec(let spec): builder.set("spec", spec.json)
        case .setDefaultSpec(let id): builder.set("spec-id", id)
        case .addSortOrder(let order): builder.set("sort-order", order.json)
        case .setDefaultSortOrder(let id): builder.set("sort-order-id", id)
        case .addSnapshot(let snapshot): builder.set("snapshot", snapshot.json)
        case .setSnapshotReference(let name, let reference):
            builder.set("ref-name", name)
            builder.add(reference.jsonObject)
        case .removeSnapshots(let ids): builder.set("snapshot-ids", .array(ids.map { JSONValue($0) }))
        case .removeSnapshotReference(let name): builder.set("ref-name", name)
        case .setLocation(let location): builder.set("location", location)
        case .setProperties(let properties): builder.set("updates", JSONValue(properties))
        case .removeProperties(let keys): builder.set("removals", .array(keys.map { JSONValue($0) }))
        case .setStatistics(let file):
            builder.set("snapshot-id", file.snapshotID)
            builder.set("statistics", file.json)
        case .removeStatistics(let id), .removePartitionStatistics(let id): builder.set("snapshot-id", id)
        case .setPartitionStatistics(let file): builder.set("partition-statistics", file.json)
        case .removePartitionSpecs(let ids): builder.set("spec-ids", .array(ids.map { JSONValue($0) }))
        case .removeSchemas(let ids): builder.set("schema-ids", .array(ids.map { JSONValue($0) }))
        case .enableRowLineage: break
        case .addEncryptionKey(let key): builder.set("encryption-key", key.json)
        case .removeEncryptionKey(let id): builder.set("key-id", id)
        }
        return builder.value
    }

    /// - Throws: `.unsupported` for an action this library does not know: the commit must then be refused as a whole.
    public init(json: JSONValue) throws(IcebergError) {
        try self.init(JSONReader(json))
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        let action = try reader.member("action")
        let name = try action.string()
        if let update = try Self.definition(name, reader) {
            self = update
        } else if let update = try Self.snapshot(name, reader) {
            self = update
        } else if let update = try Self.other(name, reader) {
            self = update
        } else {
            throw action.fail("the table update \"\(name.prefix(80))\" is not known", code: .unsupported)
        }
    }

    private static func definition(_ action: String, _ reader: JSONReader) throws(IcebergError) -> TableUpdate? {
        switch action {
        case "add-schema": return .addSchema(try Schema(reader.member("schema")))
        case "set-current-schema": return .setCurrentSchema(id: try reader.member("schema-id").int())
        case "remove-schemas":
            return .removeSchemas(try reader.member("schema-ids").map { id throws(IcebergError) in try id.int() })
        case "add-spec": return .addPartitionSpec(try UnboundPartitionSpec(reader.member("spec")))
        case "set-default-spec": return .setDefaultSpec(id: try reader.member("spec-id").int())
        case "remove-partition-specs":
            return .removePartitionSpecs(try reader.member("spec-ids").map { id throws(IcebergError) in try id.int() })
        case "add-sort-order": return .addSortOrder(try SortOrder(reader.member("sort-order")))
        case "set-default-sort-order": return .setDefaultSortOrder(id: try reader.member("sort-order-id").int())
        default: return nil
        }
    }

    private static func snapshot(_ action: String, _ reader: JSONReader) throws(IcebergError) -> TableUpdate? {
        switch action {
        case "add-snapshot": return .addSnapshot(try Snapshot(reader.member("snapshot")))
        case "set-snapshot-ref":
            return .setSnapshotReference(
                name: try reader.member("ref-name").string(), try SnapshotReference(reader))
        case "remove-snapshots":
            return .removeSnapshots(try reader.member("snapshot-ids").map { id throws(IcebergError) in try id.long() })
        case "remove-snapshot-ref": return .removeSnapshotReference(name: try reader.member("ref-name").string())
        case "set-statistics": return .setStatistics(try StatisticsFile(reader.member("statistics")))
        case "remove-statistics": return .removeStatistics(snapshotID: try reader.member("snapshot-id").long())
        case "set-partition-statistics":
            return .setPartitionStatistics(try PartitionStatisticsFile(reader.member("partition-statistics")))
        case "remove-partition-statistics":
            return .removePartitionStatistics(snapshotID: try reader.member("snapshot-id").long())
        default: return nil
        }
    }

    private static func other(_ action: String, _ reader: JSONReader) throws(IcebergError) -> TableUpdate? {
        switch action {
        case "assign-uuid": return .assignUUID(try reader.member("uuid").uuid())
        case "upgrade-format-version":
            return .upgradeFormatVersion(try reader.member("format-version").int())
        case "set-location": return .setLocation(try reader.member("location").string())
        case "set-properties":
            // `updated` and `removed` are what clients from before 2022 sent.
            return .setProperties(try reader.member(reader.has("updated") ? "updated" : "updates").stringMap())
        case "remove-properties":
            let keys = try reader.member(reader.has("removed") ? "removed" : "removals")
            return .removeProperties(
                try keys.map(max: Limits.propertiesMax) { key throws(IcebergError) in try key.string() })
        case "enable-row-lineage": return .enableRowLineage
        case "add-encryption-key": return .addEncryptionKey(try EncryptedKey(reader.member("encryption-key")))
        case "remove-encryption-key": return .removeEncryptionKey(id: try reader.member("key-id").string())
        default: return nil
        }
    }
}

extension JSONReader {
    func uuid() throws(IcebergError) -> UUID {
        guard let uuid = UUID(try string()) else { throw fail("expected a UUID of 36 characters") }
        return uuid
    }
}

extension TableRequirement {
    /// The `type` of the REST catalog protocol.
    public var type: String {
        switch self {
        case .create: "assert-create"
        case .tableUUID: "assert-table-uuid"
        case .referenceSnapshotID: "assert-ref-snapshot-id"
        case .lastAssignedFieldID: "assert-last-assigned-field-id"
        case .currentSchemaID: "assert-current-schema-id"
        case .lastAssignedPartitionID: "assert-last-assigned-partition-id"
        case .defaultSpecID: "assert-default-spec-id"
        case .defaultSortOrderID: "assert-default-sort-order-id"
        }
    }

    public var json: JSONValue {
        var builder = JSONBuilder()
        builder.set("type", type)
        switch self {
        case .create: break
        case .tableUUID(let uuid): builder.set("uuid", uuid.description)
        case .referenceSnapshotID(let reference, let id):
            builder.set("ref", reference)
            builder.set("snapshot-id", id.map { JSONValue($0) } ?? .null)
        case .lastAssignedFieldID(let id): builder.set("last-assigned-field-id", id)
        case .currentSchemaID(let id): builder.set("current-schema-id", id)
        case .lastAssignedPartitionID(let id): builder.set("last-assigned-partition-id", id)
        case .defaultSpecID(let id): builder.set("default-spec-id", id)
        case .defaultSortOrderID(let id): builder.set("default-sort-order-id", id)
        }
        return builder.value
    }

    /// - Throws: `.unsupported` for a type this library does not know: the commit must then be refused.
    public init(json: JSONValue) throws(IcebergError) {
        let reader = JSONReader(json)
        let type = try reader.member("type")
        switch try type.string() {
        case "assert-create": self = .create
        case "assert-table-uuid": self = .tableUUID(try reader.member("uuid").uuid())
        case "assert-ref-snapshot-id":
            self = .referenceSnapshotID(
                reference: try reader.member("ref").string(), snapshotID: try reader.optional("snapshot-id")?.long())
        case "assert-last-assigned-field-id":
            self = .lastAssignedFieldID(try reader.member("last-assigned-field-id").int())
        case "assert-current-schema-id": self = .currentSchemaID(try reader.member("current-schema-id").int())
        case "assert-last-assigned-partition-id":
            self = .lastAssignedPartitionID(try reader.member("last-assigned-partition-id").int())
        case "assert-default-spec-id": self = .defaultSpecID(try reader.member("default-spec-id").int())
        case "assert-default-sort-order-id":
            self = .defaultSortOrderID(try reader.member("default-sort-order-id").int())
        case let other:
            throw type.fail("the requirement \"\(other.prefix(80))\" is not known", code: .unsupported)
        }
    }
}
