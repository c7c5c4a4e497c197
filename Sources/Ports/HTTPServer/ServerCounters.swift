import HTTP
import Synchronization

/// What a server has done and is doing.
public struct HTTPServerStatistics: Hashable, Sendable {
    /// Connections open now.
    public var connections = 0
    /// Requests being received or answered now.
    public var requests = 0
    /// Bytes of bodies received and not answered yet.
    public var bodyBytes = 0
    public var accepted = 0
    /// Connections turned away: too many, of all or of one address.
    public var turnedAway = 0
    /// Idle connections closed to make room for new ones.
    public var evicted = 0
    /// Connections closed because a request, its body, or the taking of its response took too long; without idle ones.
    public var timedOut = 0
    /// Requests the server itself refused.
    public var refused = 0
}

/// The numbers behind `HTTPServerStatistics`, shared by all threads of a server.
final class ServerCounters: Sendable {
    let connections = Atomic<Int>(0)
    let requests = Atomic<Int>(0)
    let accepted = Atomic<Int>(0)
    let turnedAway = Atomic<Int>(0)
    let evicted = Atomic<Int>(0)
    let timedOut = Atomic<Int>(0)
    let refused = Atomic<Int>(0)

    func statistics(bodyBytes: Int) -> HTTPServerStatistics {
        HTTPServerStatistics(
            connections: connections.load(ordering: .relaxed), requests: requests.load(ordering: .relaxed),
            bodyBytes: bodyBytes, accepted: accepted.load(ordering: .relaxed),
            turnedAway: turnedAway.load(ordering: .relaxed), evicted: evicted.load(ordering: .relaxed),
            timedOut: timedOut.load(ordering: .relaxed), refused: refused.load(ordering: .relaxed))
    }
}

/// The memory that bodies may take together, from their first byte to their answer.
final class BodyBudget: Sendable {
    private let used = Atomic<Int>(0)
    private let bytesMax: Int

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    var bytes: Int { used.load(ordering: .relaxed) }

    func hasRoom(_ count: Int) -> Bool { bytes + count <= bytesMax }

    func reserve(_ count: Int) -> Bool {
        let after = used.wrappingAdd(count, ordering: .relaxed).newValue
        guard after > bytesMax else { return true }
        release(count)
        return false
    }

    func release(_ count: Int) {
        if count > 0 { used.wrappingSubtract(count, ordering: .relaxed) }
    }
}

/// How many connections each peer has, where that is limited.
final class PeerLimit: Sendable {
    private let counts = Mutex<[HTTPPeer: Int]>([:])
    private let connectionsMax: Int
    private let isUnlimited: @Sendable (HTTPPeer) -> Bool

    /// Nil when there is no limit.
    init?(connectionsMax: Int, isUnlimited: @escaping @Sendable (HTTPPeer) -> Bool) {
        guard connectionsMax > 0 else { return nil }
        self.connectionsMax = connectionsMax
        self.isUnlimited = isUnlimited
    }

    /// False when the peer has as many as it may.
    func enter(_ peer: HTTPPeer) -> Bool {
        guard isLimited(peer) else { return true }
        return counts.withLock { counts in
            let count = counts[peer, default: 0]
            guard count < connectionsMax else { return false }
            counts[peer] = count + 1
            return true
        }
    }

    func leave(_ peer: HTTPPeer) {
        guard isLimited(peer) else { return }
        counts.withLock { counts in
            guard let count = counts[peer] else { return }
            counts[peer] = count > 1 ? count - 1 : nil
        }
    }

    private func isLimited(_ peer: HTTPPeer) -> Bool {
        guard case .address = peer else { return false }
        return !isUnlimited(peer)
    }
}
