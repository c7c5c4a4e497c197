/// Byte arrays one after the other in a single buffer: value `i` is `bytes[offsets[i] ..< offsets[i + 1]]`.
///
/// At most 4 GiB of bytes; appending beyond that is a programmer's error and traps. No allocation per value.
public struct ByteArrayColumn: Hashable, Sendable {
    /// `count + 1` entries, beginning with 0, never falling.
    public private(set) var offsets: [UInt32]
    public private(set) var bytes: [UInt8]

    public init() {
        offsets = [0]
        bytes = []
    }

    /// Takes ready buffers. Cost: one pass over the offsets.
    ///
    /// - Throws: `.invalidArgument` when the offsets do not begin with 0, fall, or do not end with the bytes.
    public init(offsets: [UInt32], bytes: [UInt8]) throws(ParquetError) {
        guard offsets.first == 0, offsets.last.map(Int.init) == bytes.count,
            zip(offsets, offsets.dropFirst()).allSatisfy({ $0 <= $1 })
        else {
            throw ParquetError(.invalidArgument, at: "byte array column", "offsets do not partition the bytes")
        }
        self.offsets = offsets
        self.bytes = bytes
    }

    /// For decoders that made the offsets themselves.
    init(uncheckedOffsets offsets: [UInt32], bytes: [UInt8]) {
        self.offsets = offsets
        self.bytes = bytes
    }

    public init(_ values: some Sequence<[UInt8]>) {
        self.init()
        for value in values { append(value) }
    }

    public init(utf8 values: some Sequence<String>) {
        self.init()
        for value in values { append(utf8: value) }
    }

    public var count: Int { offsets.count - 1 }
    public var isEmpty: Bool { offsets.count == 1 }

    /// Makes room for values to come, of `byteCount` bytes together.
    public mutating func reserveCapacity(count: Int, bytes byteCount: Int) {
        offsets.reserveCapacity(count + 1)
        bytes.reserveCapacity(byteCount)
    }

    public mutating func append(_ value: UnsafeRawBufferPointer) {
        if let source = value.baseAddress, value.count > 0 {
            bytes.append(addingCapacity: value.count) { span in
                span.withUnsafeMutableBufferPointer { buffer, filled in
                    guard let target = buffer.baseAddress else { return }
                    copyShort(UnsafeMutableRawPointer(target), source, value.count)
                    filled = value.count
                }
            }
        }
        offsets.append(UInt32(bytes.count))
    }

    public mutating func append(_ value: [UInt8]) {
        value.withUnsafeBytes { append($0) }
    }

    public mutating func append(_ value: ArraySlice<UInt8>) {
        value.withUnsafeBytes { append($0) }
    }

    public mutating func append(utf8 value: String) {
        bytes.append(contentsOf: value.utf8)
        offsets.append(UInt32(bytes.count))
    }

    /// Appends one value that `write` appends to the buffer piece by piece.
    @inlinable
    public mutating func append(writing write: (inout [UInt8]) -> Void) {
        write(&buffer)
        closeValue()
    }

    public mutating func append(_ other: ByteArrayColumn) {
        append(other, values: 0..<other.count)
    }

    /// Appends a range of another column's values. Cost: one copy of the bytes, one pass over the offsets.
    public mutating func append(_ other: ByteArrayColumn, values range: Range<Int>) {
        guard !range.isEmpty else { return }
        let from = other.offsets[range.lowerBound]
        let shift = UInt32(bytes.count)
        bytes.append(contentsOf: other.bytes[Int(from)..<Int(other.offsets[range.upperBound])])
        _ = UInt32(bytes.count)
        offsets.append(
            contentsOf: other.offsets[(range.lowerBound + 1)...range.upperBound].lazy.map { $0 - from + shift })
    }

    /// The bytes of a value, not copied. In loops `withBytes(at:)` is faster.
    public subscript(index: Int) -> ArraySlice<UInt8> { bytes[Int(offsets[index])..<Int(offsets[index + 1])] }

    /// The value as text; bytes that are no UTF-8 become U+FFFD.
    public func string(at index: Int) -> String { String(decoding: self[index], as: UTF8.self) }

    /// Lends the bytes of a value.
    @inlinable
    public func withBytes<R>(at index: Int, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        let (from, to) = (Int(offsets[index]), Int(offsets[index + 1]))
        return try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[from..<to])) }
    }

    @usableFromInline
    var buffer: [UInt8] {
        get { bytes }
        _modify { yield &bytes }
    }

    @usableFromInline
    mutating func closeValue() {
        precondition(bytes.count >= Int(offsets[offsets.count - 1]), "a value was shortened below its start")
        offsets.append(UInt32(bytes.count))
    }
}

/// Byte arrays that all have the same width, one after the other.
public struct FixedLengthByteArrayColumn: Hashable, Sendable {
    public let width: Int
    public private(set) var bytes: [UInt8]

    public init(width: Int) {
        precondition(width > 0, "a fixed-length byte array has at least one byte")
        self.width = width
        self.bytes = []
    }

    /// - Throws: `.invalidArgument` when the bytes are no multiple of the width.
    public init(width: Int, bytes: [UInt8]) throws(ParquetError) {
        guard width > 0, bytes.count.isMultiple(of: width) else {
            throw ParquetError(
                .invalidArgument, at: "fixed-length column", "\(bytes.count) bytes for values of \(width)")
        }
        self.width = width
        self.bytes = bytes
    }

    /// For decoders that appended whole values.
    init(width: Int, unchecked bytes: [UInt8]) {
        self.width = width
        self.bytes = bytes
    }

    public var count: Int { bytes.count / width }

    /// Appends one value, which must have the width.
    public mutating func append(_ value: UnsafeRawBufferPointer) {
        precondition(value.count == width, "a value of \(value.count) bytes in a column of width \(width)")
        bytes.append(contentsOf: value)
    }

    public mutating func append(_ other: FixedLengthByteArrayColumn, values range: Range<Int>) {
        precondition(other.width == width, "columns of widths \(width) and \(other.width)")
        bytes.append(contentsOf: other.bytes[(range.lowerBound * width)..<(range.upperBound * width)])
    }

    public subscript(index: Int) -> ArraySlice<UInt8> { bytes[(index * width)..<((index + 1) * width)] }
}

/// A deprecated Impala timestamp: nanoseconds of the day (two words), then the Julian day.
public struct Int96: Hashable, Sendable, BitwiseCopyable {
    public var low: UInt32
    public var middle: UInt32
    public var high: UInt32

    public init(low: UInt32, middle: UInt32, high: UInt32) {
        self.low = low
        self.middle = middle
        self.high = high
    }

    private var nanosecondsOfDay: Int64 { Int64(bitPattern: UInt64(middle) << 32 | UInt64(low)) }
    private var unixDays: Int64 { Int64(Int32(bitPattern: high)) - 2_440_588 }

    /// As nanoseconds since 1970-01-01T00:00:00; nil outside of the years 1677 to 2262, for which 64 bits do not suffice.
    public var unixNanoseconds: Int64? {
        Int64(exactly: Int128(unixDays) * 86_400_000_000_000 + Int128(nanosecondsOfDay))
    }

    /// As microseconds since 1970-01-01T00:00:00, wrapping for days beyond what fits.
    public var unixMicroseconds: Int64 {
        unixDays &* 86_400_000_000 &+ nanosecondsOfDay / 1000
    }
}
