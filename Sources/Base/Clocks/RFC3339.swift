extension Timestamp {
    /// Parses a date-time of RFC 3339 §5.6: any offset, any number of fractional digits (cut to microseconds), `T` or
    /// `t` or a space, `Z` or `z`, a leap second counted as the first second of the next minute.
    ///
    /// - Parameter dateOnly: also take `2024-01-15`, meaning its midnight UTC.
    /// - Returns: nil for anything else, including dates that do not exist, and for moments that are not in the years 1 to
    ///   9999 of UTC, where the calendars of many readers end.
    public init?(rfc3339 text: ArraySlice<UInt8>, dateOnly: Bool = false) {
        var scanner = Scanner(rest: text)
        guard let year = scanner.number(4), scanner.take(0x2D), let month = scanner.number(2), scanner.take(0x2D),
            let day = scanner.number(2), (1...12).contains(month), day >= 1,
            day <= CivilDate.daysInMonth(month, year: year)
        else { return nil }
        let days = CivilDate(year: year, month: month, day: day).daysSinceEpoch
        if dateOnly && scanner.isAtEnd {
            guard year >= 1 else { return nil }
            self.init(microseconds: days * 86_400_000_000)
            return
        }
        guard scanner.take(0x54) || scanner.take(0x74) || scanner.take(0x20), let hour = scanner.number(2),
            scanner.take(0x3A), let minute = scanner.number(2), scanner.take(0x3A), let second = scanner.number(2),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        var fraction: Int64 = 0
        if scanner.take(0x2E) {
            guard let digits = scanner.fraction() else { return nil }
            fraction = digits
        }
        guard let offset = scanner.offset(), scanner.isAtEnd else { return nil }
        let timeOfDay = hour * 3600 + minute * 60 + second - offset * 60
        let seconds: Int64 = days * 86_400 + Int64(timeOfDay)
        guard (-62_135_596_800...253_402_300_799).contains(seconds) else { return nil }
        self.init(microseconds: seconds * 1_000_000 + fraction)
    }

    public init?(rfc3339 text: String, dateOnly: Bool = false) {
        self.init(rfc3339: Array(text.utf8)[...], dateOnly: dateOnly)
    }

    /// `2024-01-15T14:30:00Z`, with 3 or 6 fractional digits where they are needed.
    public func rfc3339() -> String {
        let time = civil
        var text = "\(Self.pad(time.year, 4))-\(Self.pad(time.month, 2))-\(Self.pad(time.day, 2))"
        text += "T\(Self.pad(time.hour, 2)):\(Self.pad(time.minute, 2)):\(Self.pad(time.second, 2))"
        if time.microsecond % 1000 != 0 {
            text += ".\(Self.pad(time.microsecond, 6))"
        } else if time.microsecond != 0 {
            text += ".\(Self.pad(time.microsecond / 1000, 3))"
        }
        return text + "Z"
    }

    /// Zero-padded decimal.
    public static func pad(_ value: Int, _ width: Int) -> String {
        let digits = String(abs(value))
        let zeros = String(repeating: "0", count: max(0, width - digits.count))
        return (value < 0 ? "-" : "") + zeros + digits
    }

    private struct Scanner {
        var rest: ArraySlice<UInt8>

        var isAtEnd: Bool { rest.isEmpty }

        mutating func take(_ byte: UInt8) -> Bool {
            guard rest.first == byte else { return false }
            rest = rest.dropFirst()
            return true
        }

        mutating func digit() -> Int? {
            guard let byte = rest.first, byte >= 0x30, byte <= 0x39 else { return nil }
            rest = rest.dropFirst()
            return Int(byte) - 0x30
        }

        mutating func number(_ width: Int) -> Int? {
            var value = 0
            for _ in 0..<width {
                guard let digit = digit() else { return nil }
                value = value * 10 + digit
            }
            return value
        }

        /// One or more digits after the point, cut to microseconds.
        mutating func fraction() -> Int64? {
            guard var value = digit().map(Int64.init) else { return nil }
            var count = 1
            while let next = digit() {
                if count < 6 { value = value * 10 + Int64(next) }
                count += 1
            }
            while count < 6 {
                value *= 10
                count += 1
            }
            return value
        }

        /// Minutes east of UTC.
        mutating func offset() -> Int? {
            if take(0x5A) || take(0x7A) { return 0 }
            let sign: Int
            if take(0x2B) { sign = 1 } else if take(0x2D) { sign = -1 } else { return nil }
            guard let hours = number(2), take(0x3A), let minutes = number(2), hours < 24, minutes < 60 else {
                return nil
            }
            return sign * (hours * 60 + minutes)
        }
    }
}
