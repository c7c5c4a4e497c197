/// Checks the [portable format](https://github.com/RoaringBitmap/RoaringFormatSpec) of a 32-bit bitmap before the C
/// library reads it, because the library trusts what lies inside its containers.
///
/// Refused besides what does not fit: containers, values or runs out of order, runs that overlap or touch, counts that
/// differ from what the container holds. The offsets of containers are not used and so not checked.
struct RoaringLayout {
    let bytes: UnsafeRawBufferPointer
    let start: Int
    private(set) var offset: Int

    private static let cookieWithRuns = 12_347
    private static let cookieWithoutRuns = 12_346
    /// With runs, fewer containers than this have no offsets.
    private static let containersWithOffsetsMin = 4
    private static let arrayValuesMax = 4096
    private static let bitsetBytes = 8192

    init(_ bytes: UnsafeRawBufferPointer, at start: Int) {
        self.bytes = bytes
        self.start = start
        offset = start
    }

    /// The range of the bitmap that begins at `start`.
    static func validate(_ bytes: UnsafeRawBufferPointer, at start: Int) throws(BitmapError) -> Range<Int> {
        var layout = RoaringLayout(bytes, at: start)
        try layout.walk()
        return start..<layout.offset
    }

    private mutating func take(_ count: Int) throws(BitmapError) -> Int {
        guard count <= bytes.count - offset else {
            throw BitmapError(at: offset, "\(count) bytes needed, \(bytes.count - offset) remain")
        }
        defer { offset += count }
        return offset
    }

    private func uint16(_ position: Int) -> Int {
        Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt16.self)))
    }

    private func uint32(_ position: Int) -> Int {
        Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
    }

    private mutating func walk() throws(BitmapError) {
        let cookie = uint32(try take(4))
        var count = 0
        var runFlags: Int?
        if cookie & 0xFFFF == Self.cookieWithRuns {
            count = cookie >> 16 + 1
            runFlags = try take((count + 7) / 8)
        } else if cookie == Self.cookieWithoutRuns {
            count = uint32(try take(4))
        } else {
            throw BitmapError(at: start, "the cookie is neither 12346 nor 12347")
        }
        guard count <= 1 << 16 else { throw BitmapError(at: start + 4, "\(count) containers, at most 65536 exist") }
        let headers = try take(4 * count)
        if runFlags == nil || count >= Self.containersWithOffsetsMin { _ = try take(4 * count) }
        var before = -1
        for index in 0..<count {
            let key = uint16(headers + 4 * index)
            guard key > before else { throw BitmapError(at: headers + 4 * index, "containers are not in order") }
            before = key
            let cardinality = uint16(headers + 4 * index + 2) + 1
            if let runFlags, bytes[runFlags + index / 8] >> UInt8(index % 8) & 1 == 1 {
                try checkRuns(cardinality)
            } else if cardinality <= Self.arrayValuesMax {
                try checkArray(cardinality)
            } else {
                try checkBitset(cardinality)
            }
        }
    }

    private mutating func checkArray(_ cardinality: Int) throws(BitmapError) {
        let values = try take(2 * cardinality)
        var before = -1
        for index in 0..<cardinality {
            let value = uint16(values + 2 * index)
            guard value > before else { throw BitmapError(at: values + 2 * index, "values are not in order") }
            before = value
        }
    }

    private mutating func checkBitset(_ cardinality: Int) throws(BitmapError) {
        let words = try take(Self.bitsetBytes)
        var found = 0
        for position in stride(from: words, to: words + Self.bitsetBytes, by: 8) {
            found += bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self).nonzeroBitCount
        }
        try check(found, against: cardinality, at: words)
    }

    private mutating func checkRuns(_ cardinality: Int) throws(BitmapError) {
        let count = uint16(try take(2))
        let runs = try take(4 * count)
        var found = 0
        var lowest = 0
        for run in stride(from: runs, to: runs + 4 * count, by: 4) {
            let first = uint16(run)
            let last = first + uint16(run + 2)
            guard first >= lowest, last < 1 << 16 else { throw BitmapError(at: run, "runs overlap or touch") }
            found += last - first + 1
            lowest = last + 2
        }
        try check(found, against: cardinality, at: runs)
    }

    private func check(_ found: Int, against stated: Int, at position: Int) throws(BitmapError) {
        guard found == stated else {
            throw BitmapError(at: position, "\(found) values in a container that states \(stated)")
        }
    }
}
