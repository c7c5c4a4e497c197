import Glibc

/// A client that says exactly what a test wants to be said. Waits without blocking: the handlers need the threads.
final class RawClient {
    let descriptor: Int32
    private var buffered: [UInt8] = []

    init(port: Int) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
        connect(&address)
    }

    init(path: String) {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        connect(&address)
    }

    deinit { close(descriptor) }

    private(set) var isConnected = false

    private func connect<Address>(_ address: inout Address) {
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
        isConnected = status == 0
    }

    /// False when the peer has closed.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    struct Response {
        var status = 0
        var headers: [String: String] = [:]
        var body: [UInt8] = []
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// The next response; nil when the connection ends before it is whole.
    func receive(hasBody: Bool = true) async -> Response? {
        while true {
            if let end = find([13, 10, 13, 10]) {
                let lines = String(decoding: buffered[..<end], as: UTF8.self).split(separator: "\r\n")
                buffered.removeFirst(end + 4)
                var response = Response()
                response.status = Int(lines[0].split(separator: " ")[1]) ?? 0
                for line in lines.dropFirst() {
                    let parts = line.split(separator: ":", maxSplits: 1)
                    response.headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
                }
                let length = hasBody && response.status >= 200 ? Int(response.headers["content-length"] ?? "0") ?? 0 : 0
                while buffered.count < length { guard await fill() else { return nil } }
                response.body = Array(buffered[..<length])
                buffered.removeFirst(length)
                return response
            }
            guard await fill() else { return nil }
        }
    }

    /// Whether the peer closes the connection, without another byte.
    func isClosed() async -> Bool {
        guard buffered.isEmpty else { return false }
        return await !fill()
    }

    /// Whether something has come, or the peer has closed.
    func hasInput() async -> Bool {
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK))
        return count >= 0 || errno != EAGAIN
    }

    private func fill() async -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        // A test that waited for ever would hide which one it is.
        for _ in 0..<10_000 {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                buffered += buffer[..<count]
                return true
            }
            guard count < 0, errno == EAGAIN || errno == EINTR else { return false }
            do { try await Task.sleep(nanoseconds: 1_000_000) } catch { return false }
        }
        return false
    }

    private func find(_ pattern: [UInt8]) -> Int? {
        guard buffered.count >= pattern.count else { return nil }
        return (0...(buffered.count - pattern.count)).first { Array(buffered[$0..<($0 + pattern.count)]) == pattern }
    }
}
