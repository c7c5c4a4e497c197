import CLibSSL
import Glibc

/// Certificate, key and settings of the server's side of TLS 1.2 and 1.3.
///
/// `@unchecked Sendable`: set up in `init`, never changed after; OpenSSL counts its references atomically, and sessions may be made
/// from any thread.
final class TLSContext: @unchecked Sendable {
    private let context: OpaquePointer

    init(_ tls: HTTPServerConfiguration.TLS) throws(HTTPServerError) {
        guard let made = SSL_CTX_new(TLS_server_method()) else { throw Self.failure("TLS cannot be set up") }
        context = made
        SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
        // Renegotiation costs the server more than the client; compression leaks.
        let options = UInt64(1) << 30 | UInt64(1) << 22 | UInt64(1) << 17
        SSL_CTX_set_options(context, options)
        // Writes in parts, from a buffer that may have moved; no buffers for connections that rest.
        SSL_CTX_ctrl(context, SSL_CTRL_MODE, 0x1 | 0x2 | 0x10, nil)
        try useCertificates(tls.certificate)
        try useKey(tls.key)
        guard SSL_CTX_check_private_key(context) == 1 else {
            throw Self.failure("the certificate and the key do not belong together")
        }
    }

    deinit { SSL_CTX_free(context) }

    /// The first certificate is the server's, those behind it lead to the issuer.
    private func useCertificates(_ pem: String) throws(HTTPServerError) {
        let source = Self.source(pem)
        defer { BIO_free(source) }
        guard let own = PEM_read_bio_X509(source, nil, nil, nil) else {
            throw Self.failure("the certificate is not one in PEM")
        }
        defer { X509_free(own) }
        guard SSL_CTX_use_certificate(context, own) == 1 else { throw Self.failure("the certificate cannot be used") }
        while let issuer = PEM_read_bio_X509(source, nil, nil, nil) {
            // Takes the issuer over.
            guard SSL_CTX_ctrl(context, SSL_CTRL_CHAIN, 0, UnsafeMutableRawPointer(issuer)) == 1 else {
                X509_free(issuer)
                throw Self.failure("a certificate of the chain cannot be used")
            }
        }
        ERR_clear_error()
    }

    private func useKey(_ pem: String) throws(HTTPServerError) {
        let source = Self.source(pem)
        defer { BIO_free(source) }
        guard let key = PEM_read_bio_PrivateKey(source, nil, nil, nil) else {
            throw Self.failure("the key is not one in PEM, or needs a password")
        }
        defer { EVP_PKEY_free(key) }
        guard SSL_CTX_use_PrivateKey(context, key) == 1 else {
            throw Self.failure("the key cannot be used; does it belong to the certificate?")
        }
    }

    private static func source(_ pem: String) -> OpaquePointer? {
        let bytes = Array(pem.utf8)
        let source = BIO_new(BIO_s_mem())
        BIO_write(source, bytes, Int32(clamping: bytes.count))
        return source
    }

    private static func failure(_ what: String) -> HTTPServerError {
        ERR_clear_error()
        return HTTPServerError(.invalid, what)
    }

    /// A session on a connected socket that does not block.
    func session(_ descriptor: Int32) -> TLSSession? {
        guard let session = SSL_new(context) else { return nil }
        guard SSL_set_fd(session, descriptor) == 1 else {
            SSL_free(session)
            return nil
        }
        SSL_set_accept_state(session)
        return TLSSession(session)
    }
}

private let SSL_CTRL_CHAIN = SSL_CTRL_EXTRA_CHAIN_CERT

/// One connection's TLS: belongs to the thread of its connection.
final class TLSSession {
    private let session: OpaquePointer

    fileprivate init(_ session: OpaquePointer) { self.session = session }

    deinit { SSL_free(session) }

    /// The handshake goes along with the first reads.
    func read(_ buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        ERR_clear_error()
        return transfer(SSL_read(session, buffer.baseAddress, Int32(clamping: buffer.count)))
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        ERR_clear_error()
        return transfer(SSL_write(session, bytes.baseAddress, Int32(clamping: bytes.count)))
    }

    /// Tells the peer that nothing more comes.
    func finish() {
        ERR_clear_error()
        if SSL_is_init_finished(session) == 1 { SSL_shutdown(session) }
        ERR_clear_error()
    }

    private func transfer(_ result: Int32) -> Transfer {
        guard result <= 0 else { return .bytes(Int(result)) }
        switch SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .wouldBlock
        case SSL_ERROR_ZERO_RETURN: return .end
        default: return .failed
        }
    }
}

/// What came of a read or write on a socket that does not block.
enum Transfer {
    case bytes(Int)
    case wouldBlock
    /// The peer sends nothing more.
    case end
    case failed
}
