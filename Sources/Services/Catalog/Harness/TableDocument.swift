import Bytes
import Checksums
import HTTP
import IcebergCatalog
import IcebergSpec
import JSONFormat

/// The `LoadTableResult` of the REST catalog.
struct TableDocument {
    /// `snapshots=` of the request.
    enum Snapshots: String {
        case all, refs
    }

    let table: CatalogService.Table
    let snapshots: Snapshots
    let config: [String: String]
    /// Credentials by the prefix of the locations they are for.
    let credentials: [(prefix: String, config: [String: String])]

    /// A state of the table in one of the two forms: metadata files never change, so their place says it all.
    var etag: String {
        let digest = Digest.sha256(Array(table.file.location.utf8))
        return "\"\(Hexadecimal.encode(digest.prefix(12)))-\(snapshots.rawValue)\""
    }

    /// Whether the client already has this very document (RFC 9110 §13.1.2, weak comparison).
    func isKnown(to request: HTTPRequest) -> Bool {
        let known = request.headers.values("If-None-Match").flatMap { $0.split(separator: ",") }
        return known.contains { candidate in
            var tag = candidate.drop { $0 == " " }
            while tag.last == " " { tag.removeLast() }
            return tag == "*" || tag == etag || tag == "W/\(etag)"
        }
    }

    var response: HTTPResponse {
        // The metadata file goes into the answer as it lies on the store, without being written anew.
        let metadata =
            snapshots == .all ? table.file.json : table.file.metadata.withReferencedSnapshotsOnly.json.serialized()
        var response = CatalogReply.json(
            bytes: Self.document(
                location: table.file.location, metadata: metadata, properties: table.file.metadata.properties,
                config: config, credentials: credentials))
        response.headers["ETag"] = etag
        return response
    }

    static func document(
        location: String?, metadata: [UInt8], properties: [String: String], config: [String: String],
        credentials: [(prefix: String, config: [String: String])]
    ) -> [UInt8] {
        var rest = JSONObject()
        rest["config"] = JSONValue(config)
        rest["properties"] = JSONValue(properties)
        if !credentials.isEmpty {
            rest["storage-credentials"] = json(credentials)
        }
        return CatalogReply.document(location: location, metadata: metadata, rest: rest)
    }

    static func json(_ credentials: [(prefix: String, config: [String: String])]) -> JSONValue {
        .array(credentials.map { ["prefix": .string($0.prefix), "config": JSONValue($0.config)] })
    }
}
