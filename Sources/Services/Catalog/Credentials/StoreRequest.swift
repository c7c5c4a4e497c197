import Bytes
import IcebergCatalog
import JSONFormat
import ObjectStore

/// A request to the object store that a client wants signed (REST catalog: `RemoteSignRequest`), taken apart.
struct StoreRequest: Sendable {
    let method: String
    let bucket: BucketName
    /// Nil for the bucket itself.
    let key: ObjectKey?
    /// Decoded, in the order given.
    let query: [(name: String, value: String)]
    /// By name in lowercase.
    let headers: [String: [String]]
    let body: String?

    private static let uriBytesMax = 16 << 10
    private static let headersMax = 200
    private static let regionBytesMax = 64

    /// The store's own region is what is signed with; this is not to reach a log as anything but a word.
    private static func isRegion(_ text: String) -> Bool {
        (1...regionBytesMax).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                default: false
                }
            }
    }

    /// - Throws: `.badRequest` for what cannot be read; `.forbidden` for another host than the store's.
    init(_ body: JSONCursor, endpoint: StoreEndpoint) throws(CatalogError) {
        let (uri, method, provider) = try CatalogCall.reading { () throws(JSONError) -> (String, String, String?) in
            let region = try body.member("region")
            guard Self.isRegion(try region.string()) else {
                throw region.fail("a region is 1 to \(Self.regionBytesMax) letters, digits, \"-\", \"_\" and \".\"")
            }
            return (
                try body.member("uri").string(), try body.member("method").string(),
                try body.optional("provider")?.string()
            )
        }
        guard provider == nil || provider == "s3" else {
            throw CatalogError(.badRequest, "only requests to \"s3\" are signed, not \"\(provider?.prefix(40) ?? "")\"")
        }
        guard ["GET", "HEAD", "PUT", "POST", "DELETE"].contains(method) else {
            throw CatalogError(.forbidden, "requests with the method \"\(method.prefix(20))\" are not signed")
        }
        self.method = method
        (bucket, key, query) = try Self.parse(uri, endpoint)
        headers = try Self.headers(body)
        self.body = try CatalogCall.reading { () throws(JSONError) in try body.optional("body")?.string() }
    }

    private static func parse(
        _ uri: String, _ endpoint: StoreEndpoint
    ) throws(CatalogError) -> (BucketName, ObjectKey?, [(name: String, value: String)]) {
        guard uri.utf8.count <= uriBytesMax, !uri.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F || $0 == 0x23 })
        else { throw CatalogError(.badRequest, "the URI to sign is too long, not encoded, or has a fragment") }
        let halves = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let place = endpoint.place(of: halves[0]) else {
            throw CatalogError(.forbidden, "only requests to \(endpoint.base) are signed")
        }
        guard let path = PercentEncoding.decode(place.path) else {
            throw CatalogError(.badRequest, "the path of the URI to sign is not encoded as UTF-8")
        }
        let query = try parameters(halves.count > 1 ? halves[1] : "")
        do throws(ObjectStoreError) {
            let parts = path.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            let bucketName = place.bucket ?? parts.first.map(String.init) ?? ""
            let rest = place.bucket != nil ? path : parts.count > 1 ? String(parts[1]) : ""
            return (try BucketName(bucketName), rest.isEmpty ? nil : try ObjectKey(rest), query)
        } catch {
            throw CatalogError(.badRequest, "the URI to sign: \(error.message)")
        }
    }

    /// A name given twice might be read differently here and there.
    private static func parameters(_ text: Substring) throws(CatalogError) -> [(name: String, value: String)] {
        var found: [(name: String, value: String)] = []
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(parts[0], plusIsSpace: true),
                let value = PercentEncoding.decode(parts.count > 1 ? parts[1] : "", plusIsSpace: true),
                !found.contains(where: { $0.name == name })
            else { throw CatalogError(.badRequest, "the query of the URI to sign cannot be read") }
            found.append((name, value))
        }
        return found
    }

    private static func headers(_ body: JSONCursor) throws(CatalogError) -> [String: [String]] {
        try CatalogCall.reading { () throws(JSONError) in
            var headers: [String: [String]] = [:]
            for (name, values) in try body.member("headers").members() {
                for value in try values.elements() {
                    let text = try value.string()
                    guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
                        throw value.fail("a header with a control character")
                    }
                    headers[name.lowercased(), default: []].append(text)
                }
            }
            guard headers.count <= headersMax else { throw body.fail("more than \(headersMax) headers") }
            return headers
        }
    }

    func header(_ name: String) -> String? { headers[name]?.first }
}

/// Where the store of the tables is, as clients reach it.
struct StoreEndpoint: Sendable {
    let scheme: String
    let authority: String
    /// Before the bucket; without a trailing slash.
    let basePath: String

    /// Nil for what is no `http(s)://host[:port][/path]`.
    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count >= 3, ["http:", "https:"].contains(parts[0].lowercased()), parts[1].isEmpty,
            !parts[2].isEmpty
        else { return nil }
        scheme = parts[0].lowercased()
        authority = Self.withoutDefaultPort(parts[2].lowercased(), scheme)
        var path = parts.count > 3 && !parts[3].isEmpty ? "/\(parts[3])" : ""
        while path.hasSuffix("/") { path.removeLast() }
        basePath = path
    }

    var base: String { "\(scheme)//\(authority)\(basePath)" }

    /// What follows the endpoint in a URI without its query, still encoded, and the bucket where the host's name holds it;
    /// nil for another host, scheme or base path.
    func place(of uri: Substring) -> (bucket: String?, path: Substring)? {
        let parts = uri.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0].lowercased() == scheme, parts[1].isEmpty else { return nil }
        let host = Self.withoutDefaultPort(parts[2].lowercased(), scheme)
        var path = parts[3]
        if !basePath.isEmpty {
            guard path.hasPrefix("\(basePath.dropFirst())/") else { return nil }
            path = path.dropFirst(basePath.utf8.count)
        }
        if host == authority { return (nil, path) }
        guard host.hasSuffix(".\(authority)") else { return nil }
        return (String(host.dropLast(authority.count + 1)), path)
    }

    private static func withoutDefaultPort(_ authority: String, _ scheme: String) -> String {
        let port = scheme == "https:" ? ":443" : ":80"
        return authority.hasSuffix(port) ? String(authority.dropLast(port.count)) : authority
    }
}
