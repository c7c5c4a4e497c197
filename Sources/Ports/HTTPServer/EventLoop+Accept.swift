import CEpoll
import Clocks
import Glibc
import HTTP
import Synchronization

/// New connections, and who has to go for them.
extension EventLoop {
    private static let acceptsPerTurn = 64
    /// Connections beyond the limit that are told so.
    private static let overflowMax = 128

    func accept(from index: Int) {
        guard index < setup.listeners.count else { return }
        for _ in 0..<Self.acceptsPerTurn {
            var storage = sockaddr_storage()
            let descriptor = cepoll_accept(setup.listeners[index].descriptor, &storage)
            if descriptor >= 0 {
                admit(descriptor, storage, setup.listeners[index].tls)
                continue
            }
            switch errno {
            case EINTR, ECONNABORTED: continue
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                if !makeRoom() { return pauseListening() }
            default: return
            }
        }
    }

    private func admit(_ descriptor: Int32, _ storage: sockaddr_storage, _ tls: TLSContext?) {
        let peer = Self.peer(storage)
        let counters = setup.counters
        counters.accepted.wrappingAdd(1, ordering: .relaxed)
        let count = counters.connections.wrappingAdd(1, ordering: .relaxed).newValue
        if let peers = setup.peers, !peers.enter(peer) {
            return turnAway(descriptor, .unknown, tls, count, "your address has too many connections open")
        }
        if count > limits.connectionsMax, !makeRoom() {
            setup.peers?.leave(peer)
            return turnAway(descriptor, .unknown, tls, count, "too many connections are open")
        }
        guard let tls else {
            add(descriptor, peer, nil)
            return
        }
        guard let session = tls.session(descriptor) else {
            setup.peers?.leave(peer)
            counters.connections.wrappingSubtract(1, ordering: .relaxed)
            close(descriptor)
            return
        }
        add(descriptor, peer, session)
    }

    @discardableResult
    private func add(_ descriptor: Int32, _ peer: HTTPPeer, _ tls: TLSSession?) -> Connection {
        if peer != .unixSocket {
            var on: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        let address = takePlace()
        let reader = RequestReader(
            headerBytesMax: limits.headerBytesMax, bodyBytesMax: limits.bodyBytesMax, budget: setup.budget)
        let connection = Connection(
            descriptor: descriptor, address: address, peer: peer, tls: tls, reader: reader, now: now)
        connections[Int(address.slot)] = connection
        if cepoll_add_connection(epoll, descriptor, UInt64(address.generation) << 32 | UInt64(address.slot)) != 0 {
            drop(connection)
        }
        return connection
    }

    /// Says why, as far as there is room even for that.
    private func turnAway(
        _ descriptor: Int32, _ peer: HTTPPeer, _ tls: TLSContext?, _ count: Int, _ message: String
    ) {
        setup.counters.turnedAway.wrappingAdd(1, ordering: .relaxed)
        guard tls == nil, count <= limits.connectionsMax + Self.overflowMax else {
            setup.counters.connections.wrappingSubtract(1, ordering: .relaxed)
            close(descriptor)
            return
        }
        let connection = add(descriptor, peer, nil)
        if connection.phase == .receiving { refuse(connection, HTTPRefusal(503, message)) }
    }

    /// Closes connections that rest, those first that have never sent a whole request, then those that have rested longest. To keep
    /// them is a favour, to serve who comes is not.
    func makeRoom() -> Bool {
        guard now &- lastFruitlessEviction > 50 else { return false }
        var resting: [(isProven: Bool, lastMoved: UInt64, connection: Connection)] = []
        for case let connection? in connections {
            switch connection.phase {
            case .receiving where connection.reader.phase != .body, .lingering:
                // One that came this moment has had no chance yet.
                guard now &- connection.lastMoved > 250 else { continue }
                resting.append((connection.isProven, connection.lastMoved, connection))
            case .receiving, .handling, .sending, .closed: continue
            }
        }
        guard !resting.isEmpty else {
            lastFruitlessEviction = now
            return false
        }
        resting.sort { $0.isProven != $1.isProven ? $1.isProven : $0.lastMoved < $1.lastMoved }
        for entry in resting.prefix(max(1, limits.connectionsMax / 32)) {
            setup.counters.evicted.wrappingAdd(1, ordering: .relaxed)
            drop(entry.connection)
        }
        return true
    }

    private static func peer(_ storage: sockaddr_storage) -> HTTPPeer {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let isText = withUnsafeBytes(of: storage) { bytes in
            switch Int32(storage.ss_family) {
            case AF_INET: inet_ntop(AF_INET, bytes.baseAddress.map { $0 + 4 }, &text, socklen_t(text.count)) != nil
            case AF_INET6:
                // An IPv4 address in IPv6's clothes is the IPv4 address.
                if bytes[8..<20].elementsEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]) {
                    inet_ntop(AF_INET, bytes.baseAddress.map { $0 + 20 }, &text, socklen_t(text.count)) != nil
                } else {
                    inet_ntop(AF_INET6, bytes.baseAddress.map { $0 + 8 }, &text, socklen_t(text.count)) != nil
                }
            default: false
            }
        }
        guard isText else { return Int32(storage.ss_family) == AF_UNIX ? .unixSocket : .unknown }
        return .address(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
}
