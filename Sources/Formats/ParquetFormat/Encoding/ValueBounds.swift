/// The smallest and the largest of some values, as PLAIN bytes.
struct ValueBounds {
    var min: [UInt8]
    var max: [UInt8]

    mutating func merge(_ other: ValueBounds, _ comparison: ValueComparison) {
        if comparison.isLess(other.min, min) { min = other.min }
        if comparison.isLess(max, other.max) { max = other.max }
    }
}

/// Finds bounds in columns, and compares bounds.
struct ValueComparison {
    let type: PhysicalType
    let order: ValueOrder

    init(_ leaf: SchemaLeaf) {
        type = leaf.physicalType
        order = ValueOrder(leaf)
    }

    /// Nil without values that have an order. Counts the NaNs, which are never bounds.
    func bounds(
        _ view: ValueView, _ range: Range<Int>, dictionary: (indices: [UInt32], entries: [UInt32])?,
        nanCount: inout Int64
    ) -> ValueBounds? {
        if order == .undefined || range.isEmpty { return nil }
        switch type {
        case .boolean: return Self.integers(view.words(UInt8.self, range))
        case .int32:
            return order == .unsigned
                ? Self.integers(view.words(UInt32.self, range)) : Self.integers(view.words(Int32.self, range))
        case .int64:
            return order == .unsigned
                ? Self.integers(view.words(UInt64.self, range)) : Self.integers(view.words(Int64.self, range))
        case .float: return Self.floats(view.words(Float.self, range), nanCount: &nanCount)
        case .double: return Self.floats(view.words(Double.self, range), nanCount: &nanCount)
        case .int96: return nil
        case .byteArray, .fixedLengthByteArray:
            let (smallest, largest) =
                dictionary.map { byteExtremes(view, range, $0.indices, $0.entries) }
                ?? byteExtremes(view, range)
            return ValueBounds(min: Self.bytes(view.value(smallest)), max: Self.bytes(view.value(largest)))
        }
    }

    func isLess(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.withUnsafeBytes { left in
            right.withUnsafeBytes { right in
                switch type {
                case .boolean: left[0] < right[0]
                case .int32:
                    order == .unsigned
                        ? left.loadUnaligned(as: UInt32.self) < right.loadUnaligned(as: UInt32.self)
                        : left.loadUnaligned(as: Int32.self) < right.loadUnaligned(as: Int32.self)
                case .int64:
                    order == .unsigned
                        ? left.loadUnaligned(as: UInt64.self) < right.loadUnaligned(as: UInt64.self)
                        : left.loadUnaligned(as: Int64.self) < right.loadUnaligned(as: Int64.self)
                case .float: left.loadUnaligned(as: Float.self) < right.loadUnaligned(as: Float.self)
                case .double: left.loadUnaligned(as: Double.self) < right.loadUnaligned(as: Double.self)
                case .int96: false
                case .byteArray, .fixedLengthByteArray:
                    left.baseAddress.flatMap { start in
                        right.baseAddress.map { compareBytes(start, left.count, $0, right.count) < 0 }
                    } ?? (left.count < right.count)
                }
            }
        }
    }

    // MARK: - Bytes

    @inline(__always)
    private func compareBytes(
        _ left: UnsafeRawPointer, _ leftLength: Int, _ right: UnsafeRawPointer, _ rightLength: Int
    ) -> Int {
        order == .signedBigEndian
            ? compareSignedBigEndian(left, leftLength, right, rightLength)
            : compareLexicographic(left, leftLength, right, rightLength)
    }

    private func byteExtremes(_ view: ValueView, _ range: Range<Int>) -> (Int, Int) {
        var (smallest, largest) = (range.lowerBound, range.lowerBound)
        var (low, high) = (view.value(smallest), view.value(largest))
        for position in range.dropFirst() {
            let value = view.value(position)
            if compareBytes(value.start, value.length, high.start, high.length) > 0 {
                (largest, high) = (position, value)
            } else if compareBytes(value.start, value.length, low.start, low.length) < 0 {
                (smallest, low) = (position, value)
            }
        }
        return (smallest, largest)
    }

    /// Compares only the entries that occur.
    private func byteExtremes(
        _ view: ValueView, _ range: Range<Int>, _ indices: [UInt32], _ entries: [UInt32]
    ) -> (Int, Int) {
        var occurs = [Bool](repeating: false, count: entries.count)
        for position in range { occurs[Int(indices[position])] = true }
        var (smallest, largest) = (-1, -1)
        for entry in entries.indices where occurs[entry] {
            let position = Int(entries[entry])
            if smallest < 0 {
                (smallest, largest) = (position, position)
                continue
            }
            let value = view.value(position)
            let (low, high) = (view.value(smallest), view.value(largest))
            if compareBytes(value.start, value.length, high.start, high.length) > 0 {
                largest = position
            } else if compareBytes(value.start, value.length, low.start, low.length) < 0 {
                smallest = position
            }
        }
        return (smallest, largest)
    }

    private static func bytes(_ value: (start: UnsafeRawPointer, length: Int)) -> [UInt8] {
        [UInt8](UnsafeRawBufferPointer(start: value.start, count: value.length))
    }

    // MARK: - Numbers

    private static func integers<T: FixedWidthInteger>(_ values: UnsafeBufferPointer<T>) -> ValueBounds {
        var (low, high) = (T.max, T.min)
        for value in values {
            low = Swift.min(low, value)
            high = Swift.max(high, value)
        }
        return ValueBounds(min: littleEndian(low), max: littleEndian(high))
    }

    private static func floats<T: BinaryFloatingPoint>(
        _ values: UnsafeBufferPointer<T>, nanCount: inout Int64
    ) -> ValueBounds? {
        var (low, high) = (T.infinity, -T.infinity)
        var nans = 0
        for value in values {
            if value.isNaN { nans += 1 }
            if value < low { low = value }
            if value > high { high = value }
        }
        nanCount += Int64(nans)
        guard nans < values.count else { return nil }
        // Zeros of both signs are equal but not the same bytes: the bounds must enclose both.
        if low == 0 { low = -T.zero }
        if high == 0 { high = T.zero }
        return ValueBounds(min: littleEndian(low), max: littleEndian(high))
    }

    private static func littleEndian<T>(_ value: T) -> [UInt8] { withUnsafeBytes(of: value) { [UInt8]($0) } }
}
