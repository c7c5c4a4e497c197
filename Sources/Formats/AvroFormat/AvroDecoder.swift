/// Reads Avro's binary encoding, value by value, as the caller's knowledge of the writer's schema directs.
///
/// Every length is checked against the bytes that remain before it is used. Every method that throws throws `.corrupt`
/// with the byte it came to, `.tooLarge` for what `AvroLimits` does not allow; what it read by then is lost.
public struct AvroDecoder: Sendable {
    public let bytes: [UInt8]
    public private(set) var offset: Int
    public let end: Int
    let limits: AvroLimits
    /// Values read so far that took no bytes: what makes one byte many values.
    private var emptyValues = 0

    public init(_ bytes: [UInt8], in range: Range<Int>? = nil, limits: AvroLimits = AvroLimits()) {
        self.bytes = bytes
        self.offset = range?.lowerBound ?? 0
        self.end = min(range?.upperBound ?? bytes.count, bytes.count)
        self.limits = limits
    }

    public var remaining: Int { end - offset }
    public var isAtEnd: Bool { offset >= end }

    /// The error that a caller throws who finds a value impossible: with the byte that was come to.
    public func corrupt(_ message: String) -> AvroError { AvroError(.corrupt, "at byte \(offset): \(message)") }

    /// Takes `count` bytes, which may be any number, and gives the offset of the first.
    public mutating func take(_ count: Int) throws(AvroError) -> Int {
        guard count >= 0, count <= end - offset else {
            throw corrupt("\(count) bytes needed, \(end - offset) remain")
        }
        defer { offset += count }
        return offset
    }

    public mutating func readBoolean() throws(AvroError) -> Bool {
        switch bytes[try take(1)] {
        case 0: return false
        case 1: return true
        default: throw corrupt("a boolean is neither 0 nor 1")
        }
    }

    /// Zig-zag variable-length, at most ten bytes.
    public mutating func readLong() throws(AvroError) -> Int64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        var position = offset
        while position < end {
            let byte = bytes[position]
            position += 1
            if shift == 63 && byte > 1 { throw corrupt("an integer is longer than 64 bits") }
            value |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 {
                offset = position
                return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
            }
            shift += 7
            guard shift <= 63 else { throw corrupt("an integer is longer than ten bytes") }
        }
        throw corrupt("the bytes end within an integer")
    }

    public mutating func readInt() throws(AvroError) -> Int32 {
        guard let value = Int32(exactly: try readLong()) else { throw corrupt("an int is outside 32 bits") }
        return value
    }

    public mutating func readFloat() throws(AvroError) -> Float {
        Float(bitPattern: UInt32(truncatingIfNeeded: try readLittleEndian(4)))
    }

    public mutating func readDouble() throws(AvroError) -> Double {
        Double(bitPattern: try readLittleEndian(8))
    }

    private mutating func readLittleEndian(_ width: Int) throws(AvroError) -> UInt64 {
        let start = try take(width)
        var value: UInt64 = 0
        for index in (start..<(start + width)).reversed() { value = value << 8 | UInt64(bytes[index]) }
        return value
    }

    /// Length-prefixed bytes.
    public mutating func readBytes() throws(AvroError) -> ArraySlice<UInt8> {
        try readFixed(try readLength())
    }

    public mutating func readFixed(_ size: Int) throws(AvroError) -> ArraySlice<UInt8> {
        let start = try take(size)
        return bytes[start..<(start + size)]
    }

    public mutating func readString() throws(AvroError) -> String {
        let slice = try readBytes()
        guard let text = String(validating: slice, as: UTF8.self) else { throw corrupt("a string is not UTF-8") }
        return text
    }

    private mutating func readLength() throws(AvroError) -> Int {
        let length = try readLong()
        guard length >= 0, length <= remaining else {
            throw corrupt("a length of \(length), \(remaining) bytes remain")
        }
        return Int(length)
    }

    /// The branch of a union of `count` branches that follows.
    public mutating func readUnionIndex(of count: Int) throws(AvroError) -> Int {
        let index = try readLong()
        guard index >= 0, index < Int64(count) else { throw corrupt("branch \(index) of a union of \(count)") }
        return Int(index)
    }

    /// The number of items in the next block of an array or map whose items are of `item`; 0 at its end. The items of
    /// a map are preceded by their key, so that they are never of size zero.
    public mutating func readItemCount(of item: AvroSchema, isMap: Bool = false) throws(AvroError) -> Int {
        var count = try readLong()
        if count < 0 {
            guard count != .min else { throw corrupt("an impossible item count") }
            count = -count
            _ = try readLong()
        }
        let isEmpty = !isMap && item.isZeroSize
        guard count <= Int64(isEmpty ? limits.zeroSizeItemsMax : remaining) else {
            throw AvroError(.tooLarge, "at byte \(offset): \(count) items stated, \(remaining) bytes remain")
        }
        return Int(count)
    }

    /// Counts a value that took no bytes.
    mutating func countEmptyValue() throws(AvroError) {
        emptyValues += 1
        guard emptyValues <= limits.zeroSizeItemsMax + AvroLimits.zeroSizeItemsPerByteMax * bytes.count else {
            throw AvroError(.tooLarge, "at byte \(offset): more values that take no bytes than are allowed")
        }
    }

    /// Skips one value of `schema`.
    public mutating func skip(_ schema: AvroSchema) throws(AvroError) {
        switch schema {
        case .null: try countEmptyValue()
        case .boolean: _ = try take(1)
        case .int, .long, .enumeration: _ = try readLong()
        case .float: _ = try take(4)
        case .double: _ = try take(8)
        case .bytes, .string: _ = try take(try readLength())
        case .fixed(_, let size, _): _ = try take(size)
        case .record(let record): for field in record.fields { try skip(field.type) }
        case .union(let branches):
            let branch = branches[try readUnionIndex(of: branches.count)]
            if case .null = branch { return }
            try skip(branch)
        case .array(let array): try skipItems(array.element, isMap: false)
        case .map(let values, _, _): try skipItems(values, isMap: true)
        }
    }

    /// Skips blocks whole where they state their size.
    private mutating func skipItems(_ item: AvroSchema, isMap: Bool) throws(AvroError) {
        while true {
            let before = self
            let first = try readLong()
            if first == 0 { return }
            if first < 0 {
                _ = try take(try readLength())
                continue
            }
            self = before
            let count = try readItemCount(of: item, isMap: isMap)
            if !isMap && item.isZeroSize { continue }
            for _ in 0..<count {
                if isMap { _ = try take(try readLength()) }
                try skip(item)
            }
        }
    }
}
