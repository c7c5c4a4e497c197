import Glibc
import HTTP

/// The request line and headers of one request (RFC 9112 §2–§6), and what they say of its body and connection.
struct RequestHead: Sendable {
    enum Body: Hashable, Sendable {
        case none
        case fixed(Int)
        case chunked
    }

    var method: HTTPMethod
    /// Path and query; an absolute-form target is brought into this form.
    var target: String
    var headers: HTTPHeaders
    var body = Body.none
    var expectsContinue = false
    var keepsAlive: Bool
    /// HTTP/1.0: knows neither chunks nor `100 Continue`.
    let isOld: Bool
}

/// Finds the end of a head in bytes that come in pieces, then reads it.
///
/// Strict where two readings could differ, since that is how requests are smuggled past proxies: lines end with CR LF, names are
/// tokens right before their colon, folded lines, repeated lengths, and a length beside chunks are refused.
///
/// Cost: each byte is looked at twice, however small the pieces.
struct HeadParser: Sendable {
    static let fieldsMax = 256

    let bytesMax: Int
    let bodyBytesMax: Int
    /// Bytes in which no end was found, and where their last line begins.
    private var scanned = 0
    private var lineStart = 0
    private var lines = 0

    init(bytesMax: Int, bodyBytesMax: Int) {
        self.bytesMax = bytesMax
        self.bodyBytesMax = bodyBytesMax
    }

    /// - Parameter bytes: all that came of the request so far; begins with what it began with in the last call.
    /// - Returns: the head and its length; nil while more is needed.
    mutating func parse(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) -> (head: RequestHead, count: Int)? {
        guard let end = try findEnd(bytes) else {
            try checkIncomplete(bytes)
            return nil
        }
        guard end <= bytesMax else { throw tooLong }
        return (try Self.read(UnsafeRawBufferPointer(rebasing: bytes[..<end]), bodyBytesMax), end)
    }

    /// The place behind the empty line; nil when it has not come.
    private mutating func findEnd(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        while scanned < bytes.count, scanned <= bytesMax + 1 {
            guard let found = memchr(base + scanned, 0x0A, bytes.count - scanned) else {
                scanned = bytes.count
                return nil
            }
            let feed = UnsafeRawPointer(found) - base
            guard feed > 0, bytes[feed - 1] == 0x0D else {
                throw .malformed("a line of the head ends without a carriage return")
            }
            let isEmpty = feed - 1 == lineStart
            scanned = feed + 1
            lineStart = scanned
            if isEmpty, lines > 0 { return scanned }
            // Empty lines before a request are what some clients send after a body (RFC 9112 §2.2).
            if isEmpty, scanned > 4 { throw .malformed("the request begins with empty lines") }
            if !isEmpty { lines += 1 }
        }
        return nil
    }

    private var tooLong: HTTPRefusal {
        lines == 0
            ? HTTPRefusal(414, "the request line is longer than the \(bytesMax) bytes allowed for the head")
            : HTTPRefusal(431, "the request line and headers are longer than the \(bytesMax) bytes allowed")
    }

    /// What can never become a head is not waited for.
    private func checkIncomplete(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) {
        guard bytes.count <= bytesMax else { throw tooLong }
        guard lines == 0 else { return }
        for byte in bytes[lineStart...].prefix(32) {
            if byte == 0x20 || byte == 0x0D { return }
            guard Octets.isToken(byte) else { throw Self.notHTTP }
        }
    }

    private static let notHTTP = HTTPRefusal.malformed("this is not an HTTP request")

    // MARK: - Reading a whole head

    private static func read(
        _ bytes: UnsafeRawBufferPointer, _ bodyBytesMax: Int
    ) throws(HTTPRefusal) -> RequestHead {
        var start = 0
        while bytes[start] == 0x0D { start += 2 }
        var lineEnd = end(ofLine: bytes, from: start)
        var head = try requestLine(UnsafeRawBufferPointer(rebasing: bytes[start..<lineEnd]))
        var framing = Framing()
        var fields = 0
        while true {
            start = lineEnd + 2
            lineEnd = end(ofLine: bytes, from: start)
            if lineEnd == start { break }
            fields += 1
            guard fields <= fieldsMax else {
                throw HTTPRefusal(431, "the request has more than \(fieldsMax) header fields")
            }
            try field(UnsafeRawBufferPointer(rebasing: bytes[start..<lineEnd]), &head, &framing)
        }
        try framing.apply(to: &head, bodyBytesMax: bodyBytesMax)
        return head
    }

    /// Every line feed was found behind a carriage return; a carriage return alone is refused with the field it is in.
    private static func end(ofLine bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard let base = bytes.baseAddress, let found = memchr(base + start, 0x0A, bytes.count - start) else {
            return bytes.count
        }
        return UnsafeRawPointer(found) - base - 1
    }

    private static func requestLine(_ line: UnsafeRawBufferPointer) throws(HTTPRefusal) -> RequestHead {
        guard let space = line.firstIndex(of: 0x20), let last = line.lastIndex(of: 0x20), space > 0, last > space + 1,
            line[..<space].allSatisfy(Octets.isToken)
        else { throw notHTTP }
        let version = UnsafeRawBufferPointer(rebasing: line[(last + 1)...])
        guard Octets.equal(version.prefix(5), "http/"), version.count == 8, version[6] == 0x2E,
            Octets.isDigit(version[5]), Octets.isDigit(version[7])
        else { throw notHTTP }
        guard version[5] == 0x31 else { throw HTTPRefusal(505, "the version of HTTP is not known; 1.1 and 1.0 are") }
        let targetBytes = UnsafeRawBufferPointer(rebasing: line[(space + 1)..<last])
        guard targetBytes.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != 0x23 }),
            let target = String(validating: targetBytes, as: UTF8.self)
        else { throw .malformed("the target of the request has characters that must be percent-encoded") }
        let method = HTTPMethod(rawValue: Octets.text(line[..<space]))
        let isOld = version[7] == 0x30
        var head = RequestHead(method: method, target: target, headers: HTTPHeaders(), keepsAlive: !isOld, isOld: isOld)
        guard targetBytes.first != 0x2F else { return head }
        if target == "*", method == .options { return head }
        guard let (authority, path) = absoluteForm(target) else {
            throw .malformed("the target of the request is neither a path nor an http URL")
        }
        head.target = path
        head.headers.appendValidated("Host", authority)
        return head
    }

    /// `http://host/path` as proxies get it; servers must take it too (RFC 9112 §3.2.2).
    private static func absoluteForm(_ target: String) -> (authority: String, path: String)? {
        guard let colon = target.firstIndex(of: ":"), ["http", "https"].contains(target[..<colon].lowercased()),
            target[colon...].hasPrefix("://")
        else { return nil }
        let rest = target[target.index(colon, offsetBy: 3)...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        guard end > rest.startIndex, !rest[..<end].contains(where: { $0 == "@" || $0 == "[" && !rest.contains("]") })
        else { return nil }
        let path = rest[end...]
        return (String(rest[..<end]), path.hasPrefix("/") ? String(path) : "/" + path)
    }

    private static func field(
        _ line: UnsafeRawBufferPointer, _ head: inout RequestHead, _ framing: inout Framing
    ) throws(HTTPRefusal) {
        guard line[0] != 0x20, line[0] != 0x09 else { throw .malformed("a header field is folded over two lines") }
        guard let colon = line.firstIndex(of: 0x3A), colon > 0, line[..<colon].allSatisfy(Octets.isToken) else {
            throw .malformed("a header field has no name, or one with characters that names do not have")
        }
        var (from, to) = (colon + 1, line.count)
        while from < to, line[from] == 0x20 || line[from] == 0x09 { from += 1 }
        while to > from, line[to - 1] == 0x20 || line[to - 1] == 0x09 { to -= 1 }
        let value = UnsafeRawBufferPointer(rebasing: line[from..<to])
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            throw .malformed("a header field has control characters in its value")
        }
        let name = UnsafeRawBufferPointer(rebasing: line[..<colon])
        guard try framing.note(name, value, head) else { return }
        head.headers.appendValidated(Octets.text(name[...]), Octets.text(value[...]))
    }
}
