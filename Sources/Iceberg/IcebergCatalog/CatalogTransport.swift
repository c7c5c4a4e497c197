import HTTP

/// How requests reach a catalog: over a URL with a token, over a Unix socket, or over a service binding.
///
/// A request's `target` is the path below the catalog's root, beginning with `/v1/`.
public struct CatalogTransport: Sendable {
    public typealias Send = @Sendable (HTTPRequest) async throws(HTTPClientError) -> HTTPResponse

    public let send: Send

    /// Any way of sending, such as a service binding.
    public init(send: @escaping Send) { self.send = send }

    /// Sends to `baseURL` (`http://host:8181`, with or without a path, a final `/` or `/v1`).
    public init(
        client: any HTTPClient, baseURL: String, token: String? = nil,
        options: HTTPRequestOptions = HTTPRequestOptions()
    ) {
        let base = Self.root(of: baseURL)
        send = { (request) async throws(HTTPClientError) -> HTTPResponse in
            var request = request
            request.target = base + request.target
            if let token { request.headers["Authorization"] = "Bearer \(token)" }
            return try await client.send(request, options: options)
        }
    }

    /// Sends to `baseURL` with tokens of an OAuth 2 server. A request that is refused for its token (401, 419) was not
    /// carried out: it is sent once more, with a new one.
    public init(
        client: any HTTPClient, baseURL: String, tokens: OAuthTokenSource,
        options: HTTPRequestOptions = HTTPRequestOptions()
    ) {
        let base = Self.root(of: baseURL)
        send = { (request) async throws(HTTPClientError) -> HTTPResponse in
            var request = request
            request.target = base + request.target
            let token = try await tokens.token()
            request.headers["Authorization"] = "Bearer \(token)"
            let response = try await client.send(request, options: options)
            guard response.status == 401 || response.status == 419 else { return response }
            await tokens.forget(token)
            request.headers["Authorization"] = "Bearer \(try await tokens.token())"
            return try await client.send(request, options: options)
        }
    }

    /// The URL without a final `/` or `/v1`.
    public static func root(of baseURL: String) -> String {
        var root = Substring(baseURL)
        while root.hasSuffix("/") { root = root.dropLast() }
        if root.hasSuffix("/v1") { root = root.dropLast(3) }
        return String(root)
    }

    /// Sends over a Unix socket, whose permissions are the access control.
    public init(client: any HTTPClient, unixSocketPath: String) {
        let options = HTTPRequestOptions(unixSocketPath: unixSocketPath)
        send = { (request) async throws(HTTPClientError) -> HTTPResponse in
            try await client.send(request, options: options)
        }
    }
}
