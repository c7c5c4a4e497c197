import Bytes
import Clocks
import Glibc

extension Datum {
    public enum Order: Sendable { case less, equal, greater }

    /// How two values of one type compare, or a float and a double; nil when they are of different types.
    public func order(to other: Datum) -> Order? {
        switch (self, other) {
        case (.boolean(let left), .boolean(let right)): Self.order(left ? 1 : 0, right ? 1 : 0)
        case (.int(let left), .int(let right)), (.date(let left), .date(let right)): Self.order(left, right)
        case (.long(let left), .long(let right)), (.time(let left), .time(let right)),
            (.timestamp(let left), .timestamp(let right)), (.timestamptz(let left), .timestamptz(let right)),
            (.timestampNanos(let left), .timestampNanos(let right)),
            (.timestamptzNanos(let left), .timestamptzNanos(let right)):
            Self.order(left, right)
        case (.float(let left), .float(let right)): Self.order(Self.rank(left), Self.rank(right))
        case (.double(let left), .double(let right)): Self.order(Self.rank(left), Self.rank(right))
        case (.float(let left), .double(let right)): Self.order(Self.rank(Double(left)), Self.rank(right))
        case (.double(let left), .float(let right)): Self.order(Self.rank(left), Self.rank(Double(right)))
        case (.string(let left), .string(let right)): Self.order(left, right)
        case (.uuid(let left), .uuid(let right)): Self.order(bytes: left.bytes, right.bytes)
        case (.fixed(let left), .fixed(let right)), (.binary(let left), .binary(let right)):
            Self.order(bytes: left, right)
        case (.decimal(let left, let leftScale), .decimal(let right, let rightScale)):
            leftScale == rightScale ? Self.order(left, right) : nil
        default: nil
        }
    }

    private static func order<T: FixedWidthInteger>(_ left: T, _ right: T) -> Order {
        left < right ? .less : left == right ? .equal : .greater
    }

    /// By unsigned bytes, the shorter first.
    static func order(bytes left: [UInt8], _ right: [UInt8]) -> Order {
        left.withUnsafeBytes { left in right.withUnsafeBytes { right in order(left, right) } }
    }

    private static func order(_ left: String, _ right: String) -> Order {
        let known = left.utf8.withContiguousStorageIfAvailable { left in
            right.utf8.withContiguousStorageIfAvailable { right in
                order(UnsafeRawBufferPointer(left), UnsafeRawBufferPointer(right))
            }
        }
        if case .some(.some(let order)) = known { return order }
        return order(bytes: Array(left.utf8), Array(right.utf8))
    }

    private static func order(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Order {
        let common = min(left.count, right.count)
        if common > 0, let first = left.baseAddress, let second = right.baseAddress {
            let difference = memcmp(first, second, common)
            if difference != 0 { return difference < 0 ? .less : .greater }
        }
        return left.count < right.count ? .less : left.count == right.count ? .equal : .greater
    }

    /// An integer in the order of the values: -0 below +0, NaN on top.
    private static func rank(_ value: Double) -> Int64 {
        guard !value.isNaN else { return .max }
        let bits = Int64(bitPattern: value.bitPattern)
        return bits >= 0 ? bits : bits ^ .max
    }

    private static func rank(_ value: Float) -> Int32 {
        guard !value.isNaN else { return .max }
        let bits = Int32(bitPattern: value.bitPattern)
        return bits >= 0 ? bits : bits ^ .max
    }
}

extension Datum: Hashable {
    public static func == (left: Datum, right: Datum) -> Bool { left.order(to: right) == .equal }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .boolean(let value): hasher.combine(value)
        case .float(let value): hasher.combine(Self.rank(Double(value)))
        case .double(let value): hasher.combine(Self.rank(value))
        case .string(let value): hasher.combine(Array(value.utf8))
        case .uuid(let value): hasher.combine(value)
        case .fixed(let value), .binary(let value): hasher.combine(value)
        case .decimal(let unscaled, let scale):
            hasher.combine(unscaled)
            hasher.combine(scale)
        case .int, .long, .date, .time, .timestamp, .timestamptz, .timestampNanos, .timestamptzNanos:
            hasher.combine(integer)
        }
    }
}
