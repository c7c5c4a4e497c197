import CSimdJSON

/// Values of `format`, which are checked: what RFCs call by these names, as far as one look at the text can tell.
enum StringFormat: String, CaseIterable, Sendable {
    case dateTime = "date-time"
    case date
    case time
    case uuid
    case uri
    case email
    case ipv4

    func accepts(_ text: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .dateTime: Self.microseconds(text) != nil
        case .date: Self.days(text) != nil
        case .time: Self.isTime(text)
        case .uuid: Self.isUUID(text)
        case .uri: Self.isURI(text)
        case .email: Self.isEmail(text)
        case .ipv4: Self.isIPv4(text)
        }
    }

    /// A date-time of RFC 3339 in microseconds since 1970 UTC.
    static func microseconds(_ text: UnsafeRawBufferPointer) -> Int64? {
        var value: Int64 = 0
        let bytes = text.assumingMemoryBound(to: UInt8.self)
        guard cevents_parse_time(bytes.baseAddress, bytes.count, &value) != 0 else { return nil }
        return value
    }

    /// `YYYY-MM-DD` in days since 1970.
    static func days(_ text: UnsafeRawBufferPointer) -> Int? {
        guard text.count == 10, text[4] == 0x2D, text[7] == 0x2D, let year = number(text, 0..<4),
            let month = number(text, 5..<7), let day = number(text, 8..<10), (1...12).contains(month)
        else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard (1...lengths[month - 1]).contains(day) else { return nil }
        // Days from the civil calendar, with years that begin in March.
        let shifted = month > 2 ? year : year - 1
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func number(_ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
        var value = 0
        for index in range {
            guard text[index] &- 0x30 < 10 else { return nil }
            value = value * 10 + Int(text[index] - 0x30)
        }
        return value
    }

    /// A full-time of RFC 3339: checked as part of a date-time.
    private static func isTime(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count <= 64 else { return false }
        let whole = Array("1972-06-30T".utf8) + text
        return whole.withUnsafeBytes { microseconds($0) != nil }
    }

    private static func isUUID(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count == 36 else { return false }
        for (index, byte) in text.enumerated() {
            let isDash = index == 8 || index == 13 || index == 18 || index == 23
            guard isDash ? byte == 0x2D : JSONText.hexadecimal(byte) != nil else { return false }
        }
        return true
    }

    /// A scheme, a colon, and none of the characters that have to be escaped (RFC 3986).
    private static func isURI(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let colon = text.firstIndex(of: 0x3A), colon > 0, isLetter(text[0]) else {
            return false
        }
        for byte in text[..<colon] {
            guard isLetter(byte) || byte &- 0x30 < 10 || byte == 0x2B || byte == 0x2D || byte == 0x2E else {
                return false
            }
        }
        for (index, byte) in text.enumerated() {
            switch byte {
            case 0...0x20, 0x22, 0x3C, 0x3E, 0x5C, 0x5E, 0x60, 0x7B, 0x7C, 0x7D, 0x7F...0xFF: return false
            case 0x25:
                guard text.count - index > 2, JSONText.hexadecimal(text[index + 1]) != nil,
                    JSONText.hexadecimal(text[index + 2]) != nil
                else { return false }
            default: break
            }
        }
        return true
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

    /// One `@` between a local part without white space and a domain of labels.
    private static func isEmail(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count <= 254, let at = text.lastIndex(of: 0x40), at > 0, at <= 64, at < text.count - 1 else {
            return false
        }
        for byte in text[..<at] where byte <= 0x20 || byte == 0x7F || byte == 0x40 { return false }
        guard text[0] != 0x2E, text[at - 1] != 0x2E else { return false }
        var labelLength = 0
        for byte in text[(at + 1)...] {
            if byte == 0x2E {
                guard labelLength > 0 else { return false }
                labelLength = 0
                continue
            }
            guard isLetter(byte) || byte &- 0x30 < 10 || byte == 0x2D || byte >= 0x80 else { return false }
            labelLength += 1
        }
        return labelLength > 0
    }

    private static func isIPv4(_ text: UnsafeRawBufferPointer) -> Bool {
        let parts = text.split(separator: 0x2E, omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                guard (1...3).contains(part.count), part.count == 1 || part[part.startIndex] != 0x30,
                    let value = number(UnsafeRawBufferPointer(rebasing: part), 0..<part.count)
                else { return false }
                return value <= 255
            }
    }
}
