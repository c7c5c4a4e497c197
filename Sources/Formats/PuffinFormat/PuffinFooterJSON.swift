import JSONFormat

/// The [FileMetadata](https://iceberg.apache.org/puffin-spec/#filemetadata) document inside a footer.
enum PuffinFooterJSON {
    static func parse(_ text: [UInt8], limits: PuffinLimits) throws(PuffinError) -> PuffinFooter {
        do {
            let root = JSONCursor(try JSONValue.parse(text))
            let items = try root.member("blobs").elements()
            guard items.count <= limits.blobsMax else {
                throw PuffinError(.tooLarge, at: "footer", "\(items.count) blobs, \(limits.blobsMax) are allowed")
            }
            var blobs: [PuffinBlobMetadata] = []
            blobs.reserveCapacity(items.count)
            for item in items { blobs.append(try blob(item)) }
            return PuffinFooter(blobs: blobs, properties: try properties(root))
        } catch let error as PuffinError {
            throw error
        } catch {
            throw PuffinFooter.damaged("\(error)")
        }
    }

    private static func blob(_ item: JSONCursor) throws(JSONError) -> PuffinBlobMetadata {
        var fields: [Int32] = []
        for field in try item.member("fields").elements() { fields.append(try field.integer(as: Int32.self)) }
        return PuffinBlobMetadata(
            type: PuffinBlobType(rawValue: try item.member("type").string()), fields: fields,
            snapshotID: try item.member("snapshot-id").integer(),
            sequenceNumber: try item.member("sequence-number").integer(),
            offset: try item.member("offset").integer(), length: try item.member("length").integer(),
            compressionCodec: (try item.optional("compression-codec")?.string()).map(PuffinCodec.init(rawValue:)),
            properties: try properties(item))
    }

    private static func properties(_ item: JSONCursor) throws(JSONError) -> [String: String] {
        try item.optional("properties")?.stringMap() ?? [:]
    }

    /// Members in the order of the specification, properties in that of their names, none where there are none: what
    /// Iceberg's Java library writes.
    static func write(_ footer: PuffinFooter) -> [UInt8] {
        var root = JSONObject([.init(key: "blobs", value: .array(footer.blobs.map(json)))])
        if !footer.properties.isEmpty { root["properties"] = json(footer.properties) }
        return JSONValue.object(root).serialized()
    }

    private static func json(_ blob: PuffinBlobMetadata) -> JSONValue {
        var object = JSONObject([
            .init(key: "type", value: .string(blob.type.rawValue)),
            .init(key: "fields", value: .array(blob.fields.map { JSONValue($0) })),
            .init(key: "snapshot-id", value: JSONValue(blob.snapshotID)),
            .init(key: "sequence-number", value: JSONValue(blob.sequenceNumber)),
            .init(key: "offset", value: JSONValue(blob.offset)),
            .init(key: "length", value: JSONValue(blob.length)),
        ])
        if let codec = blob.compressionCodec { object["compression-codec"] = .string(codec.rawValue) }
        if !blob.properties.isEmpty { object["properties"] = json(blob.properties) }
        return .object(object)
    }

    private static func json(_ properties: [String: String]) -> JSONValue {
        .object(
            JSONObject(
                properties.sorted { $0.key < $1.key }.map { JSONObject.Member(key: $0.key, value: .string($0.value)) }))
    }
}
