import Bytes
import Clocks

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
        case (.string(let left), .string(let right)): Self.order(bytes: left.utf8, right.utf8)
        case (.uuid(let left), .uuid(let right)): Self.order(left, right)
        case (.fixed(let left), .fixed(let right)), (.binary(let left), .binary(let right)):
            Self.order(bytes: left, right)
        case (.decimal(let left, let leftScale), .decimal(let right, let rightScale)):
            leftScale == rightScale ? Self.order(left, right) : nil
        default: nil
        }
    }

    private static func order<T: Comparable>(_ left: T, _ right: T) -> Order {
        left < right ? .less : left == right ? .equal : .greater
    }

    private static func order(bytes left: some Sequence<UInt8>, _ right: some Sequence<UInt8>) -> Order {
        var left = left.makeIterator()
        var right = right.makeIterator()
        while true {
            switch (left.next(), right.next()) {
            case (nil, nil): return .equal
            case (nil, _): return .less
            case (_, nil): return .greater
            case (let first?, let second?):
                if first != second { return first < second ? .less : .greater }
            }
        }
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
