/// Takes the chunks off a body that comes in pieces (RFC 9112 §7.1). Extensions and trailers are read, bounded and dropped.
struct ChunkedBody: Sendable {
    /// Of one size line with its extensions, and of all trailers together.
    static let lineBytesMax = 4096
    static let trailerBytesMax = 16_384
    /// Extensions of the whole body: more than the data itself is an attack on the processor.
    static let extensionBytesMax = 65_536

    private enum Phase {
        /// Digits of the size; how many so far.
        case size(digits: Int)
        case sizeExtension
        case sizeLineFeed
        case data
        case dataReturn
        case dataLineFeed
        /// In a trailer's line; its length so far.
        case trailer(length: Int)
        case trailerLineFeed(length: Int)
        case done
    }

    private var phase = Phase.size(digits: 0)
    private var chunk = 0
    private var lineBytes = 0
    private var trailerBytes = 0
    private var extensionBytes = 0

    var isDone: Bool { if case .done = phase { true } else { false } }

    /// Calls `take` with each run of data, and stops at the end of the body.
    ///
    /// - Returns: how many of the bytes belong to the body.
    mutating func read(
        _ bytes: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) throws(HTTPRefusal) -> Void
    ) throws(HTTPRefusal) -> Int {
        var index = 0
        while index < bytes.count, !isDone {
            if case .data = phase {
                let count = min(chunk, bytes.count - index)
                try take(UnsafeRawBufferPointer(rebasing: bytes[index..<(index + count)]))
                chunk -= count
                index += count
                if chunk == 0 { phase = .dataReturn }
            } else {
                try step(bytes[index])
                index += 1
            }
        }
        return index
    }

    private mutating func step(_ byte: UInt8) throws(HTTPRefusal) {
        switch phase {
        case .size(let digits): try size(byte, digits)
        case .sizeExtension:
            extensionBytes += 1
            lineBytes += 1
            guard lineBytes <= Self.lineBytesMax, extensionBytes <= Self.extensionBytesMax else {
                throw .malformed("the chunk extensions are too long")
            }
            if byte == 0x0D { phase = .sizeLineFeed } else { try Self.checkText(byte) }
        case .sizeLineFeed:
            guard byte == 0x0A else { throw Self.badChunk }
            lineBytes = 0
            phase = chunk > 0 ? .data : .trailer(length: 0)
        case .dataReturn:
            guard byte == 0x0D else { throw Self.badChunk }
            phase = .dataLineFeed
        case .dataLineFeed:
            guard byte == 0x0A else { throw Self.badChunk }
            phase = .size(digits: 0)
        case .trailer(let length): try trailer(byte, length)
        case .trailerLineFeed(let length):
            guard byte == 0x0A else { throw Self.badChunk }
            phase = length == 0 ? .done : .trailer(length: 0)
        case .data, .done: break
        }
    }

    private mutating func size(_ byte: UInt8, _ digits: Int) throws(HTTPRefusal) {
        if let digit = Self.hexadecimal(byte) {
            // Beyond 60 bits no limit allows it; zeros in front do not make a size longer than a line.
            guard chunk <= Int.max >> 5, digits < 64 else { throw Self.badChunk }
            chunk = chunk << 4 | digit
            phase = .size(digits: digits + 1)
            return
        }
        guard digits > 0 else { throw Self.badChunk }
        switch byte {
        case 0x0D: phase = .sizeLineFeed
        case 0x3B, 0x20, 0x09: phase = .sizeExtension
        default: throw Self.badChunk
        }
    }

    private mutating func trailer(_ byte: UInt8, _ length: Int) throws(HTTPRefusal) {
        trailerBytes += 1
        guard trailerBytes <= Self.trailerBytesMax else {
            throw HTTPRefusal(431, "the trailers are longer than the \(Self.trailerBytesMax) bytes allowed")
        }
        if byte == 0x0D {
            phase = .trailerLineFeed(length: length)
        } else {
            try Self.checkText(byte)
            phase = .trailer(length: length + 1)
        }
    }

    private static func checkText(_ byte: UInt8) throws(HTTPRefusal) {
        guard byte >= 0x20 && byte != 0x7F || byte == 0x09 else { throw badChunk }
    }

    private static let badChunk = HTTPRefusal.malformed("the chunks of the body are malformed")

    private static func hexadecimal(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte - 0x30)
        case 0x41...0x46: Int(byte - 0x37)
        case 0x61...0x66: Int(byte - 0x57)
        default: nil
        }
    }
}
