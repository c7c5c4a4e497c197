/// A moment in UTC, in microseconds since 1970-01-01T00:00:00Z: the unit of Iceberg's `timestamptz`.
public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }
    public init(milliseconds: Int64) { self.microseconds = milliseconds &* 1000 }

    /// Whole milliseconds, rounded towards the past: the unit of Iceberg's metadata.
    public var milliseconds: Int64 { Self.floorDivide(microseconds, 1000) }
    /// Whole hours since 1970, rounded towards the past: the result of Iceberg's `hour` transform.
    public var hours: Int64 { Self.floorDivide(microseconds, 3_600_000_000) }
    /// Whole days since 1970, rounded towards the past: the result of Iceberg's `day` transform.
    public var days: Int64 { Self.floorDivide(microseconds, 86_400_000_000) }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    public static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }

    /// The civil date and time of day, proleptic Gregorian, UTC.
    public var civil: CivilTime { CivilTime(self) }

    /// RFC 3339 with as many fractional digits as are needed: 0, 3 or 6.
    public var description: String { rfc3339() }
}

/// A date and time of day in UTC.
public struct CivilTime: Hashable, Sendable {
    public var year: Int
    public var month: Int
    public var day: Int
    public var hour: Int
    public var minute: Int
    public var second: Int
    public var microsecond: Int

    init(_ timestamp: Timestamp) {
        let days = timestamp.days
        let rest = timestamp.microseconds &- days &* 86_400_000_000
        let date = CivilDate(daysSinceEpoch: days)
        year = date.year
        month = date.month
        day = date.day
        hour = Int(rest / 3_600_000_000)
        minute = Int(rest / 60_000_000 % 60)
        second = Int(rest / 1_000_000 % 60)
        microsecond = Int(rest % 1_000_000)
    }
}

/// A date of the proleptic Gregorian calendar, convertible to days since 1970-01-01.
public struct CivilDate: Hashable, Sendable {
    public var year: Int
    public var month: Int
    public var day: Int

    public init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// Howard Hinnant's `civil_from_days`: exact over the whole range used here.
    public init(daysSinceEpoch: Int64) {
        let shifted = daysSinceEpoch + 719_468
        let era = Timestamp.floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthShifted = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * monthShifted + 2) / 5 + 1)
        month = Int(monthShifted < 10 ? monthShifted + 3 : monthShifted - 9)
        year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
    }

    /// Howard Hinnant's `days_from_civil`.
    public var daysSinceEpoch: Int64 {
        let shiftedYear = Int64(month <= 2 ? year - 1 : year)
        let era = Timestamp.floorDivide(shiftedYear, 400)
        let yearOfEra = shiftedYear - era * 400
        let monthShifted = Int64(month > 2 ? month - 3 : month + 9)
        let dayOfYear = (153 * monthShifted + 2) / 5 + Int64(day) - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    public static func daysInMonth(_ month: Int, year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }
}
