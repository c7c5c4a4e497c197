import CEpoll
import Clocks
import Glibc
import HTTP
import Synchronization

/// What the loops of a server share.
struct LoopSetup: Sendable {
    struct Listener: Sendable {
        let descriptor: Int32
        let tls: TLSContext?
    }

    let limits: HTTPServerLimits
    let callbacks: Callbacks
    let listeners: [Listener]
    let counters: ServerCounters
    let budget: BodyBudget
    let peers: PeerLimit?
}

/// One thread that accepts, reads, hands out, and sends: all connections it accepts stay with it.
///
/// Sockets never block it. Per turn: what other threads have handed over, then what the sockets are ready for; a connection gets a
/// bounded share of each turn.
final class EventLoop {
    static let wakeupToken = UInt64.max
    private static let listenerBit: UInt64 = 1 << 63
    private static let tickMilliseconds: Int32 = 250
    static let readBytes = 64 << 10

    let setup: LoopSetup
    let mailbox: Mailbox
    let epoll: Int32
    var limits: HTTPServerLimits { setup.limits }
    var connections: [Connection?] = []
    private var generations: [UInt32] = []
    private var free: [UInt32] = []
    /// Connections that have something to do without the kernel telling.
    var ready: [Mailbox.Address] = []
    var encoder = ResponseEncoder()
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: EventLoop.readBytes, alignment: 16)
    /// Monotonic milliseconds, of this turn.
    var now: UInt64
    private var lastSweep: UInt64
    var isQuiescing = false
    /// Not accepting until then, because descriptors ran out.
    var pausedUntil: UInt64?
    var lastFruitlessEviction: UInt64 = 0

    init(_ setup: LoopSetup, mailbox: Mailbox, epoll: Int32) {
        self.setup = setup
        self.mailbox = mailbox
        self.epoll = epoll
        now = Self.milliseconds()
        lastSweep = now
    }

    deinit {
        scratch.deallocate()
        close(epoll)
    }

    static func milliseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }

    // MARK: - Turns

    /// Until the mailbox says stop. Closes every connection then.
    func run() {
        cepoll_add_wakeup(epoll, mailbox.wakeup, Self.wakeupToken)
        listen()
        var posted = Mailbox.Contents()
        var events = [cepoll_event](repeating: cepoll_event(), count: CEPOLL_BATCH)
        while true {
            mailbox.exchange(&posted)
            if posted.isStopping { break }
            if posted.isQuiescing, !isQuiescing { quiesce() }
            let isAtRest = posted.isEmpty && ready.isEmpty
            carryOut(&posted)
            advanceReady()
            let count = cepoll_wait(epoll, &events, isAtRest ? patience : 0)
            if isAtRest { mailbox.wokeUp() }
            now = Self.milliseconds()
            for event in events.prefix(max(0, Int(count))) { handle(event) }
            if now - lastSweep >= UInt64(Self.tickMilliseconds) { sweep() }
        }
        for case let connection? in connections { drop(connection) }
        for job in mailbox.closeDown() { job.runSynchronously(on: mailbox.asUnownedTaskExecutor()) }
    }

    private var patience: Int32 {
        free.count < connections.count || pausedUntil != nil ? Self.tickMilliseconds : -1
    }

    private func carryOut(_ posted: inout Mailbox.Contents) {
        for job in posted.jobs { job.runSynchronously(on: mailbox.asUnownedTaskExecutor()) }
        posted.jobs.removeAll(keepingCapacity: true)
        for (address, response) in posted.replies {
            guard let connection = connection(at: address), connection.phase == .handling else { continue }
            respond(connection, response)
        }
        posted.replies.removeAll(keepingCapacity: true)
    }

    private func advanceReady() {
        guard !ready.isEmpty else { return }
        let addresses = ready
        ready.removeAll(keepingCapacity: true)
        for address in addresses {
            if let connection = connection(at: address) { advance(connection) }
        }
    }

    private func handle(_ event: cepoll_event) {
        if event.token == Self.wakeupToken { return mailbox.clearWakeup() }
        if event.token & Self.listenerBit != 0 { return accept(from: Int(event.token & 0xFFFF)) }
        let address = Mailbox.Address(
            slot: UInt32(truncatingIfNeeded: event.token), generation: UInt32(truncatingIfNeeded: event.token >> 32))
        guard let connection = connection(at: address) else { return }
        if event.events & (cepoll_in | cepoll_hangup | cepoll_error) != 0 { connection.mayRead = true }
        if event.events & (cepoll_hangup | cepoll_error) != 0 { connection.sawHangup = true }
        if !connection.output.isEmpty { send(connection) }
        advance(connection)
    }

    // MARK: - Listening

    func listen() {
        pausedUntil = nil
        for (index, listener) in setup.listeners.enumerated() {
            cepoll_add_listener(epoll, listener.descriptor, Self.listenerBit | UInt64(index))
        }
    }

    /// Descriptors ran out: whoever comes waits in the kernel's queue for a moment.
    func pauseListening() {
        stopListening()
        pausedUntil = now + 100
    }

    private func stopListening() {
        for listener in setup.listeners { cepoll_remove(epoll, listener.descriptor) }
    }

    private func quiesce() {
        isQuiescing = true
        pausedUntil = nil
        stopListening()
        for case let connection? in connections where connection.isIdle { drop(connection) }
    }

    // MARK: - Places

    func connection(at address: Mailbox.Address) -> Connection? {
        let slot = Int(address.slot)
        guard slot < connections.count, generations[slot] == address.generation else { return nil }
        return connections[slot]
    }

    /// A place for a new connection.
    func takePlace() -> Mailbox.Address {
        if let slot = free.popLast() { return Mailbox.Address(slot: slot, generation: generations[Int(slot)]) }
        connections.append(nil)
        generations.append(0)
        return Mailbox.Address(slot: UInt32(connections.count - 1), generation: 0)
    }

    /// Closes a connection at once and forgets it.
    func drop(_ connection: Connection) {
        guard connection.phase != .closed else { return }
        finishRequest(connection)
        connection.phase = .closed
        close(connection.descriptor)
        let slot = Int(connection.address.slot)
        connections[slot] = nil
        // The top bit of a token belongs to the listeners.
        generations[slot] = (generations[slot] + 1) & 0x7FFF_FFFF
        free.append(connection.address.slot)
        setup.counters.connections.wrappingSubtract(1, ordering: .relaxed)
        setup.peers?.leave(connection.peer)
    }

    /// What a request took is given back: it is answered, or its connection is gone.
    func finishRequest(_ connection: Connection) {
        connection.reader.reset()
        guard connection.isCounted else { return }
        connection.isCounted = false
        setup.counters.requests.wrappingSubtract(1, ordering: .relaxed)
    }

    // MARK: - Time

    private func sweep() {
        lastSweep = now
        if let until = pausedUntil, now >= until { listen() }
        for case let connection? in connections { checkTime(connection) }
    }

    private func checkTime(_ connection: Connection) {
        let waited = now &- connection.since
        let rested = now &- connection.lastMoved
        let idle = UInt64(limits.idleTimeoutSeconds) * 1000
        switch connection.phase {
        case .receiving:
            if connection.isIdle {
                if rested > idle { drop(connection) }
            } else if connection.reader.phase != .body {
                guard waited > UInt64(limits.headerTimeoutSeconds) * 1000 || rested > idle else { return }
                timeOut(connection, "the headers took longer than \(limits.headerTimeoutSeconds) s")
            } else if waited > UInt64(limits.bodyTimeoutSeconds) * 1000 || rested > idle {
                timeOut(connection, "the body took longer than \(limits.bodyTimeoutSeconds) s, or stopped coming")
            } else if isTooSlow(connection, waited) {
                timeOut(connection, "the body comes at less than \(limits.bodyBytesPerSecondMin) bytes a second")
            }
        case .sending where rested > idle:
            setup.counters.timedOut.wrappingAdd(1, ordering: .relaxed)
            drop(connection)
        case .lingering where waited > 5000: drop(connection)
        case .handling, .sending, .lingering, .closed: break
        }
    }

    private func isTooSlow(_ connection: Connection, _ waited: UInt64) -> Bool {
        guard limits.bodyBytesPerSecondMin > 0, waited > UInt64(limits.bodyGraceSeconds) * 1000 else { return false }
        return UInt64(connection.reader.bodyCount) * 1000 / waited < UInt64(limits.bodyBytesPerSecondMin)
    }

    private func timeOut(_ connection: Connection, _ message: String) {
        setup.counters.timedOut.wrappingAdd(1, ordering: .relaxed)
        // A handshake that does not end cannot be told anything.
        if connection.isTLSUnproved { drop(connection) } else { refuse(connection, HTTPRefusal(408, message)) }
    }
}
