import HTTP

/// What the header fields say of the body's length and of the connection.
struct Framing: Sendable {
    private var length: Int?
    private var isChunked = false
    private var hasHost = false
    private var expectation: Bool?

    /// - Returns: whether the field is to be kept among the headers.
    mutating func note(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ head: RequestHead
    ) throws(HTTPRefusal) -> Bool {
        switch name.count {
        case 4 where Octets.equal(name[...], "host"):
            guard !hasHost else { throw .malformed("the request has two Host fields") }
            guard value.allSatisfy({ $0 > 0x20 && $0 != 0x2F && $0 != 0x40 && $0 != 0x2C }) else {
                throw .malformed("the Host field names no host")
            }
            hasHost = true
            // An absolute target goes before the field (RFC 9112 §3.2.2).
            return head.headers["Host"] == nil
        case 6 where Octets.equal(name[...], "expect"):
            expectation = Octets.equal(value[...], "100-continue")
        case 10 where Octets.equal(name[...], "connection"):
            connection(value)
        case 14 where Octets.equal(name[...], "content-length"):
            guard length == nil else { throw .malformed("the request has two Content-Length fields") }
            length = try Self.number(value)
        case 17 where Octets.equal(name[...], "transfer-encoding"):
            guard !isChunked else { throw .malformed("the request has two Transfer-Encoding fields") }
            guard Octets.equal(value[...], "chunked") else {
                throw HTTPRefusal(501, "the transfer encoding is not known; chunked is")
            }
            isChunked = true
        default: break
        }
        return true
    }

    private var closes = false
    private var keeps = false

    private mutating func connection(_ value: UnsafeRawBufferPointer) {
        for option in value.split(separator: 0x2C) {
            let word = option.drop { $0 == 0x20 || $0 == 0x09 }
            let end = word.lastIndex { $0 != 0x20 && $0 != 0x09 }.map { $0 + 1 } ?? word.startIndex
            let trimmed = word[..<end]
            if Octets.equal(trimmed, "close") { closes = true }
            if Octets.equal(trimmed, "keep-alive") { keeps = true }
        }
    }

    func apply(to head: inout RequestHead, bodyBytesMax: Int) throws(HTTPRefusal) {
        guard head.isOld || hasHost else { throw .malformed("an HTTP/1.1 request must have a Host field") }
        if closes { head.keepsAlive = false } else if keeps { head.keepsAlive = true }
        if isChunked {
            // Two readings of where a body ends are how requests are smuggled.
            guard length == nil else { throw .malformed("the request has both a Content-Length and chunks") }
            guard !head.isOld else { throw .malformed("HTTP/1.0 knows no chunks") }
            head.body = .chunked
        } else if let length, length > 0 {
            guard length <= bodyBytesMax else { throw .bodyTooLong(bodyBytesMax) }
            head.body = .fixed(length)
        }
        guard expectation != false else { throw HTTPRefusal(417, "of expectations only 100-continue is known") }
        head.expectsContinue = expectation == true && !head.isOld
    }

    /// Digits alone; what has too many of them is longer than any limit.
    private static func number(_ text: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Int {
        guard !text.isEmpty, text.allSatisfy(Octets.isDigit) else {
            throw .malformed("the Content-Length is not a number of bytes")
        }
        var number = 0
        for digit in text {
            let (product, overflow) = number.multipliedReportingOverflow(by: 10)
            guard !overflow, product <= Int.max - 9 else { return Int.max }
            number = product + Int(digit - 0x30)
        }
        return number
    }
}

extension HTTPRefusal {
    static func bodyTooLong(_ bytesMax: Int) -> HTTPRefusal {
        HTTPRefusal(413, "the body is longer than the \(bytesMax) bytes allowed")
    }
}

/// Classes of bytes in a head (RFC 9110 §5.6.2).
enum Octets {
    private static let tokensBelow64: UInt64 = 0x03FF_6CFA_0000_0000
    private static let tokensFrom64: UInt64 = 0x57FF_FFFF_C7FF_FFFE

    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        guard byte < 128 else { return false }
        return (byte < 64 ? tokensBelow64 : tokensFrom64) >> UInt64(byte & 63) & 1 == 1
    }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    /// Without regard to case; `lowercase` must be so.
    static func equal(_ bytes: Slice<UnsafeRawBufferPointer>, _ lowercase: StaticString) -> Bool {
        guard bytes.count == lowercase.utf8CodeUnitCount else { return false }
        var index = 0
        for byte in bytes {
            let folded = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
            guard folded == lowercase.utf8Start[index] else { return false }
            index += 1
        }
        return true
    }

    /// Bytes that are not UTF-8 become U+FFFD.
    static func text(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        String(decoding: UnsafeRawBufferPointer(rebasing: bytes), as: UTF8.self)
    }
}
