import Bytes
import CMicroHTTPD
import Clocks
import Glibc
import HTTP
import Synchronization

/// Answers HTTP/1.1 requests over TCP, TLS and Unix sockets, by libmicrohttpd.
///
///     let server = HTTPServer(configuration) { request in HTTPResponse(status: 200) }
///     try server.start()
///     …
///     await server.stop(graceMilliseconds: 25_000)
///
/// Handlers get requests whole, within the limits, and run on Swift's cooperative threads, one task each. Some 40,000 small
/// requests a second on one core.
public final class HTTPServer: Sendable {
    public typealias Handler = @Sendable (HTTPRequest) async -> HTTPResponse
    /// Answers at once, on the thread that moves the bytes, or returns nil to leave the request to the handler. Must not block.
    public typealias FastHandler = @Sendable (HTTPRequest) -> HTTPResponse?
    /// The response to a request that is refused before it is whole: 400, 413, 431, 501, 503.
    public typealias Refusal = @Sendable (_ status: Int) -> HTTPResponse

    private enum State {
        case idle
        case running([Listener])
        case stopped
    }

    private struct Listener {
        let endpoint: HTTPServerConfiguration.Endpoint
        let daemon: Daemon
        let port: Int?
        /// Of the socket file, to remove that one only.
        let inode: UInt64?
    }

    private let configuration: HTTPServerConfiguration
    private let callbacks: Callbacks
    private let state = Mutex(State.idle)

    public init(
        _ configuration: HTTPServerConfiguration, refusal: @escaping Refusal = { HTTPResponse(status: $0) },
        fast: FastHandler? = nil, handler: @escaping Handler
    ) {
        self.configuration = configuration
        callbacks = Callbacks(handler: handler, fast: fast, refusal: refusal)
    }

    /// Listens on every endpoint, or on none when one of them fails.
    public func start() throws(HTTPServerError) {
        var listeners: [Listener] = []
        do throws(HTTPServerError) {
            for endpoint in configuration.endpoints { listeners.append(try start(endpoint)) }
        } catch {
            for listener in listeners { close(listener) }
            throw error
        }
        state.withLock { $0 = .running(listeners) }
    }

    /// The ports of the TCP endpoints, in order: what the system chose for port 0.
    public var ports: [Int] { listeners.compactMap(\.port) }

    /// Connections open now.
    public var connectionCount: Int { listeners.reduce(0) { $0 + $1.daemon.connectionCount } }

    /// Requests being received or answered now.
    public var requestCount: Int { listeners.reduce(0) { $0 + $1.daemon.requestCount } }

    /// Accepts no more connections, lets requests in flight finish for up to `graceMilliseconds`, then closes everything.
    ///
    /// - Returns: whether all requests were finished.
    @discardableResult
    public func stop(graceMilliseconds: Int, clock: any MonotonicClock = SystemClock()) async -> Bool {
        let listeners = state.withLock { state in
            defer { state = .stopped }
            if case .running(let listeners) = state { return listeners }
            return []
        }
        for listener in listeners { listener.daemon.quiesce() }
        let start = clock.nanoseconds()
        var isDone = false
        while !isDone {
            isDone = listeners.allSatisfy { $0.daemon.requestCount == 0 }
            let elapsed = Int((clock.nanoseconds() &- start) / 1_000_000)
            if isDone || elapsed >= graceMilliseconds { break }
            do { try await clock.sleep(milliseconds: 5) } catch { break }
        }
        for listener in listeners { close(listener) }
        return isDone
    }

    // MARK: -

    private var listeners: [Listener] {
        state.withLock { if case .running(let listeners) = $0 { listeners } else { [] } }
    }

    private func start(_ endpoint: HTTPServerConfiguration.Endpoint) throws(HTTPServerError) -> Listener {
        let socket = try ListeningSocket.open(endpoint)
        let port = ListeningSocket.port(of: socket)
        var tls: HTTPServerConfiguration.TLS?
        var inode: UInt64?
        switch endpoint {
        case .tcp: tls = configuration.tls
        case .unix(let path, _): inode = Self.inode(of: path)
        }
        guard let daemon = Daemon(socket: socket, limits: configuration.limits, tls: tls, callbacks: callbacks) else {
            let reason = String(cString: strerror(errno))
            Glibc.close(socket)
            let hint = tls == nil ? "" : " (do the certificate and its key belong together, in PEM?)"
            throw HTTPServerError(.invalid, "cannot serve on \(endpoint): \(reason)\(hint)")
        }
        return Listener(endpoint: endpoint, daemon: daemon, port: port, inode: inode)
    }

    private func close(_ listener: Listener) {
        if case .unix(let path, _) = listener.endpoint, let inode = listener.inode, Self.inode(of: path) == inode {
            unlink(path)
        }
        listener.daemon.stop()
    }

    private static func inode(of path: String) -> UInt64? {
        var status = stat()
        return lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }
}
