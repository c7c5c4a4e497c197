import CEpoll
import Glibc

/// One connection that is kept: a request out, its answer in.
final class Client {
    let descriptor: Int32
    private var output: [UInt8] = []
    private var sent = 0
    private var input: [UInt8] = []
    /// When the request was due; nil while none is on its way.
    private(set) var due: UInt64?

    init?(host: String, port: UInt16) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { return nil }
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    func start(_ request: [UInt8], due: UInt64) {
        self.due = due
        output = request
        sent = 0
        flush()
    }

    func flush() {
        while sent < output.count {
            let count = output[sent...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    enum Answer {
        case none
        case status(Int)
        case lost
    }

    /// Reads what is there.
    func receive(_ buffer: UnsafeMutableRawBufferPointer) -> Answer {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            guard count > 0 else { return count < 0 && errno == EAGAIN ? .none : .lost }
            // Most answers come in one piece: no copy of those.
            if input.isEmpty {
                let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                if let status = Self.whole(bytes) { return finish(status) }
                input = [UInt8](bytes)
            } else {
                input.append(contentsOf: buffer[..<count])
                if let status = input.withUnsafeBytes({ Self.whole($0) }) { return finish(status) }
            }
            if count < buffer.count { return .none }
        }
    }

    private func finish(_ status: Int) -> Answer {
        input.removeAll(keepingCapacity: true)
        due = nil
        return .status(status)
    }

    /// The status, once head and body are there.
    private static func whole(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var line = 0
        var length = 0
        while let end = bytes[line...].firstIndex(of: 0x0A) {
            if end == line + 1 {
                guard bytes.count >= end + 1 + length, bytes.count > 12 else { return nil }
                return bytes[9..<12].reduce(0) { $0 * 10 + Int($1 & 15) }
            }
            if end - line > 16, bytes[line] | 0x20 == 0x63, bytes[line + 8] | 0x20 == 0x6C {
                // `Content-Length: `, by its first letters.
                length = bytes[(line + 16)..<end].reduce(0) { (0x30...0x39).contains($1) ? $0 * 10 + Int($1 & 15) : $0 }
            }
            line = end + 1
        }
        return nil
    }
}
