import Bytes
import Clocks
import JSONFormat

/// Specification: "Appendix C: JSON serialization", "Table Metadata and Snapshots", all three versions.
extension TableMetadata {
    private static let known: Set<String> = [
        "format-version", "table-uuid", "location", "last-sequence-number", "last-updated-ms", "last-column-id",
        "schema", "schemas", "current-schema-id", "partition-spec", "partition-specs", "default-spec-id",
        "last-partition-id", "sort-orders", "default-sort-order-id", "properties", "current-snapshot-id", "snapshots",
        "snapshot-log", "metadata-log", "refs", "statistics", "partition-statistics", "next-row-id", "encryption-keys",
    ]

    /// Reads one metadata file and checks that it holds together.
    ///
    /// - Throws: `.unsupported` for an unknown version, `.malformed`, `.invalid`, `.limitExceeded`; with the place.
    public init(json: JSONValue) throws(IcebergError) {
        try self.init(JSONReader(json), nil)
        try validate()
    }

    /// The same from text. Of a large one the snapshots are checked, but not taken apart before one is asked for, and written
    /// again as they were.
    ///
    /// - Parameter parsedBytesMax: what is not large.
    public init(
        text: [UInt8], parsedBytesMax: Int = Limits.parsedMetadataBytesMax
    ) throws(IcebergError) {
        guard text.count > parsedBytesMax, let parts = TableMetadataText(text) else {
            try self.init(json: TableMetadataFile.parse(text))
            return
        }
        try self.init(JSONReader(.object(parts.rest)), parts)
        try validate()
    }

    /// - Parameter parts: what is not in the JSON.
    private init(_ reader: JSONReader, _ parts: TableMetadataText?) throws(IcebergError) {
        let version = try reader.member("format-version")
        formatVersion = try version.int()
        guard Self.supportedFormatVersions.contains(formatVersion) else {
            throw version.fail("format version \(formatVersion) is not known, only 1, 2 and 3 are", code: .unsupported)
        }
        let isFirst = formatVersion == 1
        tableUUID = try Self.uuid(reader, required: !isFirst)
        location = try reader.member("location").string()
        lastSequenceNumber = isFirst ? 0 : try reader.member("last-sequence-number").long()
        lastUpdatedMilliseconds = try reader.member("last-updated-ms").milliseconds()
        (schemas, currentSchemaID) = try Self.schemas(reader, isFirst: isFirst)
        // Files with a value below an id in use exist: believed, it would give that id to a second column.
        lastColumnID = max(try reader.member("last-column-id").int(), schemas.map(\.highestFieldID).max() ?? 0)
        (partitionSpecs, defaultSpecID) = try Self.partitionSpecs(reader, isFirst: isFirst)
        lastPartitionID = try Self.lastPartitionID(reader, isFirst: isFirst, partitionSpecs)
        (sortOrders, defaultSortOrderID) = try Self.sortOrders(reader, isFirst: isFirst)
        properties = try reader.optional("properties")?.stringMap() ?? [:]
        currentSnapshotID = try reader.optional("current-snapshot-id")?.long()
        if currentSnapshotID == -1 { currentSnapshotID = nil }
        if let parts {
            snapshots = parts.snapshots
            snapshotLog = parts.snapshotLog
        } else {
            snapshots = try Self.list(reader, "snapshots") { value throws(IcebergError) in
                var snapshot = try Snapshot(value)
                // Version 1 has none, whatever a file says.
                if isFirst { snapshot.sequenceNumber = 0 }
                return snapshot
            }
            snapshotLog = try Self.list(reader, "snapshot-log") { value throws(IcebergError) in
                try SnapshotLogEntry(value)
            }
        }
        metadataLog = try Self.list(reader, "metadata-log") { value throws(IcebergError) in
            try MetadataLogEntry(value)
        }
        references = try Self.references(reader, current: currentSnapshotID)
        statistics = try Self.list(reader, "statistics") { value throws(IcebergError) in try StatisticsFile(value) }
        partitionStatistics = try Self.list(reader, "partition-statistics") { value throws(IcebergError) in
            try PartitionStatisticsFile(value)
        }
        // Required in version 3, but writers from before it was finished left it out.
        nextRowID = formatVersion >= 3 ? try reader.optional("next-row-id")?.long() ?? 0 : nil
        encryptionKeys = try Self.list(reader, "encryption-keys") { value throws(IcebergError) in
            try EncryptedKey(value)
        }
        additionalMembers = try reader.object().removing(Self.known)
    }

    private static func list<T>(
        _ reader: JSONReader, _ key: String, _ read: (JSONReader) throws(IcebergError) -> T
    ) throws(IcebergError) -> [T] {
        try reader.optional(key)?.map(max: Limits.snapshotsMax, read) ?? []
    }

    private static func uuid(_ reader: JSONReader, required: Bool) throws(IcebergError) -> UUID? {
        guard let text = try required ? reader.member("table-uuid") : reader.optional("table-uuid") else { return nil }
        guard let uuid = UUID(try text.string()) else { throw text.fail("expected a UUID of 36 characters") }
        return uuid
    }

    /// `schemas` with `current-schema-id`; version 1 may have `schema` instead.
    private static func schemas(
        _ reader: JSONReader, isFirst: Bool
    ) throws(IcebergError) -> ([Schema], Int) {
        if !isFirst || reader.has("schemas") && reader.has("current-schema-id") {
            let schemas = try reader.member("schemas").map(max: Limits.definitionsMax) { value throws(IcebergError) in
                try Schema(value)
            }
            return (schemas, try reader.member("current-schema-id").int())
        }
        let schema = try Schema(reader.member("schema"))
        return ([schema], schema.schemaID)
    }

    /// `partition-specs` with `default-spec-id`; version 1 may have `partition-spec`, a bare list, instead.
    private static func partitionSpecs(
        _ reader: JSONReader, isFirst: Bool
    ) throws(IcebergError) -> ([PartitionSpec], Int) {
        if !isFirst || reader.has("partition-specs") {
            let specs = try reader.member("partition-specs").map(max: Limits.definitionsMax) {
                value throws(IcebergError) in try PartitionSpec(value)
            }
            if isFirst, !reader.has("default-spec-id") { return (specs, specs.map(\.specID).max() ?? 0) }
            let defaultID = try reader.member("default-spec-id").int()
            return (specs.isEmpty && defaultID == 0 ? [.unpartitioned] : specs, defaultID)
        }
        return ([try PartitionSpec(fields: reader.member("partition-spec"), id: 0)], 0)
    }

    private static func lastPartitionID(
        _ reader: JSONReader, isFirst: Bool, _ specs: [PartitionSpec]
    ) throws(IcebergError) -> Int {
        if isFirst, !reader.has("last-partition-id") {
            return specs.map(\.lastAssignedFieldID).max() ?? PartitionSpec.unpartitionedLastAssignedID
        }
        return try reader.member("last-partition-id").int()
    }

    private static func sortOrders(
        _ reader: JSONReader, isFirst: Bool
    ) throws(IcebergError) -> ([SortOrder], Int) {
        if isFirst, !reader.has("sort-orders") { return ([.unsorted], 0) }
        let orders = try reader.member("sort-orders").map(max: Limits.definitionsMax) { value throws(IcebergError) in
            try SortOrder(value)
        }
        let defaultID = try reader.member("default-sort-order-id").int()
        return (orders.isEmpty && defaultID == 0 ? [.unsorted] : orders, defaultID)
    }

    /// Tables from before references have one all the same: `main`, at the current snapshot.
    private static func references(
        _ reader: JSONReader, current: Int64?
    ) throws(IcebergError) -> [String: SnapshotReference] {
        var references: [String: SnapshotReference] = [:]
        if let members = try reader.optional("refs")?.members() {
            guard members.count <= Limits.definitionsMax else {
                throw reader.fail("more than \(Limits.definitionsMax) references", code: .limitExceeded)
            }
            for member in members { references[member.key] = try SnapshotReference(member.value) }
        }
        if let current, references[SnapshotReference.main] == nil {
            references[SnapshotReference.main] = SnapshotReference(snapshotID: current)
        }
        return references
    }
}

extension TableMetadata {
    /// The whole metadata in the form of its version, with the optional members other readers insist on.
    public var json: JSONValue {
        var object = outline
        object["snapshots"] = .array(snapshots.map { $0.json(formatVersion: formatVersion) })
        object["snapshot-log"] = .array(snapshotLog.map(\.json))
        return .object(object)
    }

    /// The members in order, the lists of snapshots and of the snapshot log empty.
    var outline: JSONObject {
        var builder = JSONBuilder()
        builder.set("format-version", formatVersion)
        builder.set("table-uuid", tableUUID?.description)
        builder.set("location", location)
        if formatVersion > 1 { builder.set("last-sequence-number", lastSequenceNumber) }
        builder.set("last-updated-ms", lastUpdatedMilliseconds)
        builder.set("last-column-id", lastColumnID)
        if formatVersion == 1 { builder.set("schema", currentSchema.json) }
        builder.set("current-schema-id", currentSchemaID)
        builder.set("schemas", .array(schemas.map(\.json)))
        if formatVersion == 1 { builder.set("partition-spec", defaultSpec.fieldsJSON) }
        builder.set("default-spec-id", defaultSpecID)
        builder.set("partition-specs", .array(partitionSpecs.map(\.json)))
        builder.set("last-partition-id", lastPartitionID)
        builder.set("default-sort-order-id", defaultSortOrderID)
        builder.set("sort-orders", .array(sortOrders.map(\.json)))
        builder.set("properties", JSONValue(properties))
        builder.set("current-snapshot-id", currentSnapshotJSON)
        builder.set("next-row-id", nextRowID)
        builder.set("refs", referencesJSON)
        builder.set("snapshots", JSONValue.array([]))
        builder.set("statistics", .array(statistics.map(\.json)))
        builder.set("partition-statistics", .array(partitionStatistics.map(\.json)))
        builder.set("snapshot-log", JSONValue.array([]))
        builder.set("metadata-log", .array(metadataLog.map(\.json)))
        if !encryptionKeys.isEmpty { builder.set("encryption-keys", .array(encryptionKeys.map(\.json))) }
        builder.add(additionalMembers)
        return builder.object
    }

    /// Readers of versions 1 and 2 want -1 where there is none, not null and not nothing.
    private var currentSnapshotJSON: JSONValue {
        if let currentSnapshotID { return JSONValue(currentSnapshotID) }
        return formatVersion >= 3 ? .null : -1
    }

    private var referencesJSON: JSONValue {
        let sorted = references.sorted { $0.key < $1.key }
        return .object(JSONObject(sorted.map { JSONObject.Member(key: $0.key, value: $0.value.json) }))
    }

    /// The same with only the snapshots that a branch or tag points to: `snapshots=refs` of the REST protocol.
    public var withReferencedSnapshotsOnly: TableMetadata {
        let wanted = Set(references.values.map(\.snapshotID))
        var copy = self
        copy.snapshots.removeAll { !wanted.contains($0.snapshotID) }
        return copy
    }
}
