import Clocks

/// A schedule of five fields in UTC: minute, hour, day of month, month, day of week.
///
/// Each field is `*`, a number, a range `a-b`, a list, any of them with a step `/n`; months and days of the week also
/// by their English abbreviations, Sunday as 0 or 7. With both days restricted, either suffices, as in cron.
package struct CronSchedule: Hashable, Sendable, CustomStringConvertible {
    package let description: String
    private let minutes: UInt64
    private let hours: UInt64
    private let days: UInt64
    private let months: UInt64
    private let weekdays: UInt64
    private let anyDay: Bool
    private let anyWeekday: Bool

    /// Nil for anything that is not such a schedule, or one that no date fits.
    package init?(_ text: String) {
        let fields = text.split(whereSeparator: { $0 == " " || $0 == "\t" }).map { $0.lowercased() }
        guard fields.count == 5,
            let minutes = Self.parse(fields[0], 0...59), let hours = Self.parse(fields[1], 0...23),
            let days = Self.parse(fields[2], 1...31),
            let months = Self.parse(fields[3], 1...12, names: Self.monthNames),
            let weekdays = Self.parse(fields[4], 0...7, names: Self.dayNames)
        else { return nil }
        description = fields.joined(separator: " ")
        self.minutes = minutes
        self.hours = hours
        self.days = days
        self.months = months
        self.weekdays = weekdays >> 7 & 1 == 1 ? weekdays | 1 : weekdays
        anyDay = fields[2].hasPrefix("*")
        anyWeekday = fields[4].hasPrefix("*")
        guard next(after: Timestamp(microseconds: 0)) != nil else { return nil }
    }

    private static let monthNames = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
    private static let dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    /// A bit for each value.
    private static func parse(_ text: String, _ range: ClosedRange<Int>, names: [String] = []) -> UInt64? {
        var bits: UInt64 = 0
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = item.split(separator: "/", omittingEmptySubsequences: false)
            guard let first = parts.first, parts.count <= 2 else { return nil }
            let step = parts.count == 2 ? Int(parts[1]) : 1
            guard let step, step > 0 else { return nil }
            let bounds = first.split(separator: "-", omittingEmptySubsequences: false)
            let values = bounds.map { number($0, range, names) }
            let low: Int
            let high: Int
            if first == "*" {
                (low, high) = (range.lowerBound, range.upperBound)
            } else if values.count == 1, let value = values[0] {
                (low, high) = (value, parts.count == 2 ? range.upperBound : value)
            } else if values.count == 2, let from = values[0], let to = values[1], from <= to {
                (low, high) = (from, to)
            } else {
                return nil
            }
            for value in stride(from: low, through: high, by: step) { bits |= 1 << UInt64(value) }
        }
        return bits
    }

    private static func number(_ text: Substring, _ range: ClosedRange<Int>, _ names: [String]) -> Int? {
        if let index = names.firstIndex(of: String(text)) { return index + range.lowerBound }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int(text), range.contains(value) else {
            return nil
        }
        return value
    }

    static let hourly = CronSchedule()

    private init() {
        description = "0 * * * *"
        (minutes, hours, days, months, weekdays) = (1, .max, .max, .max, .max)
        (anyDay, anyWeekday) = (true, true)
    }

    /// The first whole minute after `time` that the schedule names; nil when there is none within eight years, which
    /// is the longest way between two days that exist (29 February around 2100).
    package func next(after time: Timestamp) -> Timestamp? {
        let minute = Timestamp.floorDivide(time.microseconds, 60_000_000) + 1
        var day = Timestamp.floorDivide(minute, 1440)
        var minuteOfDay = Int(minute - day * 1440)
        let last = day + 366 * 8
        while day <= last {
            if matches(day: day), let found = firstMinute(from: minuteOfDay) {
                return Timestamp(microseconds: (day * 1440 + Int64(found)) * 60_000_000)
            }
            day += 1
            minuteOfDay = 0
        }
        return nil
    }

    private func matches(day: Int64) -> Bool {
        let date = CivilDate(daysSinceEpoch: day)
        guard months >> UInt64(date.month) & 1 == 1 else { return false }
        // 1970-01-01 was a Thursday.
        let weekday = UInt64((day % 7 + 11) % 7)
        let dayFits = days >> UInt64(date.day) & 1 == 1
        let weekdayFits = weekdays >> weekday & 1 == 1
        return anyDay || anyWeekday ? dayFits && weekdayFits : dayFits || weekdayFits
    }

    private func firstMinute(from start: Int) -> Int? {
        (start..<1440).first { hours >> UInt64($0 / 60) & 1 == 1 && minutes >> UInt64($0 % 60) & 1 == 1 }
    }
}
