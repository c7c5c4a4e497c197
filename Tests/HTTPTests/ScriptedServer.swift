import Glibc
import HTTP
import Synchronization

/// A server on loopback, or on a Unix socket, that answers each request as the test says: whole, in part, or not at all.
final class ScriptedServer: Sendable {
    struct Request: Sendable {
        let head: String
        let body: [UInt8]
        /// Counts the connections accepted so far, from 1.
        let connection: Int
    }

    enum Reply: Sendable {
        /// These bytes, then the connection stays open.
        case bytes(String)
        /// These bytes, then the connection is closed.
        case bytesThenClose(String)
        /// Nothing until the client goes away.
        case silence
    }

    let port: UInt16
    private let listener: Int32
    private let isStopped = Atomic<Bool>(false)
    private let seen = Mutex<[Request]>([])
    private let handler: @Sendable (Request) -> Reply

    var requests: [Request] { seen.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(port)" }

    init(unixSocketPath: String? = nil, _ handler: @escaping @Sendable (Request) -> Reply) throws {
        self.handler = handler
        let family = unixSocketPath == nil ? AF_INET : AF_UNIX
        let listener = socket(family, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        if let unixSocketPath {
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: unixSocketPath.utf8.prefix(100)) }
            try Self.bindListening(listener, &address)
            port = 0
        } else {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
            try Self.bindListening(listener, &address)
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            _ = withUnsafeMutableBytes(of: &address) { bytes in
                getsockname(listener, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
            }
            port = UInt16(bigEndian: address.sin_port)
        }
        Self.spawn { [self] in accept() }
    }

    /// Ends listening; a later connection is refused. The accepting thread closes the socket: it alone knows when nobody
    /// uses its number any more.
    func stop() {
        // Once: by a second time the number may belong to another socket.
        guard !isStopped.exchange(true, ordering: .sequentiallyConsistent) else { return }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private static func bindListening<Address>(_ listener: Int32, _ address: inout Address) throws {
        let length = socklen_t(MemoryLayout<Address>.size)
        let result = withUnsafeBytes(of: &address) { bytes in
            bind(listener, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), length)
        }
        guard result == 0, listen(listener, 64) == 0 else { throw POSIXFailure(errno: errno) }
    }

    struct POSIXFailure: Error { let errno: Int32 }

    private func accept() {
        defer { close(listener) }
        var count = 0
        while true {
            let connection = Glibc.accept(listener, nil, nil)
            if connection < 0 && (errno == EINTR || errno == ECONNABORTED) { continue }
            guard connection >= 0 else { return }
            count += 1
            let number = count
            Self.spawn { [self] in serve(connection, number) }
        }
    }

    private func serve(_ connection: Int32, _ number: Int) {
        defer { close(connection) }
        var pending: [UInt8] = []
        while let request = Self.read(connection, &pending, number) {
            seen.withLock { $0.append(request) }
            switch handler(request) {
            case .bytes(let text): Self.write(connection, text)
            case .bytesThenClose(let text):
                Self.write(connection, text)
                return
            case .silence:
                var byte: UInt8 = 0
                while recv(connection, &byte, 1, 0) > 0 {}
                return
            }
        }
    }

    private static func write(_ connection: Int32, _ text: String) {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    private static func read(_ connection: Int32, _ pending: inout [UInt8], _ number: Int) -> Request? {
        let end = Array("\r\n\r\n".utf8)
        var chunk = [UInt8](repeating: 0, count: 65_536)
        func more() -> Bool {
            let count = recv(connection, &chunk, chunk.count, 0)
            guard count > 0 else { return false }
            pending += chunk[..<count]
            return true
        }
        while true {
            if let start = pending.firstRange(of: end) {
                let head = String(decoding: pending[..<start.lowerBound], as: UTF8.self)
                let length =
                    head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
                    .flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0
                while pending.count - start.upperBound < length { guard more() else { return nil } }
                let body = Array(pending[start.upperBound..<(start.upperBound + length)])
                pending.removeFirst(start.upperBound + length)
                return Request(head: head, body: body, connection: number)
            }
            guard more() else { return nil }
        }
    }

    private static func spawn(_ body: @escaping @Sendable () -> Void) {
        final class Box {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, Unmanaged.passRetained(Box(body)).toOpaque())
        pthread_detach(thread)
    }
}
