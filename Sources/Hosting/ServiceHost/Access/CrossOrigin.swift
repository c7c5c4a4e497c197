import Configuration
import HTTP

/// Which web pages may call (`ALLOWED_ORIGINS`, and the origins of keys): the CORS protocol of the Fetch standard.
///
/// An origin that may call is mirrored, never answered with `*`: beacons carry credentials, and a browser then takes nothing
/// but the origin itself.
package struct CrossOrigin: Sendable {
    private let allowed: OriginPatterns
    private let allowsAll: Bool
    /// Whether every page that may call may do so with credentials; else only pages that are named.
    private let givesCredentialsToAll: Bool
    private let keys: KeyRing

    /// With no origin given, development lets every page call, the other environments only those of the same origin and
    /// those that some key names.
    package init(
        allowed: OriginPatterns, environment: DeploymentEnvironment, keys: KeyRing, givesCredentialsToAll: Bool = false
    ) {
        self.allowed = allowed
        allowsAll = allowed.matchesAll || allowed.isEmpty && environment == .development
        self.givesCredentialsToAll = givesCredentialsToAll
        self.keys = keys
    }

    /// Whether a request may come from a page of `origin`, whatever its key.
    package func allows(_ origin: String, host: String?) -> Bool {
        allowsWithoutKey(origin, host: host) || keys.allows(origin: origin)
    }

    /// Whether it may when its key, if any, names no origins.
    package func allowsWithoutKey(_ origin: String, host: String?) -> Bool {
        allowsAll || allowed.names(origin) || Self.isSame(origin, host)
    }

    private static func isSame(_ origin: String, _ host: String?) -> Bool {
        guard let host, let separator = origin.firstRange(of: "://") else { return false }
        return origin[separator.upperBound...].lowercased() == host.lowercased()
    }

    /// Adds what lets the page read the response.
    package func decorate(_ response: inout HTTPResponse, origin: String, host: String?) {
        response.headers.append("Access-Control-Allow-Origin", origin)
        response.headers.append("Vary", "Origin")
        if givesCredentialsToAll || allowed.names(origin) || Self.isSame(origin, host) || keys.allows(origin: origin) {
            response.headers.append("Access-Control-Allow-Credentials", "true")
        }
        response.headers.append(
            "Access-Control-Expose-Headers",
            "X-Request-Id, traceparent, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset")
    }

    /// For what every page may load, such as a script: no credentials, no list.
    package static func decorateForAll(_ response: inout HTTPResponse) {
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    }

    /// The answer to `OPTIONS`, whether a page's preflight, a sender's of CloudEvents webhooks, or neither.
    package func preflight(_ request: HTTPRequest, methods: [String]) -> HTTPResponse {
        var response = HTTPResponse(status: 204, headers: ["Allow": methods.joined(separator: ", ")])
        // CloudEvents webhooks §4: who may deliver, and how often ("*": as RateLimit says).
        if let sender = request.headers["WebHook-Request-Origin"] {
            response.headers.append("WebHook-Allowed-Origin", String(sender.prefix(300)))
            response.headers.append("WebHook-Allowed-Rate", "*")
        }
        guard request.headers["Origin"] != nil, request.headers["Access-Control-Request-Method"] != nil else {
            return response
        }
        response.headers.append("Access-Control-Allow-Methods", methods.joined(separator: ", "))
        let headers = request.headers["Access-Control-Request-Headers"] ?? "Content-Type, X-API-Key, Authorization"
        response.headers.append("Access-Control-Allow-Headers", String(headers.prefix(1000)))
        // What the browsers that cap it least differently all take: Chromium allows two hours.
        response.headers.append("Access-Control-Max-Age", "7200")
        response.headers.append("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
        return response
    }
}
