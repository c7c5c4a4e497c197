import Clocks

extension Transform {
    /// Whether the specification allows this transform on a column of `type`.
    public func canTransform(_ type: IcebergType) -> Bool {
        switch self {
        case .identity:
            switch type {
            case .geometry, .geography, .variant, .structure, .list, .map: return false
            default: return true
            }
        case .void, .unknown: return true
        case .year, .month, .day:
            switch type {
            case .date, .timestamp, .timestamptz, .timestampNanos, .timestamptzNanos: return true
            default: return false
            }
        case .hour:
            switch type {
            case .timestamp, .timestamptz, .timestampNanos, .timestamptzNanos: return true
            default: return false
            }
        case .bucket:
            switch type {
            case .int, .long, .decimal, .date, .time, .timestamp, .timestamptz, .timestampNanos, .timestamptzNanos,
                .string, .uuid, .fixed, .binary:
                return true
            default: return false
            }
        case .truncate:
            switch type {
            case .int, .long, .decimal, .string, .binary: return true
            default: return false
            }
        }
    }

    /// The type of the partition value. A day is a date, as every implementation writes it.
    public func resultType(of source: IcebergType) -> IcebergType {
        switch self {
        case .identity, .void, .truncate: source
        case .year, .month, .hour, .bucket: .int
        case .day: .date
        case .unknown: .string
        }
    }

    /// Whether values have the same result before and after a promotion of their type.
    func givesSame(_ old: IcebergType, as new: IcebergType) -> Bool {
        switch (self, old, new) {
        case (.void, _, _), (.year, _, _), (.month, _, _), (.day, _, _): true
        case (_, .date, .timestamp), (_, .date, .timestampNanos), (_, .timestamp, .date), (_, .timestampNanos, .date):
            false
        default: true
        }
    }

    /// The partition value of a column value; nil for null, for `void`, and for a type that cannot be transformed.
    public func apply(_ value: Datum?) -> Datum? {
        guard let value else { return nil }
        switch self {
        case .identity: return value
        case .void, .unknown: return nil
        case .year: return value.daysSinceEpoch.map { .int(Int32(clamping: Self.civil($0).year - 1970)) }
        case .month:
            return value.daysSinceEpoch.map {
                let date = Self.civil($0)
                return .int(Int32(clamping: (date.year - 1970) * 12 + date.month - 1))
            }
        case .day: return value.daysSinceEpoch.map { .date(Int32(clamping: $0)) }
        case .hour: return value.microseconds.map { .int(Int32(clamping: Timestamp(microseconds: $0).hours)) }
        case .bucket(let count): return value.bucketHash.map { .int(($0 & .max) % Int32(clamping: count)) }
        case .truncate(let width): return value.truncated(to: width)
        }
    }

    private static func civil(_ days: Int64) -> CivilDate { CivilDate(daysSinceEpoch: days) }
}

extension Datum {
    /// Microseconds since 1970 of a timestamp of either precision.
    var microseconds: Int64? {
        switch self {
        case .timestamp(let value), .timestamptz(let value): value
        case .timestampNanos(let value), .timestamptzNanos(let value): Timestamp.floorDivide(value, 1000)
        default: nil
        }
    }

    var daysSinceEpoch: Int64? {
        if case .date(let days) = self { return Int64(days) }
        return microseconds.map { Timestamp(microseconds: $0).days }
    }

    /// The hash that `bucket` uses; nil for types that cannot be bucketed.
    public var bucketHash: Int32? {
        switch self {
        case .int(let value), .date(let value): Murmur3.hash(Int64(value))
        case .long(let value), .time(let value): Murmur3.hash(value)
        case .timestamp, .timestamptz, .timestampNanos, .timestamptzNanos: microseconds.map { Murmur3.hash($0) }
        case .string, .uuid, .fixed, .binary, .decimal: Murmur3.hash(singleValueBinary)
        case .boolean, .float, .double: nil
        }
    }

    func truncated(to width: Int) -> Datum? {
        switch self {
        case .int(let value):
            return .int(Int32(truncatingIfNeeded: Self.floor(Int128(value), width)))
        case .long(let value):
            return .long(Int64(truncatingIfNeeded: Self.floor(Int128(value), width)))
        case .decimal(let unscaled, let scale):
            return .decimal(unscaled: Self.floor(unscaled, width), scale: scale)
        case .string(let text):
            var scalars = String.UnicodeScalarView()
            scalars.append(contentsOf: text.unicodeScalars.prefix(width))
            return .string(String(scalars))
        case .binary(let bytes): return .binary(Array(bytes.prefix(width)))
        default: return nil
        }
    }

    /// The multiple of `width` at or below `value`.
    private static func floor(_ value: Int128, _ width: Int) -> Int128 {
        let width = Int128(width)
        let rest = value % width
        return value &- (rest < 0 ? rest + width : rest)
    }
}
