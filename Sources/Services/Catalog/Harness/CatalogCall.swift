import Clocks
import HTTP
import IcebergCatalog
import IcebergSpec
import JSONFormat

/// One request of the REST catalog, as its handlers read it.
struct CatalogCall: Sendable {
    let request: HTTPRequest
    /// The decoded parameters of the path.
    let parameters: [String: String]
    /// What the sender may do. What the route needs has been checked; lists are filtered by it, and bodies that lead to more
    /// than the route's need says are held to it.
    let rights: Rights
    /// What the request was refused with; see `IdempotencyKey.refusal`.
    var refusal: CatalogError?

    init(_ request: HTTPRequest, _ parameters: [String: String], rights: Rights) {
        self.request = request
        self.parameters = parameters
        self.rights = rights
    }

    func namespace() throws(CatalogError) -> NamespaceName {
        try NamespaceName(urlComponent: parameters["namespace"] ?? "")
    }

    func table() throws(CatalogError) -> TableIdentifier {
        try TableIdentifier(try namespace(), parameters["table"] ?? "")
    }

    func view() throws(CatalogError) -> TableIdentifier {
        try TableIdentifier(try namespace(), parameters["view"] ?? "")
    }

    /// What the service is to know besides the content.
    var context: CatalogService.Request {
        guard let key = request.headers["Idempotency-Key"] else { return CatalogService.Request() }
        return CatalogService.Request(idempotencyKey: key, fingerprint: request.fingerprint, refusal: refusal)
    }

    /// The key that repeats of this request carry too; it is checked before any handler is called.
    func idempotencyKey() throws(CatalogError) -> UUID? {
        guard let text = request.headers["Idempotency-Key"] else { return nil }
        guard let key = UUID(text) else {
            throw CatalogError(.badRequest, "an Idempotency-Key is a UUID, not \"\(text.prefix(60))\"")
        }
        return key
    }

    /// Refuses query parameters that are not known.
    func requireParameters(among allowed: [String]) throws(CatalogError) {
        guard let unknown = request.query.first(where: { !allowed.contains($0.name) }) else { return }
        let known = allowed.isEmpty ? "none are" : "allowed are \(allowed.joined(separator: ", "))"
        throw CatalogError(.badRequest, "unknown query parameter \"\(unknown.name.prefix(60))\": here \(known)")
    }

    /// The JSON object of the body. An empty body is an empty object.
    func body() throws(CatalogError) -> JSONCursor {
        guard !request.body.isEmpty else { return JSONCursor([:]) }
        return try Self.reading { () throws(JSONError) in
            let cursor = JSONCursor(try JSONValue.parse(request.body))
            _ = try cursor.object()
            return cursor
        }
    }

    /// The body of a renaming, of a table or a view.
    func renaming() throws(CatalogError) -> (source: TableIdentifier, destination: TableIdentifier) {
        let body = try body()
        let (source, destination) = try Self.reading { () throws(JSONError) -> (JSONValue, JSONValue) in
            (try body.member("source").value, try body.member("destination").value)
        }
        return (try TableIdentifier(json: source), try TableIdentifier(json: destination))
    }

    /// Reads a part of the body; what it lacks is the client's mistake.
    static func reading<Value>(_ read: () throws(JSONError) -> Value) throws(CatalogError) -> Value {
        do {
            return try read()
        } catch {
            throw CatalogError(.badRequest, "Cannot parse the request: \(error)")
        }
    }

    /// Reads a part of the body that the table specification describes.
    static func parsing<Value>(_ read: () throws(IcebergError) -> Value) throws(CatalogError) -> Value {
        do {
            return try read()
        } catch {
            throw CatalogError(.badRequest, "Cannot parse the request: \(error)")
        }
    }

    /// The part of a sorted list that the page parameters ask for: everything without `pageToken`.
    func page<Element>(
        of all: [Element], name: (Element) -> String
    ) throws(CatalogError) -> (elements: ArraySlice<Element>, next: JSONValue) {
        guard let token = request.parameter("pageToken") else { return (all[...], .null) }
        var size = CatalogLimits.pageSizeMax
        if let text = request.parameter("pageSize") {
            guard let wanted = Int(text), wanted > 0 else {
                throw CatalogError(.badRequest, "pageSize must be a whole number above 0, not \"\(text.prefix(20))\"")
            }
            size = min(wanted, CatalogLimits.pageSizeMax)
        }
        // A page goes on after the name that ended the one before, whatever was made or dropped meanwhile.
        let start = token.isEmpty ? 0 : all.firstIndex { name($0) > token } ?? all.endIndex
        let page = all[start...].prefix(size)
        guard page.endIndex < all.endIndex, let last = page.last else { return (page, .null) }
        return (page, .string(name(last)))
    }
}
