import Bytes
import Clocks
import Glibc
import HTTP
import Lifecycle
import Synchronization

/// Answers HTTP/1.1 requests over TCP, TLS and Unix sockets, with libmicrohttpd.
///
///     let server = HTTPServer(configuration) { request in HTTPResponse(status: 200) }
///     try server.start()
///     …
///     await server.stop(graceMilliseconds: 25_000)
///
/// One thread, or a few, moves the bytes of all connections and puts requests together within the limits; handlers get them
/// whole. A handler runs on Swift's cooperative threads, or, if the request is short work, begins at once on the thread that
/// received it and goes on there whenever what it awaits is done.
public final class HTTPServer: Sendable {
    public typealias Handler = @Sendable (HTTPRequest) async -> HTTPResponse
    /// The response to a request that the server itself refuses.
    public typealias Refusal = @Sendable (HTTPRefusal) -> HTTPResponse
    /// A quick judgement of a request, made on the thread that moves the bytes.
    public typealias Judgement = @Sendable (HTTPRequest) -> Bool

    private enum State {
        case idle
        case running([Listener])
        case stopped
    }

    private struct Listener {
        let endpoint: HTTPServerConfiguration.Endpoint
        let descriptor: Int32
        let port: Int?
        /// Of the socket file, to remove that one only.
        let inode: UInt64?
    }

    private let configuration: HTTPServerConfiguration
    private let callbacks: Callbacks
    private let counters = ServerCounters()
    private let budget: BodyBudget
    private let peers: PeerLimit?
    private let state = Mutex(State.idle)
    private let mailboxes = Mutex<[Mailbox]>([])
    private let threadsRunning = Atomic<Int>(0)

    /// - Parameters:
    ///   - isShort: whether the handler of this request computes for microseconds only, and never blocks: it then runs on the
    ///     thread that moves the bytes.
    ///   - needsBody: asked with the head alone, where the sender waits for `100 Continue` or the body is long. False when the
    ///     handler will refuse the request whatever the body is; it then gets it without, and the connection is closed.
    ///   - isUnlimited: peers that may have as many connections as they want: proxies.
    public init(
        _ configuration: HTTPServerConfiguration, refusal: @escaping Refusal = { HTTPResponse(status: $0.status) },
        isShort: @escaping Judgement = { _ in false }, needsBody: @escaping Judgement = { _ in true },
        isUnlimited: @escaping @Sendable (HTTPPeer) -> Bool = { _ in false }, handler: @escaping Handler
    ) {
        self.configuration = configuration
        budget = BodyBudget(bytesMax: configuration.limits.bodiesBytesMax)
        peers = PeerLimit(
            connectionsMax: configuration.limits.connectionsPerAddressMax, isUnlimited: isUnlimited)
        callbacks = Callbacks(handler: handler, refusal: refusal, isShort: isShort, needsBody: needsBody)
    }

    /// Listens on every endpoint, or on none when one of them fails.
    public func start() throws(HTTPServerError) {
        var listeners: [Listener] = []
        do throws(HTTPServerError) {
            for endpoint in configuration.endpoints { listeners.append(try Self.open(endpoint)) }
            try startThreads(listeners)
        } catch {
            for listener in listeners { Self.close(listener) }
            throw error
        }
        state.withLock { $0 = .running(listeners) }
    }

    /// The ports of the TCP endpoints, in order: what the system chose for port 0.
    public var ports: [Int] { listeners.compactMap(\.port) }

    /// Connections open now.
    public var connectionCount: Int { statistics.connections }

    /// Requests being received or answered now.
    public var requestCount: Int { statistics.requests }

    public var statistics: HTTPServerStatistics { counters.statistics(bodyBytes: budget.bytes) }

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
        // Refuses whoever comes now, instead of leaving them in the backlog.
        for listener in listeners { shutdown(listener.descriptor, Int32(SHUT_RDWR)) }
        let mailboxes = mailboxes.withLock { $0 }
        for mailbox in mailboxes { mailbox.quiesce() }
        let isDone = await wait(clock, milliseconds: graceMilliseconds) {
            counters.requests.load(ordering: .relaxed) == 0
        }
        for mailbox in mailboxes { mailbox.stop() }
        await wait(clock, milliseconds: 10_000) { threadsRunning.load(ordering: .acquiring) == 0 }
        for listener in listeners { Self.close(listener) }
        return isDone
    }

    // MARK: -

    private var listeners: [Listener] {
        state.withLock { if case .running(let listeners) = $0 { listeners } else { [] } }
    }

    /// False when the time ran out.
    @discardableResult
    private func wait(_ clock: any MonotonicClock, milliseconds: Int, until isDone: () -> Bool) async -> Bool {
        let start = clock.nanoseconds()
        while !isDone() {
            guard Int((clock.nanoseconds() &- start) / 1_000_000) < milliseconds else { return false }
            do { try await clock.sleep(milliseconds: 2) } catch { return isDone() }
        }
        return true
    }

    private func startThreads(_ listeners: [Listener]) throws(HTTPServerError) {
        var loops: [(mailbox: Mailbox, servers: [LibraryServer])] = []
        do throws(HTTPServerError) {
            for _ in 0..<max(1, configuration.limits.threadCount) {
                guard let mailbox = Mailbox() else {
                    throw HTTPServerError(.failed, "no file descriptors are left for the server")
                }
                loops.append((mailbox, []))
                for listener in listeners {
                    let tls = listener.port == nil ? nil : configuration.tls
                    loops[loops.count - 1].servers.append(
                        try LibraryServer(listener.descriptor, limits: configuration.limits, tls: tls))
                }
            }
        } catch {
            for server in loops.flatMap(\.servers) { server.stop() }
            throw error
        }
        let setup = LoopSetup(
            limits: configuration.limits, callbacks: callbacks, counters: counters, budget: budget, peers: peers,
            mailboxes: loops.map(\.mailbox))
        for (mailbox, servers) in loops {
            mailboxes.withLock { $0.append(mailbox) }
            threadsRunning.wrappingAdd(1, ordering: .relaxed)
            DedicatedThread.start { [self] in
                Self.blockBrokenPipes()
                EventLoop(setup, mailbox: mailbox, servers: servers).run()
                threadsRunning.wrappingSubtract(1, ordering: .releasing)
            }
        }
    }

    /// GnuTLS writes to sockets whose peer is gone; the signal would end the process.
    private static func blockBrokenPipes() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    private static func open(_ endpoint: HTTPServerConfiguration.Endpoint) throws(HTTPServerError) -> Listener {
        let descriptor = try ListeningSocket.open(endpoint)
        var inode: UInt64?
        if case .unix(let path, _) = endpoint { inode = Self.inode(of: path) }
        return Listener(
            endpoint: endpoint, descriptor: descriptor, port: ListeningSocket.port(of: descriptor), inode: inode)
    }

    private static func close(_ listener: Listener) {
        if case .unix(let path, _) = listener.endpoint, let inode = listener.inode, Self.inode(of: path) == inode {
            unlink(path)
        }
        Glibc.close(listener.descriptor)
    }

    private static func inode(of path: String) -> UInt64? {
        var status = stat()
        return lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }
}

/// What the server calls.
struct Callbacks: Sendable {
    let handler: HTTPServer.Handler
    let refusal: HTTPServer.Refusal
    let isShort: HTTPServer.Judgement
    let needsBody: HTTPServer.Judgement
}
