/// The numbers a test accepts, as keys whose order is the column's order.
struct NumberSet: Hashable, Sendable {
    /// Sorted single keys, or nil for an interval.
    var points: [Int64]?
    var low: Int64
    var high: Int64
    var isNegated = false

    init(_ range: ClosedRange<Int64>?, isNegated: Bool = false) {
        low = range?.lowerBound ?? 0
        high = range?.upperBound ?? -1
        self.isNegated = isNegated
    }

    init(points: [Int64], isNegated: Bool) {
        let sorted = Set(points).sorted()
        self.points = sorted.count == 1 ? nil : sorted
        low = sorted.first ?? 0
        high = sorted.last ?? -1
        self.isNegated = isNegated
    }

    @inline(__always)
    func contains(_ key: Int64) -> Bool {
        guard let points else { return (key >= low && key <= high) != isNegated }
        return Self.search(points, key) != isNegated
    }

    @inline(__always)
    private static func search(_ points: [Int64], _ key: Int64) -> Bool {
        var (from, to) = (0, points.count)
        while from < to {
            let middle = (from &+ to) &>> 1
            if points[middle] < key { from = middle &+ 1 } else { to = middle }
        }
        return from < points.count && points[from] == key
    }

    /// How many of the keys between two bounds are accepted.
    func match(_ bounds: ClosedRange<Int64>) -> RowMatch {
        let inside: RowMatch
        if low > high || bounds.upperBound < low || bounds.lowerBound > high {
            inside = .none
        } else if let points {
            if bounds.lowerBound == bounds.upperBound {
                inside = Self.search(points, bounds.lowerBound) ? .all : .none
            } else {
                inside = points.contains { bounds.contains($0) } ? .some : .none
            }
        } else {
            inside = bounds.lowerBound >= low && bounds.upperBound <= high ? .all : .some
        }
        return isNegated ? inside.inverse : inside
    }
}

/// The byte strings a test accepts.
struct ByteStringSet: Hashable, Sendable {
    /// Sorted single values, or nil for an interval.
    var points: [[UInt8]]?
    var low: [UInt8]?
    var isLowIncluded = true
    var high: [UInt8]?
    var isHighIncluded = true
    var isNegated = false
    /// Big-endian two's complement instead of unsigned bytes.
    let isSigned: Bool

    init(low: [UInt8]? = nil, high: [UInt8]? = nil, isSigned: Bool) {
        self.low = low
        self.high = high
        self.isSigned = isSigned
    }

    init(points: [[UInt8]], isNegated: Bool, isSigned: Bool) {
        self.isSigned = isSigned
        self.isNegated = isNegated
        let sorted = points.sorted { Self.compare($0, $1, isSigned) < 0 }
        self.points = sorted
        low = sorted.first
        high = sorted.last
    }

    /// Every string that begins so.
    init(prefix: [UInt8], isNegated: Bool) {
        isSigned = false
        self.isNegated = isNegated
        low = prefix
        if let last = prefix.lastIndex(where: { $0 != 0xFF }) {
            var next = [UInt8](prefix[...last])
            next[last] += 1
            high = next
            isHighIncluded = false
        }
    }

    static func compare(_ left: [UInt8], _ right: [UInt8], _ isSigned: Bool) -> Int {
        left.withUnsafeBytes { left in
            right.withUnsafeBytes { compare(left, $0, isSigned) }
        }
    }

    @inline(__always)
    static func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer, _ isSigned: Bool) -> Int {
        guard let leftStart = left.baseAddress, let rightStart = right.baseAddress, left.count > 0, right.count > 0
        else { return left.count - right.count }
        return isSigned
            ? compareSignedBigEndian(leftStart, left.count, rightStart, right.count)
            : compareLexicographic(leftStart, left.count, rightStart, right.count)
    }

    func contains(_ value: UnsafeRawBufferPointer) -> Bool {
        if let points {
            var (from, to) = (0, points.count)
            while from < to {
                let middle = (from + to) / 2
                let order = points[middle].withUnsafeBytes { Self.compare($0, value, isSigned) }
                if order == 0 { return !isNegated }
                if order < 0 { from = middle + 1 } else { to = middle }
            }
            return isNegated
        }
        return isInside(value) != isNegated
    }

    private func isInside(_ value: UnsafeRawBufferPointer) -> Bool {
        if let low {
            let order = low.withUnsafeBytes { Self.compare($0, value, isSigned) }
            if order > 0 || (order == 0 && !isLowIncluded) { return false }
        }
        if let high {
            let order = high.withUnsafeBytes { Self.compare(value, $0, isSigned) }
            if order > 0 || (order == 0 && !isHighIncluded) { return false }
        }
        return true
    }

    /// How many of the strings between two bounds are accepted; a bound that is not known is nil.
    func match(_ least: [UInt8]?, _ greatest: [UInt8]?) -> RowMatch {
        let inside: RowMatch
        if let points {
            let within = points.contains { point in
                (least.map { Self.compare($0, point, isSigned) <= 0 } ?? true)
                    && (greatest.map { Self.compare(point, $0, isSigned) <= 0 } ?? true)
            }
            inside = within ? (least != nil && least == greatest ? .all : .some) : .none
        } else if let greatest, let low, isBeyond(low, greatest, isLowIncluded) {
            inside = .none
        } else if let least, let high, isBeyond(least, high, isHighIncluded) {
            inside = .none
        } else {
            let isAboveLow = low.map { low in least.map { !isBeyond(low, $0, isLowIncluded) } ?? false } ?? true
            let isBelowHigh = high.map { high in greatest.map { !isBeyond($0, high, isHighIncluded) } ?? false } ?? true
            inside = isAboveLow && isBelowHigh ? .all : .some
        }
        return isNegated ? inside.inverse : inside
    }

    private func isBeyond(_ left: [UInt8], _ right: [UInt8], _ isIncluded: Bool) -> Bool {
        let order = Self.compare(left, right, isSigned)
        return order > 0 || (order == 0 && !isIncluded)
    }
}

/// How many of some rows fulfil a condition, as far as their statistics tell.
enum RowMatch: Hashable, Sendable {
    case none
    case some
    case all

    var inverse: RowMatch {
        switch self {
        case .none: .all
        case .some: .some
        case .all: .none
        }
    }
}

/// Integer keys in the order of numbers.
enum NumberKey {
    /// NaN above all others, zeros of both signs equal.
    @inline(__always)
    static func of(_ value: Double) -> Int64 {
        if value.isNaN { return Int64.max }
        let bits = Int64(bitPattern: (value + 0.0).bitPattern)
        return bits ^ ((bits &>> 63) & Int64.max)
    }

    @inline(__always)
    static func of(unsigned value: UInt64) -> Int64 { Int64(bitPattern: value ^ (1 &<< 63)) }

    /// Of a bound in PLAIN bytes of the right width; nil for byte arrays.
    static func of(plain bytes: [UInt8], _ leaf: SchemaLeaf) -> Int64? {
        let isUnsigned = ValueOrder(leaf) == .unsigned
        return bytes.withUnsafeBytes { raw in
            switch leaf.physicalType {
            case .boolean: return raw.count == 1 ? Int64(raw[0]) : nil
            case .int32:
                guard raw.count == 4 else { return nil }
                let value = raw.loadUnaligned(as: UInt32.self)
                return isUnsigned ? Int64(value) : Int64(Int32(bitPattern: value))
            case .int64:
                guard raw.count == 8 else { return nil }
                let value = raw.loadUnaligned(as: UInt64.self)
                return isUnsigned ? of(unsigned: value) : Int64(bitPattern: value)
            case .float: return raw.count == 4 ? of(Double(raw.loadUnaligned(as: Float.self))) : nil
            case .double: return raw.count == 8 ? of(raw.loadUnaligned(as: Double.self)) : nil
            case .int96, .byteArray, .fixedLengthByteArray: return nil
            }
        }
    }
}
