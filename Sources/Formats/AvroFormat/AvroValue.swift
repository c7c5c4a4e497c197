import Bytes

/// A value of any type, as a reader's schema shapes it. Logical types are over it: `logical(as:)`.
public indirect enum AvroValue: Hashable, Sendable {
    case null
    case boolean(Bool)
    case int(Int32)
    case long(Int64)
    case float(Float)
    case double(Double)
    case bytes([UInt8])
    case string(String)
    case fixed([UInt8])
    /// The symbol.
    case enumeration(String)
    case array([AvroValue])
    /// Entries in the order in which they were written.
    case map([AvroMapEntry])
    /// The values of the fields, in the order of the reader's schema. A value of a union is that of its branch.
    case record([AvroValue])
}

public struct AvroMapEntry: Hashable, Sendable {
    public var key: String
    public var value: AvroValue

    public init(_ key: String, _ value: AvroValue) {
        self.key = key
        self.value = value
    }
}

/// What a value means by its logical type.
public enum AvroLogicalValue: Hashable, Sendable {
    public enum Unit: Hashable, Sendable { case milliseconds, microseconds, nanoseconds }

    /// Days since 1970-01-01.
    case date(Int32)
    /// Since midnight.
    case time(Int64, Unit)
    /// Since 1970-01-01T00:00:00: of UTC, or of no zone.
    case timestamp(Int64, Unit, isAdjustedToUTC: Bool)
    case decimal(unscaled: Int128, scale: Int)
    /// 16 bytes, big-endian.
    case uuid([UInt8])
    case duration(months: UInt32, days: UInt32, milliseconds: UInt32)
}

extension AvroValue {
    /// Nil when the value cannot be of that logical type: another plain type, a decimal of more than 16 bytes, a UUID
    /// that is none.
    public func logical(as type: AvroLogicalType) -> AvroLogicalValue? {
        switch (self, type) {
        case (.int(let value), .date): .date(value)
        case (.int(let value), .timeMillis): .time(Int64(value), .milliseconds)
        case (.long(let value), .timeMicros): .time(value, .microseconds)
        case (.long(let value), .timestampMillis): .timestamp(value, .milliseconds, isAdjustedToUTC: true)
        case (.long(let value), .timestampMicros(let toUTC)): .timestamp(value, .microseconds, isAdjustedToUTC: toUTC)
        case (.long(let value), .timestampNanos(let toUTC)): .timestamp(value, .nanoseconds, isAdjustedToUTC: toUTC)
        case (.long(let value), .localTimestampMillis): .timestamp(value, .milliseconds, isAdjustedToUTC: false)
        case (.long(let value), .localTimestampMicros): .timestamp(value, .microseconds, isAdjustedToUTC: false)
        case (.long(let value), .localTimestampNanos): .timestamp(value, .nanoseconds, isAdjustedToUTC: false)
        case (.bytes(let bytes), .decimal(_, let scale)), (.fixed(let bytes), .decimal(_, let scale)):
            Self.unscaled(bytes).map { .decimal(unscaled: $0, scale: scale) }
        case (.string(let text), .uuid): Self.uuid(text).map { .uuid($0) }
        case (.fixed(let bytes), .uuid): bytes.count == 16 ? .uuid(bytes) : nil
        case (.fixed(let bytes), .duration): Self.duration(bytes)
        default: nil
        }
    }

    /// Big-endian two's complement.
    private static func unscaled(_ bytes: [UInt8]) -> Int128? {
        guard (1...16).contains(bytes.count) else { return nil }
        return bytes.reduce(bytes[0] & 0x80 == 0 ? 0 : -1) { $0 << 8 | Int128($1) }
    }

    private static func uuid(_ text: String) -> [UInt8]? {
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12] else { return nil }
        return Hexadecimal.decode(groups.joined())
    }

    private static func duration(_ bytes: [UInt8]) -> AvroLogicalValue? {
        guard bytes.count == 12 else { return nil }
        let parts = stride(from: 0, to: 12, by: 4).map { start in
            bytes[start..<(start + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
        return .duration(months: parts[0], days: parts[1], milliseconds: parts[2])
    }
}
