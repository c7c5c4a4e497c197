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
    let access: TableAccess

    /// A state of the table in one of the two forms, as metadata files never change, with what gives access to it: a
    /// client whose credentials are others than these has another document.
    var etag: String {
        var told = Array(table.file.location.utf8)
        for (key, value) in access.config.sorted(by: { $0.key < $1.key }) { told.append(utf8: "\n\(key)=\(value)") }
        let digest = Digest.sha256(told)
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
                location: table.file.location, metadata: metadata, properties: table.file.metadata.properties, access))
        response.headers["ETag"] = etag
        return response
    }

    static func document(
        location: String?, metadata: [UInt8], properties: [String: String], _ access: TableAccess
    ) -> [UInt8] {
        var rest = access.members
        rest["properties"] = JSONValue(properties)
        return CatalogReply.document(location: location, metadata: metadata, rest: rest)
    }
}
