import Configuration
import HTTP

/// Which web pages may call (`ALLOWED_ORIGINS`): the CORS protocol of the Fetch standard.
package struct CrossOrigin: Sendable {
    private let allowed: Set<String>
    private let allowsAll: Bool

    /// With none given, development lets every page call, the other environments only those of the same origin.
    package init(allowedOrigins: [String], environment: DeploymentEnvironment) {
        allowed = Set(allowedOrigins.map { $0.lowercased() })
        allowsAll = allowedOrigins.contains("*") || allowedOrigins.isEmpty && environment == .development
    }

    package func allows(_ origin: String, host: String?) -> Bool {
        if allowsAll || allowed.contains(origin.lowercased()) { return true }
        guard let host, let separator = origin.firstRange(of: "://") else { return false }
        return origin[separator.upperBound...].lowercased() == host.lowercased()
    }

    /// Adds what lets the page read the response.
    package func decorate(_ response: inout HTTPResponse, origin: String) {
        response.headers.append("Access-Control-Allow-Origin", origin)
        response.headers.append("Vary", "Origin")
        response.headers.append(
            "Access-Control-Expose-Headers",
            "X-Request-Id, traceparent, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset")
    }

    /// The answer to `OPTIONS`, whether a page's preflight or not.
    package func preflight(_ request: HTTPRequest, methods: [String]) -> HTTPResponse {
        var response = HTTPResponse(status: 204, headers: ["Allow": methods.joined(separator: ", ")])
        guard request.headers["Origin"] != nil, request.headers["Access-Control-Request-Method"] != nil else {
            return response
        }
        response.headers.append("Access-Control-Allow-Methods", methods.joined(separator: ", "))
        let headers = request.headers["Access-Control-Request-Headers"] ?? "Content-Type, X-API-Key, Authorization"
        response.headers.append("Access-Control-Allow-Headers", String(headers.prefix(1000)))
        response.headers.append("Access-Control-Max-Age", "600")
        return response
    }
}
