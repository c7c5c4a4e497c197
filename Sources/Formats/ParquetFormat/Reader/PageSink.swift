/// Collects the values of a column chunk page by page: one implementation per shape of value.
protocol PageSink {
    /// Bytes collected so far.
    var byteCount: Int { get }

    /// `count` values in PLAIN encoding.
    mutating func plain(_ bytes: UnsafeRawBufferPointer, count: Int) throws(ParquetError)

    /// A dictionary page: `count` entries in PLAIN encoding.
    mutating func setDictionary(_ bytes: UnsafeRawBufferPointer, count: Int) throws(ParquetError)

    var dictionaryCount: Int { get }

    /// Values by dictionary entry; every index is below `dictionaryCount`.
    mutating func entries(_ indices: UnsafeBufferPointer<UInt32>, bytesMax: Int) throws(ParquetError)

    /// `count` values in an encoding that is neither PLAIN nor a dictionary.
    mutating func encoded(
        _ encoding: Int32, _ bytes: UnsafeRawBufferPointer, count: Int, bytesMax: Int
    ) throws(ParquetError)

    /// Reserves room for `factor` times what was collected so far, but for at most `bytesMax` bytes.
    mutating func reserve(factor: Double, bytesMax: Int)

    consuming func finish() -> ColumnValues
}

/// How many elements to reserve when `count` are there and `factor` times as many are expected.
func expectedCount(_ count: Int, _ factor: Double, width: Int, bytesMax: Int) -> Int {
    // A little more than a straight line says, so that the last page does not move everything.
    min(Int(Double(count) * factor * 1.02) + 64, bytesMax / width)
}

func encodingUnsupported(_ encoding: Int32, _ type: String) -> ParquetError {
    ParquetError(.unsupported, at: "encoding", "\(encoding) for \(type) values")
}

/// Numbers of fixed width, which lie in the file as they do in memory (little-endian machines).
struct NumberSink<Value: BitwiseCopyable>: PageSink {
    private var values: [Value] = []
    private var dictionary: [Value] = []
    private let wrap: ([Value]) -> ColumnValues
    /// Makes a value from a decoded delta; nil for types without delta encoding.
    private let fromInteger: ((Int64) -> Value)?

    init(_ wrap: @escaping ([Value]) -> ColumnValues, fromInteger: ((Int64) -> Value)? = nil) {
        self.wrap = wrap
        self.fromInteger = fromInteger
    }

    private static var width: Int { MemoryLayout<Value>.size }

    var byteCount: Int { values.count * Self.width }
    var dictionaryCount: Int { dictionary.count }

    mutating func plain(_ bytes: UnsafeRawBufferPointer, count: Int) throws(ParquetError) {
        try Self.append(bytes, count, to: &values)
    }

    mutating func setDictionary(_ bytes: UnsafeRawBufferPointer, count: Int) throws(ParquetError) {
        dictionary = []
        try Self.append(bytes, count, to: &dictionary)
    }

    mutating func entries(_ indices: UnsafeBufferPointer<UInt32>, bytesMax: Int) throws(ParquetError) {
        guard indices.count <= bytesMax / Self.width else {
            throw ParquetError(.tooLarge, at: "values", "more than \(bytesMax) bytes")
        }
        dictionary.withUnsafeBufferPointer { dictionary in
            values.append(addingCapacity: indices.count) { span in
                span.withUnsafeMutableBufferPointer { buffer, filled in
                    guard let target = buffer.baseAddress, let entries = dictionary.baseAddress else { return }
                    for (position, index) in indices.enumerated() { target[position] = entries[Int(index)] }
                    filled = indices.count
                }
            }
        }
    }

    mutating func encoded(
        _ encoding: Int32, _ bytes: UnsafeRawBufferPointer, count: Int, bytesMax: Int
    ) throws(ParquetError) {
        switch encoding {
        case Encoding.deltaBinaryPacked:
            guard let fromInteger else { throw encodingUnsupported(encoding, "\(Value.self)") }
            var cursor = ByteCursor(bytes)
            let integers = try DeltaDecoder.decode(&cursor, countMax: count)
            guard integers.count == count else {
                throw ParquetError(.corrupt, at: "delta encoding", "\(integers.count) integers for \(count) values")
            }
            values.append(contentsOf: integers.lazy.map(fromInteger))
        case Encoding.byteStreamSplit:
            let joined = try ByteStreamSplit.join(bytes, width: Self.width, count: count)
            let result = joined.withUnsafeBytes { raw in
                Result { () throws(ParquetError) in try Self.append(raw, count, to: &values) }
            }
            try result.get()
        default: throw encodingUnsupported(encoding, "\(Value.self)")
        }
    }

    mutating func reserve(factor: Double, bytesMax: Int) {
        values.reserveCapacity(expectedCount(values.count, factor, width: Self.width, bytesMax: bytesMax))
    }

    consuming func finish() -> ColumnValues { wrap(values) }

    private static func append(
        _ bytes: UnsafeRawBufferPointer, _ count: Int, to array: inout [Value]
    ) throws(ParquetError) {
        let size = count * width
        guard size <= bytes.count else {
            throw ParquetError(.corrupt, at: "plain values", "\(size) bytes needed, \(bytes.count) there")
        }
        guard size > 0, let source = bytes.baseAddress else { return }
        array.append(addingCapacity: count) { span in
            span.withUnsafeMutableBufferPointer { buffer, filled in
                guard let target = buffer.baseAddress else { return }
                UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: size)
                filled = count
            }
        }
    }
}

/// BYTE_STREAM_SPLIT: the first bytes of all values, then the second bytes, and so on.
enum ByteStreamSplit {
    static func join(_ bytes: UnsafeRawBufferPointer, width: Int, count: Int) throws(ParquetError) -> [UInt8] {
        guard width * count <= bytes.count else {
            throw ParquetError(.corrupt, at: "split values", "\(width * count) bytes needed, \(bytes.count) there")
        }
        return [UInt8](unsafeUninitializedCapacity: width * count) { target, filled in
            for byte in 0..<width {
                for index in 0..<count { target[index * width + byte] = bytes[byte * count + index] }
            }
            filled = width * count
        }
    }
}

/// Booleans: one bit each, or runs.
struct BooleanSink: PageSink {
    private var values: [Bool] = []

    var byteCount: Int { values.count }
    var dictionaryCount: Int { 0 }

    mutating func plain(_ bytes: UnsafeRawBufferPointer, count: Int) throws(ParquetError) {
        guard (count + 7) / 8 <= bytes.count else {
            throw ParquetError(.corrupt, at: "plain values", "\(count) bits needed, \(bytes.count) bytes there")
        }
        for index in 0..<count { values.append(bytes[index >> 3] >> UInt8(index & 7) & 1 == 1) }
    }

    mutating func setDictionary(_ bytes: UnsafeRawBufferPointer, count: Int) throws(ParquetError) {
        throw ParquetError(.corrupt, at: "dictionary", "booleans have none")
    }

    mutating func entries(_ indices: UnsafeBufferPointer<UInt32>, bytesMax: Int) {}

    mutating func encoded(
        _ encoding: Int32, _ bytes: UnsafeRawBufferPointer, count: Int, bytesMax: Int
    ) throws(ParquetError) {
        guard encoding == Encoding.rle else { throw encodingUnsupported(encoding, "boolean") }
        guard count > 0 else { return }
        var cursor = ByteCursor(bytes)
        let runs = try cursor.lengthPrefixed("boolean runs")
        var bits = [UInt8](repeating: 0, count: count)
        let result = bits.withUnsafeMutableBufferPointer { buffer in
            Result { () throws(ParquetError) in
                guard let base = buffer.baseAddress else { return }
                try HybridDecoder.decode(runs, width: 1, count: count, into: base, "boolean runs")
            }
        }
        try result.get()
        values.append(contentsOf: bits.lazy.map { $0 != 0 })
    }

    mutating func reserve(factor: Double, bytesMax: Int) {
        values.reserveCapacity(expectedCount(values.count, factor, width: 1, bytesMax: bytesMax))
    }

    consuming func finish() -> ColumnValues { .boolean(values) }
}
