import Bytes
import Clocks

/// Dates, times and decimals as text, the forms of ISO 8601 that Iceberg uses.
enum DatumText {
    static let microsecondsPerDay: Int64 = 86_400_000_000

    static func date(_ days: Int64) -> String {
        let date = CivilDate(daysSinceEpoch: days)
        return "\(Timestamp.pad(date.year, 4))-\(Timestamp.pad(date.month, 2))-\(Timestamp.pad(date.day, 2))"
    }

    /// `22:31:08.123456`: `digits` of fraction, without trailing zeros (and without the point) when `trimmed`.
    static func time(_ units: Int64, digits: Int, trimmed: Bool) -> String {
        let scale: Int64 = digits == 9 ? 1_000_000_000 : 1_000_000
        let seconds = Int(units / scale)
        var fraction = Timestamp.pad(Int(units % scale), digits)
        if trimmed {
            while fraction.hasSuffix("0") { fraction.removeLast() }
        }
        let clock = [seconds / 3600, seconds / 60 % 60, seconds % 60].map { Timestamp.pad($0, 2) }
        return clock.joined(separator: ":") + (fraction.isEmpty ? "" : "." + fraction)
    }

    static func timestamp(_ units: Int64, digits: Int, trimmed: Bool) -> String {
        let day: Int64 = digits == 9 ? microsecondsPerDay * 1000 : microsecondsPerDay
        let days = Timestamp.floorDivide(units, day)
        return date(days) + "T" + time(units &- days &* day, digits: digits, trimmed: trimmed)
    }

    static func decimal(_ unscaled: Int128, scale: Int) -> String {
        var digits = String(unscaled.magnitude)
        let sign = unscaled < 0 ? "-" : ""
        guard scale > 0 else { return sign + digits + String(repeating: "0", count: unscaled == 0 ? 0 : -scale) }
        if digits.utf8.count <= scale {
            digits = String(repeating: "0", count: scale + 1 - digits.utf8.count) + digits
        }
        return sign + digits.dropLast(scale) + "." + digits.suffix(scale)
    }

    static func parseDate(_ text: String) -> Int32? {
        guard text.utf8.count == 10, let time = Timestamp(rfc3339: text, dateOnly: true) else { return nil }
        return Int32(exactly: time.days)
    }

    /// Parses a time of day; the fraction is cut to `digits`.
    static func parseTime(_ text: String, digits: Int = 6) -> Int64? {
        parseTimestamp("1970-01-01T" + text, zoned: false, digits: digits)
    }

    /// Parses a date-time with (`zoned`) or without an offset; the fraction is cut to `digits`.
    static func parseTimestamp(_ text: String, zoned: Bool, digits: Int) -> Int64? {
        guard let time = Timestamp(rfc3339: zoned ? text : text + "Z") else { return nil }
        guard digits == 9 else { return time.microseconds }
        let fraction = text.split(separator: ".", maxSplits: 1).dropFirst().first ?? ""
        let below = fraction.utf8.prefix { $0 >= 0x30 && $0 <= 0x39 }.dropFirst(6).prefix(3)
        let nanoseconds = [100, 10, 1].enumerated().reduce(Int64(0)) { sum, place in
            let index = below.index(below.startIndex, offsetBy: place.offset, limitedBy: below.endIndex)
            guard let index, index < below.endIndex else { return sum }
            return sum + Int64(below[index] - 0x30) * Int64(place.element)
        }
        let (product, overflow) = time.microseconds.multipliedReportingOverflow(by: 1000)
        let (sum, overflowToo) = product.addingReportingOverflow(nanoseconds)
        return overflow || overflowToo ? nil : sum
    }

    /// Parses `-12.50` or `2E+3` to a number of the wanted scale; nil when digits would be lost.
    static func parseDecimal(_ text: String, scale: Int) -> Int128? {
        guard let (floor, isExact) = parseDecimalFloor(text, scale: scale) else { return nil }
        return isExact ? floor : nil
    }

    /// The same, rounded down where digits would be lost.
    static func parseDecimalFloor(_ text: String, scale: Int) -> (floor: Int128, isExact: Bool)? {
        let parts = text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "e" || $0 == "E" })
        guard let mantissa = parts.first, parts.count <= 2, text.utf8.count <= 80 else { return nil }
        let exponent = parts.count == 2 ? Int(parts[1]) : 0
        guard let exponent, (-400...400).contains(exponent) else { return nil }
        let halves = mantissa.split(separator: ".", omittingEmptySubsequences: false)
        guard halves.count <= 2 else { return nil }
        let fraction = halves.count == 2 ? String(halves[1]) : ""
        guard let whole = halves.first, fraction.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let digits = Int128(String(whole) + fraction)
        else { return nil }
        return shift(digits, by: scale - fraction.utf8.count + exponent)
    }

    static func isDecimal(_ text: String) -> Bool {
        parseDecimalFloor(text, scale: 0) != nil || parseDecimalFloor(text, scale: -Limits.decimalPrecisionMax) != nil
    }

    private static func shift(_ digits: Int128, by places: Int) -> (floor: Int128, isExact: Bool)? {
        var value = digits
        var isExact = true
        for _ in 0..<abs(places) where value != 0 {
            if places > 0 {
                let (product, overflow) = value.multipliedReportingOverflow(by: 10)
                guard !overflow else { return nil }
                value = product
            } else {
                let rest = value % 10
                if rest != 0 { isExact = false }
                value = value / 10 - (rest < 0 ? 1 : 0)
                if value == -1 && !isExact { break }
            }
        }
        return (value, isExact)
    }
}
