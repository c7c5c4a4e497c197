import CMicroHTTPD
import Glibc
import HTTP

/// What the server calls: held by every daemon.
final class Callbacks: Sendable {
    let handler: HTTPServer.Handler
    let fast: HTTPServer.FastHandler?
    let refusal: HTTPServer.Refusal

    init(
        handler: @escaping HTTPServer.Handler, fast: HTTPServer.FastHandler?, refusal: @escaping HTTPServer.Refusal
    ) {
        self.handler = handler
        self.fast = fast
        self.refusal = refusal
    }
}

/// One listening socket with the threads that serve it.
///
/// `@unchecked Sendable`: the pointer is set once; the functions it is passed to may be called from any thread, and `stop`, after
/// which it dangles, is called once, by the owner who has taken it out of use.
final class Daemon: @unchecked Sendable {
    private let server: OpaquePointer
    private let callbacks: Unmanaged<Callbacks>

    /// Nil, with errno, when the library refuses. The socket is then still the caller's.
    init?(socket: Int32, limits: HTTPServerLimits, tls: HTTPServerConfiguration.TLS?, callbacks: Callbacks) {
        // Held until the process ends: a request that is answered after the stop still comes here.
        self.callbacks = Unmanaged.passRetained(callbacks)
        var configuration = chttpd_configuration()
        configuration.listen_socket = socket
        configuration.thread_count = UInt32(limits.threadCount)
        configuration.connections_max = UInt32(limits.connectionsMax)
        configuration.idle_timeout_seconds = UInt32(limits.idleTimeoutSeconds)
        configuration.header_timeout_seconds = UInt32(limits.headerTimeoutSeconds)
        configuration.body_timeout_seconds = UInt32(limits.bodyTimeoutSeconds)
        configuration.header_bytes_max = limits.headerBytesMax
        configuration.body_bytes_max = limits.bodyBytesMax
        configuration.bodies_bytes_max = limits.bodiesBytesMax
        configuration.context = self.callbacks.toOpaque()
        configuration.receive = receive
        configuration.dispatch = dispatch
        configuration.refuse = refuse
        let started = Self.withTLS(tls) { certificate, key in
            configuration.tls_certificate = certificate
            configuration.tls_key = key
            return chttpd_start(&configuration)
        }
        guard let started else {
            self.callbacks.release()
            return nil
        }
        server = started
    }

    var requestCount: Int { chttpd_in_flight(server) }
    var connectionCount: Int { chttpd_connections(server) }

    func quiesce() { chttpd_quiesce(server) }
    func stop() { chttpd_stop(server) }

    private static func withTLS(
        _ tls: HTTPServerConfiguration.TLS?,
        _ body: (UnsafePointer<CChar>?, UnsafePointer<CChar>?) -> OpaquePointer?
    ) -> OpaquePointer? {
        guard let tls else { return body(nil, nil) }
        return tls.certificate.withCString { certificate in tls.key.withCString { body(certificate, $0) } }
    }
}

// MARK: - Called by the library on its threads

/// A request on its way from the thread that received it to the task that answers it.
///
/// `@unchecked Sendable`: made on one thread, then owned by one task; the reply pointer may be used from any thread once.
private final class Received: @unchecked Sendable {
    let request: HTTPRequest
    let reply: OpaquePointer

    init(request: HTTPRequest, reply: OpaquePointer) {
        self.request = request
        self.reply = reply
    }
}

private func receive(
    _ context: UnsafeMutableRawPointer?, _ reply: OpaquePointer?, _ view: UnsafePointer<chttpd_request_view>?
) -> UnsafeMutableRawPointer? {
    guard let context, let reply, let view else { return nil }
    let callbacks = Unmanaged<Callbacks>.fromOpaque(context).takeUnretainedValue()
    guard let request = HTTPRequest(view.pointee) else {
        callbacks.refusal(400).send(to: reply)
        return nil
    }
    if let fast = callbacks.fast, let response = fast(request) {
        response.send(to: reply)
        return nil
    }
    return Unmanaged.passRetained(Received(request: request, reply: reply)).toOpaque()
}

private func dispatch(_ context: UnsafeMutableRawPointer?, _ received: UnsafeMutableRawPointer?) {
    guard let context, let received else { return }
    let callbacks = Unmanaged<Callbacks>.fromOpaque(context).takeUnretainedValue()
    let work = Unmanaged<Received>.fromOpaque(received).takeRetainedValue()
    Task.detached {
        let response = await callbacks.handler(work.request)
        response.send(to: work.reply)
    }
}

private func refuse(_ context: UnsafeMutableRawPointer?, _ reply: OpaquePointer?, _ status: Int32) {
    guard let context, let reply else { return }
    let callbacks = Unmanaged<Callbacks>.fromOpaque(context).takeUnretainedValue()
    callbacks.refusal(Int(status)).send(to: reply)
}

extension HTTPRequest {
    /// Nil when the target or a header is not UTF-8 where it must be text.
    fileprivate init?(_ view: chttpd_request_view) {
        guard let method = String(validatingCString: view.method) else { return nil }
        let targetBytes = UnsafeRawBufferPointer(start: view.target, count: view.target_length)
        guard let target = String(validating: targetBytes, as: UTF8.self),
            target.utf8.first == UInt8(ascii: "/") || target == "*"
        else { return nil }
        var headers = HTTPHeaders()
        for index in 0..<view.header_count {
            let field = view.headers[index]
            headers.append(text(field.name, field.name_length), text(field.value, field.value_length))
        }
        let peer: HTTPPeer = view.peer.pointee == 0 ? .unixSocket : .address(String(cString: view.peer))
        let body = [UInt8](UnsafeBufferPointer(start: view.body, count: view.body_length))
        self.init(
            method: Self.method(method), target: target, headers: headers, body: body, peer: peer)
    }

    private static func method(_ text: String) -> HTTPMethod { HTTPMethod(rawValue: text) }
}

private func text(_ start: UnsafePointer<CChar>?, _ count: Int) -> String {
    String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
}

extension HTTPResponse {
    fileprivate func send(to reply: OpaquePointer) {
        var fields: [UInt8] = []
        fields.reserveCapacity(256)
        for field in headers.fields where !field.name.isEmpty {
            fields.append(contentsOf: field.name.utf8)
            fields.append(0)
            fields.append(contentsOf: field.value.utf8)
            fields.append(0)
        }
        fields.withUnsafeBufferPointer { fields in
            fields.withMemoryRebound(to: CChar.self) { fields in
                body.withUnsafeBufferPointer { body in
                    chttpd_respond(reply, Int32(status), fields.baseAddress, fields.count, body.baseAddress, body.count)
                }
            }
        }
    }
}
