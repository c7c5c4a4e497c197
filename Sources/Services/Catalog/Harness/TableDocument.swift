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
    let etag: String

    init(table: CatalogService.Table, snapshots: Snapshots, access: TableAccess) {
        self.table = table
        self.snapshots = snapshots
        self.access = access
        var told = Array(table.file.location.utf8)
        for (key, value) in access.config.sorted(by: { $0.key < $1.key }) { told.append(utf8: "\n\(key)=\(value)") }
        let digest = Digest.sha256(told)
        etag = "\"\(Hexadecimal.encode(digest.prefix(12)))-\(snapshots.rawValue)\""
    }

    /// The document, or 304 for whoever has it.
    func response(to request: HTTPRequest, _ forms: TableForms) -> HTTPResponse {
        isKnown(to: request) ? HTTPResponse(status: 304, headers: ["ETag": etag]) : response(forms)
    }

    func response(_ forms: TableForms) -> HTTPResponse {
        var response = CatalogReply.json(bytes: forms.document(table.file, snapshots, access))
        response.headers["ETag"] = etag
        return response
    }

    /// Whether the client already has this very document (RFC 9110 §13.1.2, weak comparison).
    private func isKnown(to request: HTTPRequest) -> Bool {
        let known = request.headers.values("If-None-Match").flatMap { $0.split(separator: ",") }
        return known.contains { candidate in
            var tag = candidate.drop { $0 == " " }
            while tag.last == " " { tag.removeLast() }
            return tag == "*" || tag == etag || tag == "W/\(etag)"
        }
    }
}
