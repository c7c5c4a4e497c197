import Bytes
import Clocks
import Configuration
import HTTP

/// Another worker, called by the name of its binding.
///
///     guard let catalog = worker.binding(BindingName.catalog) else { … }
///     let response = try await catalog.send(HTTPRequest(method: .get, target: "/v1/config"), for: context)
///
/// Over a Unix socket the socket's permissions are the proof of who calls; over `http(s)` each request is signed.
package struct ServiceBinding: Sendable {
    package let name: String
    package let service: String
    /// Where it leads, for messages.
    package let url: String
    private let socketPath: String?
    private let pathPrefix: String
    private let signature: BindingSignature?
    private let caller: String
    private let client: any HTTPClient
    private let clock: any WallClock
    private let random: any RandomSource

    package init(
        _ entry: BindingsFile.Entry, caller: String, signature: BindingSignature?, client: any HTTPClient,
        clock: any WallClock = SystemClock(), random: any RandomSource = SystemRandom()
    ) {
        name = entry.binding
        service = entry.service
        url = entry.url.text
        socketPath = entry.url.scheme == "unix" ? entry.url.path : nil
        pathPrefix = entry.url.scheme == "unix" ? "" : entry.url.path
        self.signature = signature
        self.caller = caller
        self.client = client
        self.clock = clock
        self.random = random
    }

    /// Sends `request`, whose target is path and query on the other worker.
    ///
    /// Id and trace of the request being answered go along.
    ///
    /// - Parameter context: of that request, where it is not the task's own.
    package func send(
        _ request: HTTPRequest, for context: RequestContext? = nil, timeoutMilliseconds: Int = 60_000
    ) async throws(HTTPClientError) -> HTTPResponse {
        var request = request
        CallTrace.carry(into: &request, for: context, random)
        var options = HTTPRequestOptions(unixSocketPath: socketPath)
        options.timeoutMilliseconds = timeoutMilliseconds
        options.connectTimeoutMilliseconds = min(options.connectTimeoutMilliseconds, timeoutMilliseconds)
        if socketPath == nil {
            request.target = pathPrefix + request.target
            signature?.sign(&request, caller: caller, at: clock.now(), nonce: random.next())
            request.target = url.dropLast(pathPrefix.count) + request.target
        } else {
            request.headers[BindingSignature.callerHeader] = caller
        }
        return try await client.send(request, options: options)
    }
}
