import Glibc

/// What to send, where, how fast.
struct Options {
    static let usage = """
        load-generator --port N [--host 127.0.0.1] [--path /events] (--body FILE | --ndjson FILE [--batch 100])
                       [--content-type TYPE] [--header 'Name: value']… [--connections 32] [--rate N]
                       [--seconds S | --requests N] [--warm-up S]

        Sends POST requests over connections that are kept, one at a time on each, and prints one JSON object: how many were
        answered, with which statuses, how many a second, and the latencies in milliseconds.

        --body     the body; every sixteen at-signs in it become the number of the request, in sixteen digits
        --ndjson   every --batch lines are a body, each sent once; ends with the file
        --rate     requests a second, due at even distances whatever the answers take; latencies count from when a
                   request was due. Without it every connection sends as soon as it has its answer
        --warm-up  seconds at the beginning that are not counted

        """

    var host = "127.0.0.1"
    var port: UInt16 = 0
    var path = "/events"
    var bodyFile: String?
    var ndjsonFile: String?
    var batch = 100
    var contentType = "application/json"
    var headers: [String] = []
    var connections = 32
    var rate: Double?
    var seconds: Double = 5
    var requests = Int.max
    var warmUp: Double = 0

    init?(_ arguments: [String]) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else { return nil }
            switch name {
            case "--host": host = value
            case "--port": port = UInt16(value) ?? 0
            case "--path": path = value
            case "--body": bodyFile = value
            case "--ndjson": ndjsonFile = value
            case "--batch": batch = max(1, Int(value) ?? 1)
            case "--content-type": contentType = value
            case "--header": headers.append(value)
            case "--connections": connections = max(1, Int(value) ?? 1)
            case "--rate": rate = Double(value)
            case "--seconds": seconds = Double(value) ?? seconds
            case "--requests":
                requests = Int(value) ?? 0
                seconds = 3600
            case "--warm-up": warmUp = Double(value) ?? 0
            default: return nil
            }
        }
        guard port > 0, (bodyFile == nil) != (ndjsonFile == nil) else { return nil }
        if ndjsonFile != nil { seconds = max(seconds, 3600) }
    }
}

/// The requests as they go over the wire, one after the other.
struct Requests {
    private let head: String
    private let batch: Int
    /// A body that is sent again and again, and where its number stands.
    private var template: [UInt8] = []
    private var numbersAt: [Int] = []
    private var lines: [UInt8] = []
    private var position = 0
    private var count = 0
    private let most: Int

    init?(_ options: Options) {
        let extra = options.headers.map { $0 + "\r\n" }.joined()
        head =
            "POST \(options.path) HTTP/1.1\r\nHost: \(options.host)\r\nContent-Type: \(options.contentType)\r\n\(extra)"
        batch = options.batch
        most = options.requests
        if let file = options.ndjsonFile {
            guard let bytes = Self.read(file) else { return nil }
            lines = bytes
        } else if let file = options.bodyFile {
            guard let body = Self.read(file) else { return nil }
            template = Array((head + "Content-Length: \(body.count)\r\n\r\n").utf8)
            template += body
            var at = template.count - body.count
            while let found = Self.index(of: 0x40, in: template, from: at) {
                let isMark = template[found...].prefix(16).elementsEqual(repeatElement(0x40, count: 16))
                if isMark { numbersAt.append(found) }
                at = found + (isMark ? 16 : 1)
            }
        }
    }

    mutating func next() -> [UInt8]? {
        guard count < most else { return nil }
        defer { count += 1 }
        guard template.isEmpty else {
            for start in numbersAt {
                var rest = count
                for place in (start..<(start + 16)).reversed() {
                    template[place] = 0x30 + UInt8(rest % 10)
                    rest /= 10
                }
            }
            return template
        }
        guard position < lines.count else { return nil }
        var end = position
        for _ in 0..<batch {
            guard end < lines.count else { break }
            end = (Self.index(of: 0x0A, in: lines, from: end) ?? lines.count - 1) + 1
        }
        defer { position = end }
        return Array((head + "Content-Length: \(end - position)\r\n\r\n").utf8) + lines[position..<end]
    }

    private static func index(of byte: UInt8, in bytes: [UInt8], from start: Int) -> Int? {
        bytes.withUnsafeBytes { raw in
            guard start < raw.count, let base = raw.baseAddress,
                let found = memchr(base + start, Int32(byte), raw.count - start)
            else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }

    private static func read(_ path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        fstat(file, &status)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(status.st_size))
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while case let count = Glibc.read(file, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
        return bytes
    }
}
