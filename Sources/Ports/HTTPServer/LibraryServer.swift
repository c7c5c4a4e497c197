import CMicroHTTPD
import Glibc
import HTTP
import Synchronization

/// libmicrohttpd on one listening socket, for one loop.
///
/// `@unchecked Sendable`: the pointer is made on one thread and handed to the loop's once, before anything else uses it; from then on
/// only that thread does.
final class LibraryServer: @unchecked Sendable {
    private let server: OpaquePointer

    /// Connections beyond the limit that are there until they have been told so.
    private static let turnedAwayMax = 256
    /// Bodies that came with their head are not worth asking about.
    private static let askedBytes = 64 << 10

    /// The socket stays the caller's.
    init(_ socket: Int32, limits: HTTPServerLimits, tls: HTTPServerConfiguration.TLS?) throws(HTTPServerError) {
        let own = dup(socket)
        guard own >= 0 else { throw HTTPServerError(.failed, "no file descriptors are left for the server") }
        var configuration = chttpd_configuration()
        configuration.listen_socket = own
        configuration.connections_max = UInt32(limits.connectionsMax + Self.turnedAwayMax)
        configuration.idle_timeout_seconds = UInt32(limits.idleTimeoutSeconds)
        configuration.header_timeout_seconds = UInt32(limits.headerTimeoutSeconds)
        configuration.body_timeout_seconds = UInt32(limits.bodyTimeoutSeconds)
        configuration.body_bytes_per_second_min = limits.bodyBytesPerSecondMin
        configuration.body_grace_seconds = UInt32(limits.bodyGraceSeconds)
        configuration.header_bytes_max = limits.headerBytesMax
        configuration.body_bytes_max = limits.bodyBytesMax
        configuration.body_asked_bytes = Self.askedBytes
        configuration.admit = { context, peer in EventLoop.of(context).admit(peer) }
        configuration.leave = { context, peer in EventLoop.of(context).leave(peer) }
        configuration.reserve = { context, bytes in EventLoop.of(context).setup.budget.reserve(bytes) }
        configuration.release = { context, bytes in EventLoop.of(context).setup.budget.release(bytes) }
        configuration.needs_body = { context, view in EventLoop.of(context).needsBody(view) }
        configuration.receive = { context, request, view in EventLoop.of(context).receive(request, view) }
        configuration.refuse = { context, request, status in EventLoop.of(context).refuse(request, Int(status)) }
        configuration.refuse_raw = { context, connection, status in
            EventLoop.of(context).refuse(connection: connection, Int(status))
        }
        configuration.refused = { context, status in EventLoop.of(context).noteRefusal(Int(status)) }
        configuration.count = { context, what, change in
            EventLoop.of(context).setup.counters.count(what, by: change)
        }
        let started = Self.withTLS(tls) { certificate, key in
            configuration.tls_certificate = certificate
            configuration.tls_key = key
            return chttpd_start(&configuration)
        }
        guard let started else {
            let reason = String(cString: strerror(errno))
            close(own)
            throw tls == nil
                ? HTTPServerError(.failed, "the HTTP server does not start: \(reason)")
                : HTTPServerError(.invalid, "the certificate or its key cannot be used")
        }
        server = started
    }

    private static func withTLS(
        _ tls: HTTPServerConfiguration.TLS?,
        _ body: (UnsafePointer<CChar>?, UnsafePointer<CChar>?) -> OpaquePointer?
    ) -> OpaquePointer? {
        guard let tls else { return body(nil, nil) }
        return tls.certificate.withCString { certificate in tls.key.withCString { body(certificate, $0) } }
    }

    func attach(to loop: EventLoop) { chttpd_attach(server, Unmanaged.passUnretained(loop).toOpaque()) }

    /// Readable when `run` has something to do.
    var descriptor: Int32 { chttpd_descriptor(server) }

    /// Milliseconds after which `run` has something to do anyway; negative for none.
    var timeout: Int32 { chttpd_timeout(server) }

    func run() { chttpd_run(server) }

    func sweep() { chttpd_sweep(server) }

    func evict(_ count: Int) -> Int { chttpd_evict(server, count) }

    func quiesce() { chttpd_quiesce(server) }

    func stop() { chttpd_stop(server) }
}

extension HTTPPeer {
    init(library text: UnsafePointer<CChar>?) {
        guard let text, text.pointee != 0 else {
            self = .unknown
            return
        }
        let address = String(cString: text)
        self = address == "unix" ? .unixSocket : .address(address)
    }
}

extension HTTPRequest {
    /// Nil when the target is neither a path nor `*`, or not UTF-8.
    init?(_ view: chttpd_request_view) {
        guard let method = String(validatingCString: view.method),
            let target = String(validatingCString: view.target),
            target.utf8.first == UInt8(ascii: "/") || target == "*"
        else { return nil }
        var headers = HTTPHeaders()
        headers.reserveCapacity(view.header_count)
        for index in 0..<view.header_count {
            let field = view.headers[index]
            let name = UnsafeRawBufferPointer(start: field.name, count: field.name_length)
            let value = UnsafeRawBufferPointer(start: field.value, count: field.value_length)
            if Self.isPlain(name) && Self.isPlain(value) {
                headers.appendValidated(Self.text(name), Self.text(value))
            } else {
                headers.append(Self.text(name), Self.text(value))
            }
        }
        self.init(
            method: HTTPMethod(rawValue: method), target: target, headers: headers,
            body: [UInt8](UnsafeBufferPointer(start: view.body, count: view.body_length)),
            peer: HTTPPeer(library: view.peer))
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

    /// Whether there is no control character: found out many bytes at a time.
    private static func isPlain(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var controls = 0
        for byte in bytes { controls &+= byte < 0x20 || byte == 0x7F ? 1 : 0 }
        return controls == 0
    }
}

extension HTTPResponse {
    func send(to request: OpaquePointer) {
        var fields: [UInt8] = []
        fields.reserveCapacity(512)
        for field in headers.fields where !field.name.isEmpty {
            fields.append(contentsOf: field.name.utf8)
            fields.append(0)
            fields.append(contentsOf: field.value.utf8)
            fields.append(0)
        }
        fields.withUnsafeBufferPointer { fields in
            fields.withMemoryRebound(to: CChar.self) { fields in
                body.withUnsafeBufferPointer { body in
                    chttpd_respond(
                        request, Int32(status), fields.baseAddress, fields.count, body.baseAddress, body.count)
                }
            }
        }
    }
}

extension ServerCounters {
    func count(_ what: Int32, by change: Int) {
        switch Int(what) {
        case CHTTPD_CONNECTIONS: connections.wrappingAdd(change, ordering: .relaxed)
        case CHTTPD_REQUESTS: requests.wrappingAdd(change, ordering: .relaxed)
        case CHTTPD_ACCEPTED: accepted.wrappingAdd(change, ordering: .relaxed)
        case CHTTPD_TURNED_AWAY: turnedAway.wrappingAdd(change, ordering: .relaxed)
        case CHTTPD_EVICTED: evicted.wrappingAdd(change, ordering: .relaxed)
        case CHTTPD_TIMED_OUT: timedOut.wrappingAdd(change, ordering: .relaxed)
        default: refused.wrappingAdd(change, ordering: .relaxed)
        }
    }
}
