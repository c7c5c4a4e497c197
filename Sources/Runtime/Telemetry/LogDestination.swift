import Glibc
import Synchronization

/// Where log lines go.
public protocol LogDestination: Sendable {
    /// Takes one line, newline included. Must not block for long.
    func write(_ line: [UInt8])
    /// Returns when what was written before has left the process, or after a second.
    func flush()
}

/// Keeps lines in memory: for tests.
public final class MemoryLogDestination: LogDestination {
    private let text = Mutex<[UInt8]>([])

    public init() {}

    public func write(_ line: [UInt8]) { text.withLock { $0.append(contentsOf: line) } }
    public func flush() {}

    public var lines: [String] {
        text.withLock { String(decoding: $0, as: UTF8.self) }.split(separator: "\n").map(String.init)
    }
}

/// Drops everything.
public struct NullLogDestination: LogDestination {
    public init() {}
    public func write(_ line: [UInt8]) {}
    public func flush() {}
}

/// Writes to a file descriptor from a thread of its own, so that a reader that stalls (a full pipe) never holds up a
/// request. What does not fit the queue is dropped and counted in a record that follows.
public final class DescriptorLogDestination: LogDestination {
    /// Of lines waiting to be written.
    public static let queueBytesMax = 4 << 20

    private struct State {
        var queue: [UInt8] = []
        var droppedLines = 0
        var isWriting = false
    }

    private let state = Mutex(State())
    private let descriptor: Int32
    /// A pipe: a byte wakes the writing thread.
    private let wakeupReadEnd: Int32
    private let wakeupWriteEnd: Int32

    /// The standard error of the process; made once.
    public static let standardError = DescriptorLogDestination(descriptor: STDERR_FILENO)

    /// - Parameter descriptor: stays open for as long as the process lives.
    public init(descriptor: Int32) {
        self.descriptor = descriptor
        var ends: [Int32] = [-1, -1]
        let status = pipe(&ends)
        precondition(status == 0, "no file descriptors left for the log")
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        wakeupReadEnd = ends[0]
        wakeupWriteEnd = ends[1]
        var thread = pthread_t()
        // The thread lives as long as the process and so holds the destination for good.
        let context = Unmanaged.passRetained(self).toOpaque()
        pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<DescriptorLogDestination>.fromOpaque(context).takeUnretainedValue().writeForever()
            }, context)
        pthread_detach(thread)
    }

    public func write(_ line: [UInt8]) {
        let wasIdle = state.withLock { state in
            guard state.queue.count + line.count <= Self.queueBytesMax else {
                state.droppedLines += 1
                return false
            }
            let wasIdle = state.queue.isEmpty
            state.queue.append(contentsOf: line)
            return wasIdle
        }
        if wasIdle {
            var byte: UInt8 = 0
            _ = Glibc.write(wakeupWriteEnd, &byte, 1)
        }
    }

    public func flush() {
        for _ in 0..<1000 {
            if state.withLock({ $0.queue.isEmpty && !$0.isWriting }) { return }
            usleep(1000)
        }
    }

    private func writeForever() -> Never {
        while true {
            var bytes: (UInt64, UInt64) = (0, 0)
            _ = read(wakeupReadEnd, &bytes, MemoryLayout.size(ofValue: bytes))
            while let bytes = takeQueue() { writeAll(bytes) }
        }
    }

    private func takeQueue() -> [UInt8]? {
        state.withLock { state in
            state.isWriting = !state.queue.isEmpty || state.droppedLines > 0
            guard state.isWriting else { return nil }
            var bytes: [UInt8] = []
            swap(&bytes, &state.queue)
            if state.droppedLines > 0 {
                bytes.append(
                    contentsOf:
                        "{\"level\":\"warn\",\"message\":\"log records dropped\",\"count\":\(state.droppedLines)}\n"
                        .utf8)
                state.droppedLines = 0
            }
            return bytes
        }
    }

    private func writeAll(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in
            var offset = 0
            while offset < buffer.count {
                let written = Glibc.write(descriptor, buffer.baseAddress.map { $0 + offset }, buffer.count - offset)
                if written > 0 {
                    offset += written
                } else if written < 0 && errno == EAGAIN {
                    var event = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&event, 1, 1000)
                } else if !(written < 0 && errno == EINTR) {
                    // Nobody reads the log any more; there is no place left to say so.
                    return
                }
            }
        }
    }
}
