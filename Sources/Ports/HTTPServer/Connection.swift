import Glibc
import HTTP

/// One connection: a socket, what was received of the present request, what is still to be sent. Belongs to the thread of its loop.
final class Connection {
    enum Phase {
        /// A request is awaited or being received.
        case receiving
        /// A handler has the request.
        case handling
        /// The response is being sent.
        case sending
        /// All is said; what still comes is thrown away so that the peer can read the last response.
        case lingering
        case closed
    }

    let descriptor: Int32
    let address: Mailbox.Address
    let peer: HTTPPeer
    private(set) var tls: TLSSession?
    /// What the peer's first byte is to tell: whether it speaks TLS at all.
    private(set) var isTLSUnproved: Bool
    var phase = Phase.receiving
    var reader: RequestReader
    /// Received and not consumed.
    var input: [UInt8] = []
    /// The socket may have more to read: edge-triggered, so it is remembered until a read finds nothing.
    var mayRead = false
    /// The peer's end was reported with what is there to read: read until it is found.
    var sawHangup = false
    /// The peer sends nothing more, but may still read.
    var isInputEnded = false
    /// The head of the request being answered.
    var isHeadRequest = false
    var keepsAlive = true
    var isOldPeer = false
    /// Has had a response.
    var isProven = false
    /// Counted among the requests of the server.
    var isCounted = false
    var output: [[UInt8]] = []
    var sentOfFirst = 0
    var discarded = 0
    /// Monotonic milliseconds: of the last byte moved, and of the beginning of what is now being awaited.
    var lastMoved: UInt64
    var since: UInt64

    init(
        descriptor: Int32, address: Mailbox.Address, peer: HTTPPeer, tls: TLSSession?, reader: RequestReader,
        now: UInt64
    ) {
        self.descriptor = descriptor
        self.address = address
        self.peer = peer
        self.tls = tls
        isTLSUnproved = tls != nil
        self.reader = reader
        lastMoved = now
        since = now
    }

    /// Between two requests, without a byte of the next one.
    var isIdle: Bool { phase == .receiving && reader.phase == .start && input.isEmpty }

    /// Whether the peer of a TLS port begins with a TLS record; nil while nothing has come. If not, the session is dropped, so that it
    /// can be told in plain words.
    func proveTLS() -> Bool? {
        var first: UInt8 = 0
        let count = recv(descriptor, &first, 1, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK))
        guard count > 0 else { return count < 0 && errno == EAGAIN ? nil : true }
        isTLSUnproved = false
        if first != 0x16 { tls = nil }
        return first == 0x16
    }

    func receive(_ buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        if let tls, phase != .lingering { return tls.read(buffer) }
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .wouldBlock : .failed
        }
    }

    /// Sends what can be sent now. `.bytes` when all is sent.
    func flush() -> Transfer {
        while let first = output.first {
            let result = first.withUnsafeBytes { bytes in
                transmit(UnsafeRawBufferPointer(rebasing: bytes[sentOfFirst...]))
            }
            guard case .bytes(let count) = result else { return result }
            sentOfFirst += count
            if sentOfFirst == first.count {
                output.removeFirst()
                sentOfFirst = 0
            }
        }
        return .bytes(0)
    }

    private func transmit(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        if let tls { return tls.write(bytes) }
        while true {
            let count = send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .bytes(count) }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .wouldBlock : .failed
        }
    }

    /// Says that nothing more will be sent.
    func finishSending() {
        tls?.finish()
        shutdown(descriptor, Int32(SHUT_WR))
    }
}
