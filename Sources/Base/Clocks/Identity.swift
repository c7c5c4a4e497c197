import Bytes

/// Where random bits come from: the system, or a seed.
public protocol RandomSource: Sendable {
    /// 64 uniformly distributed bits.
    func next() -> UInt64
}

public struct SystemRandom: RandomSource {
    public init() {}

    public func next() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}

extension RandomSource {
    /// A number in `0..<bound`; 0 when `bound` is 0.
    public func next(below bound: UInt64) -> UInt64 {
        bound == 0 ? 0 : next().multipliedFullWidth(by: bound).high
    }
}

/// A universally unique identifier of RFC 9562.
public struct UUID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A random identifier, version 4.
    public static func random(_ random: some RandomSource = SystemRandom()) -> UUID {
        UUID(high: random.next() & ~0xF000 | 0x4000, low: random.next() & (~0 >> 2) | 1 << 63)
    }

    /// An identifier that sorts by time, version 7.
    public static func timeOrdered(at time: Timestamp, _ random: some RandomSource = SystemRandom()) -> UUID {
        let milliseconds = UInt64(bitPattern: time.milliseconds) << 16
        return UUID(high: milliseconds | 0x7000 | random.next() & 0xFFF, low: random.next() & (~0 >> 2) | 1 << 63)
    }

    /// Parses the 36-character form, in either case.
    public init?(_ text: some StringProtocol) {
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12], let bytes = Hexadecimal.decode(groups.joined()) else {
            return nil
        }
        self.init(bytes: bytes)
    }

    /// The 16 bytes, most significant first; nil for any other count.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The 16 bytes, most significant first.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendBigEndian(high)
        bytes.appendBigEndian(low)
        return bytes
    }

    public static func < (left: UUID, right: UUID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, lowercase.
    public var description: String {
        let digits = Array(Hexadecimal.encode(bytes).utf8)
        let groups = [digits[0..<8], digits[8..<12], digits[12..<16], digits[16..<20], digits[20..<32]]
        return groups.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "-")
    }
}
