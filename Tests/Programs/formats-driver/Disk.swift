import Bytes
import Glibc

/// What the driver reports when it cannot do what it was asked.
struct DriverError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Whole files, and the standard streams.
enum Disk {
    static func read(_ path: String) throws(DriverError) -> [UInt8] {
        guard let file = fopen(path, "rb") else { throw DriverError("\(path): \(String(cString: strerror(errno)))") }
        defer { fclose(file) }
        return try readAll(file, path)
    }

    static func readStandardInput() throws(DriverError) -> [UInt8] {
        guard let file = fdopen(STDIN_FILENO, "rb") else { throw DriverError("there is no standard input") }
        return try readAll(file, "standard input")
    }

    static func write(_ path: String, _ bytes: [UInt8]) throws(DriverError) {
        guard let file = fopen(path, "wb") else { throw DriverError("\(path): \(String(cString: strerror(errno)))") }
        let written = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, written == bytes.count else {
            throw DriverError("\(path): \(written) of \(bytes.count) bytes written")
        }
    }

    /// Writes to standard output or error; a reader that went away wants no more.
    static func emit(_ bytes: [UInt8], to descriptor: Int32 = STDOUT_FILENO) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { return }
            done += max(count, 0)
        }
    }

    private static func readAll(_ file: UnsafeMutablePointer<FILE>, _ name: String) throws(DriverError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            bytes.append(contentsOf: buffer[..<count])
            if count < buffer.count { break }
        }
        guard ferror(file) == 0 else { throw DriverError("\(name): \(String(cString: strerror(errno)))") }
        return bytes
    }
}
