import CMicroHTTPD
import Clocks
import Glibc
import HTTP
import Synchronization

/// What the loops of a server share.
struct LoopSetup: Sendable {
    let limits: HTTPServerLimits
    let callbacks: Callbacks
    let counters: ServerCounters
    let budget: BodyBudget
    let peers: PeerLimit?
    /// Of all loops.
    let mailboxes: [Mailbox]
}

/// One thread that runs libmicrohttpd and the steps of short requests: all connections it accepts stay with it.
///
/// Per turn: what other threads have handed over, then what the library can do. Nothing here waits but for both.
final class EventLoop {
    private static let tickMilliseconds: Int32 = 250

    let setup: LoopSetup
    private let mailbox: Mailbox
    private let servers: [LibraryServer]
    /// For the HTTP client that short requests use.
    private let seat = LoopSeat()
    private var isQuiescing = false
    private var lastSweep: UInt64
    private var lastFruitlessEviction: UInt64 = 0

    init(_ setup: LoopSetup, mailbox: Mailbox, servers: [LibraryServer]) {
        self.setup = setup
        self.mailbox = mailbox
        self.servers = servers
        lastSweep = Self.milliseconds()
    }

    /// The loop that the library was given: it lives as long as `run` goes on, and so outlives every callback.
    static func of(_ context: UnsafeMutableRawPointer?) -> EventLoop {
        guard let context else { preconditionFailure("the library runs without its loop") }
        return Unmanaged<EventLoop>.fromOpaque(context).takeUnretainedValue()
    }

    private static func milliseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }

    // MARK: - Turns

    /// Until the mailbox says stop. Closes every connection then.
    func run() { seat.open { turns() } }

    private func turns() {
        for server in servers { server.attach(to: self) }
        var watched = servers.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        watched.append(pollfd(fd: mailbox.wakeup, events: Int16(POLLIN), revents: 0))
        var posted = Mailbox.Contents()
        while true {
            seat.run()
            mailbox.exchange(&posted)
            if posted.isStopping { break }
            if posted.isQuiescing, !isQuiescing { quiesce() }
            var isForServers = true
            if posted.isEmpty {
                isForServers = wait(&watched)
                mailbox.wokeUp()
            } else {
                carryOut(&posted)
            }
            if isForServers { for server in servers { server.run() } }
            sweep()
        }
        for server in servers { server.stop() }
        seat.close()
        // Tasks that were to go on here, and whose replies go nowhere now.
        for job in posted.jobs { job.runSynchronously(on: mailbox.asUnownedTaskExecutor()) }
        for job in mailbox.closeDown() { job.runSynchronously(on: mailbox.asUnownedTaskExecutor()) }
    }

    /// - Returns: whether there may be something to do for the servers; what came may also be for the guest alone.
    private func wait(_ watched: inout [pollfd]) -> Bool {
        var patience = setup.counters.connections.load(ordering: .relaxed) > 0 ? Self.tickMilliseconds : -1
        for server in servers {
            let timeout = server.timeout
            if timeout >= 0, patience < 0 || timeout < patience { patience = timeout }
        }
        let isForGuest = seat.wait(&watched, milliseconds: patience)
        if watched[watched.count - 1].revents != 0 { mailbox.clearWakeup() }
        return !isForGuest || patience == 0 || watched.contains { $0.revents != 0 }
    }

    private func carryOut(_ posted: inout Mailbox.Contents) {
        for job in posted.jobs { job.runSynchronously(on: mailbox.asUnownedTaskExecutor()) }
        posted.jobs.removeAll(keepingCapacity: true)
        // What they answered goes out at once.
        if posted.replies.isEmpty { mailbox.exchange(&posted.replies) }
        for (address, response) in posted.replies {
            guard let request = OpaquePointer(bitPattern: address.bits) else { continue }
            response.send(to: request)
        }
        posted.replies.removeAll(keepingCapacity: true)
        if posted.evictions > 0 { _ = evict(posted.evictions) }
        posted.evictions = 0
    }

    private func quiesce() {
        isQuiescing = true
        for server in servers { server.quiesce() }
    }

    private func sweep() {
        let now = Self.milliseconds()
        guard now - lastSweep >= UInt64(Self.tickMilliseconds) else { return }
        lastSweep = now
        for server in servers { server.sweep() }
    }

    // MARK: - What the library asks

    func admit(_ peer: UnsafePointer<CChar>?) -> Bool {
        let peer = HTTPPeer(library: peer)
        if let peers = setup.peers, !peers.enter(peer) { return false }
        let isRoom =
            setup.counters.connections.load(ordering: .relaxed) <= setup.limits.connectionsMax || makeRoom()
        if !isRoom { setup.peers?.leave(peer) }
        return isRoom
    }

    func leave(_ peer: UnsafePointer<CChar>?) { setup.peers?.leave(HTTPPeer(library: peer)) }

    /// Closes connections that rest, those first that have never sent a whole request, then the oldest. To keep them is a favour, to
    /// serve who comes is not.
    private func makeRoom() -> Bool {
        let now = Self.milliseconds()
        guard now &- lastFruitlessEviction > 50 else { return false }
        let wanted = max(1, setup.limits.connectionsMax / 32)
        if evict(wanted) > 0 { return true }
        lastFruitlessEviction = now
        // Other loops' may rest: there is room then for whoever comes next.
        for other in setup.mailboxes where other !== mailbox { other.evict(wanted) }
        return false
    }

    private func evict(_ count: Int) -> Int {
        servers.reduce(0) { evicted, server in evicted + (evicted < count ? server.evict(count - evicted) : 0) }
    }

    func needsBody(_ view: UnsafePointer<chttpd_request_view>?) -> Bool {
        guard let view, let request = HTTPRequest(view.pointee) else { return true }
        return setup.callbacks.needsBody(request)
    }

    /// - Returns: whether the answer will come soon.
    func receive(_ request: OpaquePointer?, _ view: UnsafePointer<chttpd_request_view>?) -> Bool {
        guard let request, let view else { return false }
        let address = Mailbox.Address(bits: UInt(bitPattern: request))
        let mailbox = mailbox
        guard let whole = HTTPRequest(view.pointee) else {
            setup.counters.refused.wrappingAdd(1, ordering: .relaxed)
            mailbox.reply(
                setup.callbacks.refusal(.malformed("the request target must be a path, percent-encoded")), to: address)
            return true
        }
        let handler = setup.callbacks.handler
        let isShort = setup.callbacks.isShort(whole)
        if isShort {
            Task.immediate(executorPreference: mailbox) { mailbox.reply(await handler(whole), to: address) }
        } else {
            Task.detached { mailbox.reply(await handler(whole), to: address) }
        }
        return isShort
    }

    func refuse(_ request: OpaquePointer?, _ status: Int) {
        guard let request else { return }
        setup.callbacks.refusal(HTTPRefusal(status, message(status))).send(to: request)
    }

    /// Tells a connection without a whole request why it is closed; what does not fit its buffer is not sent.
    func refuse(connection: OpaquePointer?, _ status: Int) {
        guard let connection else { return }
        let response = setup.callbacks.refusal(HTTPRefusal(status, message(status)))
        var text = "HTTP/1.1 \(response.status) \(status == 408 ? "Request Timeout" : "Service Unavailable")\r\n"
        for field in response.headers.fields { text += "\(field.name): \(field.value)\r\n" }
        text += "Content-Length: \(response.body.count)\r\nConnection: close\r\n\r\n"
        let bytes = Array(text.utf8) + response.body
        chttpd_tell(connection, bytes, bytes.count)
    }

    /// The library answers with a page of its own: all that is left is that it is counted, and logged.
    func noteRefusal(_ status: Int) {
        _ = setup.callbacks.refusal(HTTPRefusal(status, "libmicrohttpd could not read the request"))
    }

    private func message(_ status: Int) -> String {
        let limits = setup.limits
        return switch status {
        case 408: "the request came too slowly, or stopped coming"
        case 413: "the body is longer than \(limits.bodyBytesMax) bytes"
        case 431: "the request line and headers are longer than \(limits.headerBytesMax) bytes, or more than 256"
        case 501: "the transfer encoding is not known; chunked is"
        case 503: "too many connections are open, or too many request bodies are being received"
        default: "the length of the body is not stated, or in more than one way"
        }
    }
}
