import JSONFormat

/// Specification: "Appendix C: JSON serialization", snapshots and references.
extension Snapshot {
    private static let known: Set<String> = [
        "snapshot-id", "parent-snapshot-id", "sequence-number", "timestamp-ms", "manifest-list", "manifests",
        "summary", "schema-id", "first-row-id", "added-rows", "key-id",
    ]

    public var json: JSONValue { json(formatVersion: 2) }

    /// Version 1 has no sequence number.
    func json(formatVersion: Int) -> JSONValue {
        var builder = JSONBuilder()
        if formatVersion > 1 { builder.set("sequence-number", sequenceNumber) }
        builder.set("snapshot-id", snapshotID)
        builder.set("parent-snapshot-id", parentSnapshotID)
        builder.set("timestamp-ms", timestampMilliseconds)
        if !summary.isEmpty { builder.set("summary", Self.summaryJSON(summary)) }
        builder.set("manifest-list", manifestList)
        if manifestList == nil { builder.set("manifests", .array((manifests ?? []).map { JSONValue($0) })) }
        builder.set("schema-id", schemaID)
        builder.set("first-row-id", firstRowID)
        builder.set("added-rows", addedRows)
        builder.set("key-id", keyID)
        builder.add(additionalMembers)
        return builder.value
    }

    /// The operation first, as people look for it.
    private static func summaryJSON(_ summary: [String: String]) -> JSONValue {
        var rest = summary
        let operation = rest.removeValue(forKey: "operation")
        let first = operation.map { [JSONObject.Member(key: "operation", value: JSONValue($0))] } ?? []
        return .object(JSONObject(first + (JSONValue(rest).object?.members ?? [])))
    }

    public init(json: JSONValue) throws(IcebergError) {
        try self.init(JSONReader(json))
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        let manifests = try reader.optional("manifests")?.map { path throws(IcebergError) in try path.string() }
        let manifestList = try reader.optional("manifest-list")?.string()
        guard manifestList != nil || manifests != nil else {
            throw reader.fail("the member \"manifest-list\" is missing")
        }
        let summary = try reader.optional("summary")
        let values = try summary?.stringMap() ?? [:]
        if let summary, values["operation"] == nil {
            throw summary.fail("the member \"operation\" is missing")
        }
        self.init(
            snapshotID: try reader.member("snapshot-id").long(),
            parentSnapshotID: try reader.optional("parent-snapshot-id")?.long(),
            sequenceNumber: try reader.optional("sequence-number")?.long() ?? 0,
            timestampMilliseconds: try reader.member("timestamp-ms").milliseconds(),
            manifestList: manifestList, manifests: manifestList == nil ? manifests : nil, summary: values,
            schemaID: try reader.optional("schema-id")?.int(),
            firstRowID: try reader.optional("first-row-id")?.long(),
            addedRows: try reader.optional("added-rows")?.long(), keyID: try reader.optional("key-id")?.string(),
            additionalMembers: try reader.object().removing(Self.known))
    }
}

extension SnapshotReference {
    public var json: JSONValue { .object(jsonObject) }

    var jsonObject: JSONObject {
        var builder = JSONBuilder()
        builder.set("snapshot-id", snapshotID)
        builder.set("type", kind.rawValue)
        builder.set("min-snapshots-to-keep", minSnapshotsToKeep)
        builder.set("max-snapshot-age-ms", maxSnapshotAgeMilliseconds)
        builder.set("max-ref-age-ms", maxReferenceAgeMilliseconds)
        return builder.object
    }

    public init(json: JSONValue) throws(IcebergError) {
        try self.init(JSONReader(json))
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        let type = try reader.member("type")
        guard let kind = Kind(rawValue: try type.string().lowercased()) else {
            throw type.fail("expected branch or tag")
        }
        self.init(
            snapshotID: try reader.member("snapshot-id").long(), kind: kind,
            minSnapshotsToKeep: try reader.optional("min-snapshots-to-keep")?.int(),
            maxSnapshotAgeMilliseconds: try reader.optional("max-snapshot-age-ms")?.long(),
            maxReferenceAgeMilliseconds: try reader.optional("max-ref-age-ms")?.long())
        guard kind == .branch || minSnapshotsToKeep == nil && maxSnapshotAgeMilliseconds == nil else {
            throw reader.fail("a tag has neither min-snapshots-to-keep nor max-snapshot-age-ms", code: .invalid)
        }
        for (name, limit) in [
            ("min-snapshots-to-keep", minSnapshotsToKeep.map { Int64($0) }),
            ("max-snapshot-age-ms", maxSnapshotAgeMilliseconds), ("max-ref-age-ms", maxReferenceAgeMilliseconds),
        ] {
            guard limit ?? 1 > 0 else { throw reader.fail("\(name) must be above 0", code: .invalid) }
        }
    }
}

extension SnapshotLogEntry {
    var json: JSONValue {
        ["timestamp-ms": JSONValue(timestampMilliseconds), "snapshot-id": JSONValue(snapshotID)]
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        self.init(
            timestampMilliseconds: try reader.member("timestamp-ms").milliseconds(),
            snapshotID: try reader.member("snapshot-id").long())
    }
}

extension MetadataLogEntry {
    var json: JSONValue {
        ["timestamp-ms": JSONValue(timestampMilliseconds), "metadata-file": JSONValue(metadataFile)]
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        self.init(
            timestampMilliseconds: try reader.member("timestamp-ms").milliseconds(),
            metadataFile: try reader.member("metadata-file").string())
    }
}
