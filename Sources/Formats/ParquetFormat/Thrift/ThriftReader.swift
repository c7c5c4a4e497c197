/// Thrift's compact protocol read from untrusted bytes: every length is checked against what remains, structures nest
/// at most `ParquetLimits.thriftDepthMax` deep, and fields nobody asked for are skipped.
struct ThriftReader {
    struct Field {
        let id: Int16
        let kind: ThriftWriter.Kind
    }

    /// Where a structure being read stands.
    struct Frame {
        fileprivate var lastField: Int16 = 0
    }

    private let bytes: UnsafeRawBufferPointer
    private(set) var offset: Int
    private var depth = 0

    init(_ bytes: UnsafeRawBufferPointer, offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }

    // MARK: - Structures

    mutating func begin() throws(ParquetError) -> Frame {
        depth += 1
        guard depth <= ParquetLimits.thriftDepthMax else {
            throw error(.tooLarge, "structures inside each other more than \(ParquetLimits.thriftDepthMax) deep")
        }
        return Frame()
    }

    /// The next field, or nil at the end of the structure. Its value must be read or skipped before the next call.
    mutating func next(_ frame: inout Frame) throws(ParquetError) -> Field? {
        let header = try byte()
        if header == 0 {
            depth -= 1
            return nil
        }
        guard let kind = ThriftWriter.Kind(rawValue: header & 0x0F) else {
            throw error(.corrupt, "no field type \(header & 0x0F)")
        }
        let delta = Int16(header >> 4)
        let (id, overflow) =
            delta == 0 ? (try int16(), false) : frame.lastField.addingReportingOverflow(delta)
        guard !overflow else { throw error(.corrupt, "a field id above 32767") }
        frame.lastField = id
        return Field(id: id, kind: kind)
    }

    // MARK: - Values

    mutating func int64() throws(ParquetError) -> Int64 {
        let raw = try varint()
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    mutating func int32() throws(ParquetError) -> Int32 {
        guard let value = Int32(exactly: try int64()) else { throw error(.corrupt, "an int32 out of its range") }
        return value
    }

    mutating func int16() throws(ParquetError) -> Int16 {
        guard let value = Int16(exactly: try int64()) else { throw error(.corrupt, "an int16 out of its range") }
        return value
    }

    mutating func int8() throws(ParquetError) -> Int8 { Int8(bitPattern: try byte()) }

    mutating func binary() throws(ParquetError) -> [UInt8] {
        let length = try size()
        defer { offset += length }
        return [UInt8](UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)]))
    }

    /// Text; bytes that are no UTF-8 become U+FFFD.
    mutating func text() throws(ParquetError) -> String { String(decoding: try binary(), as: UTF8.self) }

    /// The type and number of a list's elements; each takes at least a byte, so the number cannot exceed what remains.
    mutating func list() throws(ParquetError) -> (kind: ThriftWriter.Kind, count: Int) {
        let header = try byte()
        guard let kind = ThriftWriter.Kind(rawValue: header & 0x0F) else {
            throw error(.corrupt, "no element type \(header & 0x0F)")
        }
        if header >> 4 < 15 {
            let count = Int(header >> 4)
            guard count <= bytes.count - offset else { throw error(.corrupt, "a list longer than what remains") }
            return (kind, count)
        }
        return (kind, try size())
    }

    mutating func list(of expected: ThriftWriter.Kind) throws(ParquetError) -> Int {
        let (kind, count) = try list()
        guard kind == expected || count == 0 else {
            throw error(.corrupt, "a list of \(kind) where \(expected) belongs")
        }
        return count
    }

    /// A list of booleans: one byte each, 1 for true. Writers mark its elements as either boolean type.
    mutating func booleans() throws(ParquetError) -> [Bool] {
        let (kind, count) = try list()
        guard kind == .yes || kind == .no || count == 0 else {
            throw error(.corrupt, "a list of \(kind) where booleans belong")
        }
        var values: [Bool] = []
        for _ in 0..<count { values.append(try byte() == 1) }
        return values
    }

    // MARK: - Skipping

    mutating func skip(_ kind: ThriftWriter.Kind) throws(ParquetError) {
        switch kind {
        case .yes, .no: break
        case .int8: _ = try byte()
        case .int16, .int32, .int64: _ = try varint()
        case .double: try advance(8)
        case .binary: try advance(try size())
        case .structure:
            var frame = try begin()
            while let field = try next(&frame) { try skip(field.kind) }
        case .list, .set:
            let (element, count) = try list()
            try nested { reader throws(ParquetError) in
                for _ in 0..<count { try reader.skipElement(element) }
            }
        case .map:
            let count = try size()
            guard count > 0 else { return }
            let kinds = try byte()
            guard let key = ThriftWriter.Kind(rawValue: kinds >> 4),
                let value = ThriftWriter.Kind(rawValue: kinds & 0x0F)
            else { throw error(.corrupt, "no map of types \(kinds)") }
            try nested { reader throws(ParquetError) in
                for _ in 0..<count {
                    try reader.skipElement(key)
                    try reader.skipElement(value)
                }
            }
        }
    }

    /// Booleans take a byte as elements, and none as fields.
    private mutating func skipElement(_ kind: ThriftWriter.Kind) throws(ParquetError) {
        if kind == .yes || kind == .no { _ = try byte() } else { try skip(kind) }
    }

    private mutating func nested(
        _ body: (inout ThriftReader) throws(ParquetError) -> Void
    ) throws(ParquetError) {
        _ = try begin()
        try body(&self)
        depth -= 1
    }

    // MARK: - Bytes

    mutating func byte() throws(ParquetError) -> UInt8 {
        guard offset < bytes.count else { throw error(.corrupt, "cut short") }
        defer { offset += 1 }
        return bytes[offset]
    }

    private mutating func varint() throws(ParquetError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            guard shift < 63 || next <= 1 else { throw error(.corrupt, "a number of more than 64 bits") }
            value |= UInt64(next & 0x7F) << shift
            if next & 0x80 == 0 { return value }
            shift += 7
        }
    }

    /// A length that is known to remain.
    private mutating func size() throws(ParquetError) -> Int {
        guard let length = Int(exactly: try varint()), length <= bytes.count - offset else {
            throw error(.corrupt, "a length beyond what remains")
        }
        return length
    }

    private mutating func advance(_ count: Int) throws(ParquetError) {
        guard count <= bytes.count - offset else { throw error(.corrupt, "cut short") }
        offset += count
    }

    func error(_ code: ParquetError.Code, _ message: String) -> ParquetError {
        ParquetError(code, at: "thrift byte \(offset)", message)
    }
}
