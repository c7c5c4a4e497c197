/// Reads little-endian integers and runs of bytes from a buffer, and never past its end.
///
/// Every parser of untrusted bytes goes through one of these: a length is checked against what remains before anything
/// is reserved or copied.
public struct ByteReader: Sendable {
    public let bytes: [UInt8]
    /// Offset of the next byte to read.
    public private(set) var offset: Int
    /// One past the last readable byte.
    public let end: Int

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
        self.offset = 0
        self.end = bytes.count
    }

    /// Reads `range` of `bytes`; a range that reaches outside is cut to what exists.
    public init(_ bytes: [UInt8], in range: Range<Int>) {
        self.bytes = bytes
        self.offset = min(max(range.lowerBound, 0), bytes.count)
        self.end = min(max(range.upperBound, self.offset), bytes.count)
    }

    public var remaining: Int { end - offset }
    public var isAtEnd: Bool { offset >= end }

    /// Throws `EndOfBytes` unless `count` (which may be hostile: negative, huge) bytes remain.
    @inlinable
    public func require(_ count: Int) throws(EndOfBytes) {
        guard count >= 0, count <= end - offset else {
            throw EndOfBytes(offset: offset, needed: count, remaining: end - offset)
        }
    }

    public mutating func skip(_ count: Int) throws(EndOfBytes) {
        try require(count)
        offset += count
    }

    public mutating func readByte() throws(EndOfBytes) -> UInt8 {
        try require(1)
        defer { offset += 1 }
        return bytes[offset]
    }

    public mutating func read(_ count: Int) throws(EndOfBytes) -> ArraySlice<UInt8> {
        try require(count)
        defer { offset += count }
        return bytes[offset..<(offset + count)]
    }

    /// Reads a fixed-width little-endian integer.
    public mutating func readLittleEndian<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(EndOfBytes) -> T {
        let width = MemoryLayout<T>.size
        try require(width)
        defer { offset += width }
        return bytes.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
    }

    /// Reads a fixed-width big-endian integer.
    public mutating func readBigEndian<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(EndOfBytes) -> T {
        try readLittleEndian(T.self).byteSwapped
    }
}

/// More bytes were asked for than there are.
public struct EndOfBytes: Error, Hashable, Sendable, CustomStringConvertible {
    public let offset: Int
    public let needed: Int
    public let remaining: Int

    @usableFromInline
    init(offset: Int, needed: Int, remaining: Int) {
        self.offset = offset
        self.needed = needed
        self.remaining = remaining
    }

    public var description: String { "at byte \(offset): \(needed) bytes needed, \(remaining) remain" }
}
