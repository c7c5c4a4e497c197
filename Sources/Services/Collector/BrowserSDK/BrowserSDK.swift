import Bytes
import Checksums
import Compression
import HTTP
import ServiceHost

/// `GET /sdk/analytics.js`: the script with which pages send events, the same for everybody.
package struct BrowserSDK: Sendable {
    private let plain: [UInt8]
    private let packed: [UInt8]
    private let tag: String

    /// Compresses once, for all requests.
    package init() throws(CompressionError) {
        plain = Array(Self.source.utf8)
        packed = try Deflate.compress(plain, container: .gzip, level: 9)
        tag = Hexadecimal.encode(Digest.sha256(plain).prefix(16))
    }

    /// An hour without asking, then a question that is answered with 304 until a release brings another script.
    package func response(to request: HTTPRequest) -> HTTPResponse {
        // One tag for each of the two forms (RFC 9110 §8.8.3).
        let takesGzip = Self.takesGzip(request.headers["Accept-Encoding"])
        let tag = takesGzip ? "\"\(tag)-gzip\"" : "\"\(tag)\""
        var headers: HTTPHeaders = [
            "ETag": tag, "Cache-Control": "public, max-age=3600, stale-while-revalidate=86400",
            "Vary": "Accept-Encoding",
        ]
        if Self.names(request.headers.values("If-None-Match"), tag) {
            return HTTPResponse(status: 304, headers: headers)
        }
        headers.append("Content-Type", "text/javascript; charset=utf-8")
        headers.append("X-Content-Type-Options", "nosniff")
        if takesGzip { headers.append("Content-Encoding", "gzip") }
        return HTTPResponse(status: 200, headers: headers, body: takesGzip ? packed : plain)
    }

    /// `If-None-Match` compares weakly (RFC 9110 §13.1.2).
    private static func names(_ fields: [String], _ tag: String) -> Bool {
        fields.joined(separator: ",").split(separator: ",").contains { part in
            let given = part.filter { $0 != " " }
            return given == "*" || given == tag || given == "W/" + tag
        }
    }

    private static func takesGzip(_ field: String?) -> Bool {
        guard let field else { return false }
        return field.split(separator: ",").contains { coding in
            let parts = coding.filter { $0 != " " }.lowercased().split(separator: ";")
            guard parts.first == "gzip" else { return false }
            return !parts.dropFirst().contains {
                $0.hasPrefix("q=0") && $0.dropFirst(3).allSatisfy { ".0".contains($0) }
            }
        }
    }
}
