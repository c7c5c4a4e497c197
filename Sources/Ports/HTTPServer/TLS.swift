import CTLS

/// Certificate, key and settings of the server's side of TLS 1.2 and 1.3.
///
/// `@unchecked Sendable`: set up in `init` and never changed after; sessions may be made from any thread (`ctls_open`).
final class TLSContext: @unchecked Sendable {
    private let context: OpaquePointer

    init(_ tls: HTTPServerConfiguration.TLS) throws(HTTPServerError) {
        var why: UnsafePointer<CChar>?
        let (certificate, key) = (tls.certificate, tls.key)
        let made = certificate.withCString { certificates in
            key.withCString { ctls_open(certificates, certificate.utf8.count, $0, key.utf8.count, &why) }
        }
        guard let made else {
            throw HTTPServerError(.invalid, why.map { String(cString: $0) } ?? "TLS cannot be set up")
        }
        context = made
    }

    deinit { ctls_close(context) }

    /// A session on a connected socket that does not block; nil without memory.
    func session(_ descriptor: Int32) -> TLSSession? { ctls_accept(context, descriptor).map { TLSSession($0) } }
}

/// One connection's TLS: belongs to the thread of its connection.
final class TLSSession {
    private let session: OpaquePointer

    fileprivate init(_ session: OpaquePointer) { self.session = session }

    deinit { ctls_free(session) }

    /// The handshake goes along with the first reads.
    func read(_ buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        Transfer(ctls_read(session, buffer.baseAddress, buffer.count))
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        Transfer(ctls_write(session, bytes.baseAddress, bytes.count))
    }

    /// Tells the peer that nothing more comes.
    func finish() { ctls_finish(session) }
}

/// What came of a read or write on a socket that does not block.
enum Transfer {
    case bytes(Int)
    case wouldBlock
    /// The peer sends nothing more.
    case end
    case failed

    fileprivate init(_ result: Int) {
        switch result {
        case 1...: self = .bytes(result)
        case Int(CTLS_WOULD_BLOCK): self = .wouldBlock
        case Int(CTLS_END): self = .end
        default: self = .failed
        }
    }
}
