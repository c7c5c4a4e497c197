import Glibc

/// A file that is read by ranges.
final class InputFile {
    private let descriptor: Int32
    private let path: String
    let size: Int64

    init(_ path: String) throws(BenchmarkError) {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { throw BenchmarkError("\(path): \(String(cString: strerror(errno)))") }
        self.descriptor = descriptor
        self.path = path
        size = Int64(lseek(descriptor, 0, SEEK_END))
    }

    deinit { close(descriptor) }

    func all() throws(BenchmarkError) -> [UInt8] { try read(0..<size) }

    func read(_ range: Range<Int64>) throws(BenchmarkError) -> [UInt8] {
        var missing = range.count
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            while missing > 0 {
                let read = pread(
                    descriptor, buffer.baseAddress.map { $0 + (range.count - missing) }, missing,
                    Int(range.upperBound) - missing)
                guard read > 0 else { break }
                missing -= read
            }
            count = range.count - missing
        }
        guard missing == 0 else { throw BenchmarkError("\(path): \(missing) bytes missing before \(range.upperBound)") }
        return bytes
    }
}

enum OutputFile {
    static func write(_ path: String, _ bytes: [UInt8]) throws(BenchmarkError) {
        guard let file = fopen(path, "wb") else { throw BenchmarkError("\(path): \(String(cString: strerror(errno)))") }
        let written = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, written == bytes.count else { throw BenchmarkError("\(path): cut short") }
    }
}

enum Output {
    static func line(_ text: String) {
        var rest = Array((text + "\n").utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }
}

/// Seconds on the wall, and of this process on a core.
struct Stopwatch {
    private let wall = Self.seconds(CLOCK_MONOTONIC)
    private let processor = Self.seconds(CLOCK_PROCESS_CPUTIME_ID)

    func answer(_ more: String) -> String {
        let (wall, processor) = (
            Self.seconds(CLOCK_MONOTONIC) - wall, Self.seconds(CLOCK_PROCESS_CPUTIME_ID) - processor
        )
        return "{\"seconds\": \(wall), \"cpu\": \(processor), \(more)}"
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
