import Bytes
import Clocks

extension Datum {
    enum Conversion {
        case value(Datum)
        /// Greater than every value of the type.
        case aboveAll
        /// Smaller than every value of the type.
        case belowAll
        /// Comparable, but no value of the type is equal: 1.5 lies between the integers 1 and 2.
        case between(Datum, Datum)
        /// No value of the type is equal.
        case unequalToAll
        case impossible
    }

    /// A literal as a value of a column's type, exactly or not at all.
    func converted(to type: IcebergType) -> Conversion {
        if isValue(of: type) { return .value(self) }
        switch (self, type) {
        case (.int, _), (.long, _): return Self.convert(integer: integer ?? 0, to: type)
        case (.double(let value), .float):
            // A double that is no float is kept: rounded, it would be compared wrongly.
            return .value(Double(Float(value)) == value ? .float(Float(value)) : self)
        case (.float(let value), .double): return .value(.double(Double(value)))
        case (.float(let value), .int), (.float(let value), .long): return Self.convert(Double(value), toInteger: type)
        case (.double(let value), .int), (.double(let value), .long): return Self.convert(value, toInteger: type)
        case (.double(let value), .decimal(_, let scale)):
            guard !value.isNaN else { return .impossible }
            return Self.decimal("\(value)", type, scale, isNegative: value < 0)
        case (.decimal(let unscaled, let own), .decimal(_, let scale)):
            return Self.decimal("\(unscaled)E\(-own)", type, scale, isNegative: unscaled < 0)
        case (.string(let text), _): return Self.convert(text, to: type)
        case (.date(let days), _):
            let (time, overflow) = Int64(days).multipliedReportingOverflow(by: DatumText.microsecondsPerDay)
            if overflow { return days > 0 ? .aboveAll : .belowAll }
            return Self.convert(microseconds: time, to: type)
        case (.timestamp(let value), _), (.timestamptz(let value), _):
            return Self.convert(microseconds: value, to: type)
        case (.timestampNanos(let value), _), (.timestamptzNanos(let value), _):
            return Self.convert(nanoseconds: value, to: type)
        case (.fixed(let bytes), .binary): return .value(.binary(bytes))
        case (.binary(let bytes), .fixed(let length)):
            return bytes.count == length ? .value(.fixed(bytes)) : .unequalToAll
        default: return .impossible
        }
    }

    private static func convert(integer value: Int64, to type: IcebergType) -> Conversion {
        switch type {
        case .int: return narrow(value).map { .value(.int($0)) } ?? (value > 0 ? .aboveAll : .belowAll)
        case .long: return .value(.long(value))
        case .float: return .value(.float(Float(value)))
        case .double: return .value(.double(Double(value)))
        case .decimal(_, let scale): return decimal("\(value)", type, scale, isNegative: value < 0)
        case .date: return narrow(value).map { .value(.date($0)) } ?? (value > 0 ? .aboveAll : .belowAll)
        case .time: return .value(.time(value))
        case .timestamp: return .value(.timestamp(value))
        case .timestamptz: return .value(.timestamptz(value))
        case .timestampNanos: return .value(.timestampNanos(value))
        case .timestamptzNanos: return .value(.timestamptzNanos(value))
        default: return .impossible
        }
    }

    private static func narrow(_ value: Int64) -> Int32? { Int32(exactly: value) }

    private static func convert(_ value: Double, toInteger type: IcebergType) -> Conversion {
        guard !value.isNaN else { return .impossible }
        let floor = value.rounded(.down)
        guard let whole = Int64(exactly: floor) else { return value > 0 ? .aboveAll : .belowAll }
        let conversion = convert(integer: whole, to: type)
        guard floor != value, case .value(let below) = conversion else { return conversion }
        return below.stepped(by: 1).map { .between(below, $0) } ?? .aboveAll
    }

    private static func decimal(_ text: String, _ type: IcebergType, _ scale: Int, isNegative: Bool) -> Conversion {
        guard let (floor, isExact) = DatumText.parseDecimalFloor(text, scale: scale) else {
            return isNegative ? .belowAll : .aboveAll
        }
        let below = Datum.decimal(unscaled: floor, scale: scale)
        if isExact { return below.isValue(of: type) ? .value(below) : isNegative ? .belowAll : .aboveAll }
        guard let above = below.stepped(by: 1), below.isValue(of: type), above.isValue(of: type) else {
            return isNegative ? .belowAll : .aboveAll
        }
        return .between(below, above)
    }

    private static func convert(_ text: String, to type: IcebergType) -> Conversion {
        let datum = parse(text, type)
        switch type {
        case .timestamp, .timestampNanos, .timestamptz, .timestamptzNanos:
            if let datum { return .value(datum) }
            // Without an offset UTC is meant, and a date is its midnight.
            let zoned = text.utf8.count == 10 ? text + "T00:00:00Z" : text
            let other: IcebergType =
                type == .timestampNanos || type == .timestamptzNanos ? .timestamptzNanos : .timestamptz
            return (parse(zoned, other) ?? parse(zoned + "Z", other))?.converted(to: type) ?? .impossible
        case .decimal(_, let scale):
            guard DatumText.isDecimal(text) else { return .impossible }
            return decimal(text, type, scale, isNegative: text.hasPrefix("-"))
        default: return datum.map { .value($0) } ?? .impossible
        }
    }

    private static func convert(microseconds value: Int64, to type: IcebergType) -> Conversion {
        switch type {
        case .date:
            let days = Timestamp(microseconds: value).days
            guard let date = narrow(days), let next = narrow(days + 1) else { return value > 0 ? .aboveAll : .belowAll }
            if days &* DatumText.microsecondsPerDay == value { return .value(.date(date)) }
            return .between(.date(date), .date(next))
        case .timestamp: return .value(.timestamp(value))
        case .timestamptz: return .value(.timestamptz(value))
        case .timestampNanos, .timestamptzNanos:
            let (product, overflow) = value.multipliedReportingOverflow(by: 1000)
            if overflow { return value > 0 ? .aboveAll : .belowAll }
            return .value(type == .timestampNanos ? .timestampNanos(product) : .timestamptzNanos(product))
        default: return .impossible
        }
    }

    private static func convert(nanoseconds value: Int64, to type: IcebergType) -> Conversion {
        switch type {
        case .timestampNanos: .value(.timestampNanos(value))
        case .timestamptzNanos: .value(.timestamptzNanos(value))
        default: between(Timestamp.floorDivide(value, 1000), isExact: value % 1000 == 0, type)
        }
    }

    private static func between(_ microseconds: Int64, isExact: Bool, _ type: IcebergType) -> Conversion {
        let conversion = convert(microseconds: microseconds, to: type)
        guard !isExact, case .value(let below) = conversion, let above = below.stepped(by: 1) else {
            return conversion
        }
        return .between(below, above)
    }
}
