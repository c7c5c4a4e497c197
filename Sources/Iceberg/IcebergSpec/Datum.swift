import Bytes
import Clocks

/// One value of a primitive type, never null.
///
/// Equality and order are Iceberg's: floating-point values compare as in IEEE 754 total order for the cases that
/// matter (-0 is below +0, every NaN equals every other and lies above all), strings and binary by unsigned bytes.
public enum Datum: Sendable {
    case boolean(Bool)
    case int(Int32)
    case long(Int64)
    case float(Float)
    case double(Double)
    /// Days since 1970-01-01.
    case date(Int32)
    /// Microseconds since midnight.
    case time(Int64)
    /// Microseconds since 1970-01-01T00:00:00, no zone.
    case timestamp(Int64)
    /// Microseconds since 1970-01-01T00:00:00Z.
    case timestamptz(Int64)
    case timestampNanos(Int64)
    case timestamptzNanos(Int64)
    case string(String)
    case uuid(UUID)
    case fixed([UInt8])
    case binary([UInt8])
    /// `unscaled` × 10^-`scale`.
    case decimal(unscaled: Int128, scale: Int)

    public var isNaN: Bool {
        switch self {
        case .float(let value): value.isNaN
        case .double(let value): value.isNaN
        default: false
        }
    }

    /// The number in an integer-like value: int, long, date, time, and all timestamps.
    public var integer: Int64? {
        switch self {
        case .int(let value), .date(let value): Int64(value)
        case .long(let value), .time(let value), .timestamp(let value), .timestamptz(let value),
            .timestampNanos(let value), .timestamptzNanos(let value):
            value
        default: nil
        }
    }

    public var string: String? { if case .string(let value) = self { value } else { nil } }

    /// Whether this can be a value of `type`. Decimals must agree in scale and fit the precision.
    public func isValue(of type: IcebergType) -> Bool {
        switch (self, type) {
        case (.boolean, .boolean), (.int, .int), (.long, .long), (.float, .float), (.double, .double), (.date, .date),
            (.time, .time), (.timestamp, .timestamp), (.timestamptz, .timestamptz),
            (.timestampNanos, .timestampNanos), (.timestamptzNanos, .timestamptzNanos), (.string, .string),
            (.uuid, .uuid), (.binary, .binary), (.binary, .geometry), (.binary, .geography):
            true
        case (.fixed(let bytes), .fixed(let length)): bytes.count == length
        case (.decimal(let unscaled, let scale), .decimal(let precision, let typeScale)):
            scale == typeScale && unscaled.magnitude <= IcebergType.decimalMax(precision: precision).magnitude
        default: false
        }
    }
}
