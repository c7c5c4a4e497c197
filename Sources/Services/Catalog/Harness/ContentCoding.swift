import Compression
import HTTP

/// Compresses large answers for clients that take it (RFC 9110 §12.5.3): zstd before gzip, both at the fastest level, since
/// metadata is so regular that higher ones gain little.
enum ContentCoding: String, CaseIterable {
    case zstd, gzip

    /// Smaller answers go as they are: most clients are near, and what is saved is less than what it costs them.
    static let bodyBytesMin = 64 << 10

    static func apply(to response: HTTPResponse, for request: HTTPRequest) -> HTTPResponse {
        guard response.status == 200, response.body.count >= bodyBytesMin, response.headers["Content-Encoding"] == nil
        else { return response }
        var response = response
        response.headers["Vary"] = "Accept-Encoding"
        guard let coding = preferred(of: request.headers.values("Accept-Encoding")) else { return response }
        do throws(CompressionError) {
            response.body = try coding.compress(response.body)
        } catch {
            return response
        }
        response.headers["Content-Encoding"] = coding.rawValue
        // The same table, not the same bytes.
        if let tag = response.headers["ETag"], !tag.hasPrefix("W/") { response.headers["ETag"] = "W/" + tag }
        return response
    }

    private func compress(_ body: [UInt8]) throws(CompressionError) -> [UInt8] {
        switch self {
        case .zstd: try Zstandard.compress(body, level: 1)
        case .gzip: try Deflate.compress(body, container: .gzip, level: 1)
        }
    }

    /// The coding with the highest weight; zstd where both have it.
    static func preferred(of fields: [String]) -> ContentCoding? {
        var best: (coding: ContentCoding, weight: Double)?
        for item in fields.flatMap({ $0.split(separator: ",") }).prefix(20) {
            let parts = item.filter { $0 != " " && $0 != "\t" }.lowercased().split(separator: ";")
            guard let coding = parts.first.flatMap({ ContentCoding(rawValue: String($0)) }) else { continue }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            guard weight > 0 else { continue }
            if weight > best?.weight ?? 0 || weight == best?.weight && coding == .zstd { best = (coding, weight) }
        }
        return best?.coding
    }
}
