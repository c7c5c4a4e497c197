import Glibc

/// One end of the socket between service and worker: messages preceded by their length.
struct WorkerChannel: Sendable {
    enum Failure: Error {
        case closed
        case timedOut
        case tooLong
    }

    /// A peer that died is an error, not a signal.
    private static let sendFlags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
    private static let receiveFlags = Int32(MSG_DONTWAIT)

    let descriptor: Int32

    /// - Parameter deadline: monotonic nanoseconds; nil waits for ever.
    func send(_ bytes: [UInt8], deadline: UInt64?) throws(Failure) {
        guard let count = UInt32(exactly: bytes.count) else { throw .tooLong }
        var header: [UInt8] = []
        for shift in stride(from: 0, to: 32, by: 8) { header.append(UInt8(truncatingIfNeeded: count >> shift)) }
        let message = header + bytes
        var offset = 0
        while offset < message.count {
            try wait(for: Int16(POLLOUT), deadline)
            let sent = message.withUnsafeBytes { buffer in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[offset...])
                return Glibc.send(descriptor, rest.baseAddress, rest.count, Self.sendFlags)
            }
            if sent > 0 {
                offset += sent
            } else if errno != EINTR && errno != EAGAIN {
                throw .closed
            }
        }
    }

    func receive(bytesMax: Int, deadline: UInt64?) throws(Failure) -> [UInt8] {
        let header = try receive(count: 4, deadline)
        let count = header.reversed().reduce(0) { $0 << 8 | Int($1) }
        guard count <= bytesMax else { throw .tooLong }
        return try receive(count: count, deadline)
    }

    private func receive(count: Int, _ deadline: UInt64?) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        // Grows with what arrives: a length alone reserves nothing.
        var buffer = [UInt8](repeating: 0, count: min(max(count, 1), 256 << 10))
        while bytes.count < count {
            try wait(for: Int16(POLLIN), deadline)
            let wanted = min(buffer.count, count - bytes.count)
            let got = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, wanted, Self.receiveFlags) }
            if got > 0 {
                bytes.append(contentsOf: buffer[..<got])
            } else if got == 0 || errno != EINTR && errno != EAGAIN {
                throw .closed
            }
        }
        return bytes
    }

    private func wait(for events: Int16, _ deadline: UInt64?) throws(Failure) {
        while true {
            var timeout: Int32 = -1
            if let deadline {
                let now = Self.now()
                guard now < deadline else { throw .timedOut }
                timeout = Int32(clamping: (deadline - now) / 1_000_000 + 1)
            }
            var entry = pollfd(fd: descriptor, events: events, revents: 0)
            if poll(&entry, 1, timeout) > 0 { return }
        }
    }

    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
