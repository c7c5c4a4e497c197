import JSONFormat

/// Specification: "Appendix C: JSON serialization", statistics and keys.
extension StatisticsFile {
    public var json: JSONValue {
        var builder = JSONBuilder()
        builder.set("snapshot-id", snapshotID)
        builder.set("statistics-path", path)
        builder.set("file-size-in-bytes", sizeBytes)
        builder.set("file-footer-size-in-bytes", footerSizeBytes)
        builder.set("key-metadata", keyMetadata)
        builder.set("blob-metadata", .array(blobs.map(\.json)))
        return builder.value
    }

    public init(json: JSONValue) throws(IcebergError) {
        try self.init(JSONReader(json))
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        self.init(
            snapshotID: try reader.member("snapshot-id").long(), path: try reader.member("statistics-path").string(),
            sizeBytes: try reader.member("file-size-in-bytes").long(),
            footerSizeBytes: try reader.member("file-footer-size-in-bytes").long(),
            keyMetadata: try reader.optional("key-metadata")?.string(),
            blobs: try reader.member("blob-metadata").map { blob throws(IcebergError) in try Blob(blob) })
    }
}

extension StatisticsFile.Blob {
    public var json: JSONValue {
        var builder = JSONBuilder()
        builder.set("type", type)
        builder.set("snapshot-id", snapshotID)
        builder.set("sequence-number", sequenceNumber)
        builder.set("fields", .array(fields.map { JSONValue($0) }))
        if !properties.isEmpty { builder.set("properties", JSONValue(properties)) }
        return builder.value
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        self.init(
            type: try reader.member("type").string(), snapshotID: try reader.member("snapshot-id").long(),
            sequenceNumber: try reader.member("sequence-number").long(),
            fields: try reader.member("fields").map { id throws(IcebergError) in try id.int() },
            properties: try reader.optional("properties")?.stringMap() ?? [:])
    }
}

extension PartitionStatisticsFile {
    public var json: JSONValue {
        [
            "snapshot-id": JSONValue(snapshotID), "statistics-path": JSONValue(path),
            "file-size-in-bytes": JSONValue(sizeBytes),
        ]
    }

    public init(json: JSONValue) throws(IcebergError) {
        try self.init(JSONReader(json))
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        self.init(
            snapshotID: try reader.member("snapshot-id").long(), path: try reader.member("statistics-path").string(),
            sizeBytes: try reader.member("file-size-in-bytes").long())
    }
}

extension EncryptedKey {
    public var json: JSONValue {
        var builder = JSONBuilder()
        builder.set("key-id", keyID)
        builder.set("encrypted-key-metadata", encryptedKeyMetadata)
        builder.set("encrypted-by-id", encryptedByID)
        if !properties.isEmpty { builder.set("properties", JSONValue(properties)) }
        return builder.value
    }

    public init(json: JSONValue) throws(IcebergError) {
        try self.init(JSONReader(json))
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        self.init(
            keyID: try reader.member("key-id").string(),
            encryptedKeyMetadata: try reader.member("encrypted-key-metadata").string(),
            encryptedByID: try reader.optional("encrypted-by-id")?.string(),
            properties: try reader.optional("properties")?.stringMap() ?? [:])
    }
}
