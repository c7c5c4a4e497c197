import Glibc
import JSONFormat

/// Reads the values that the nodes of a `JSONTape` stand for.
package enum JSONText {
    static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46: UInt32(byte - 0x41 + 10)
        case 0x61...0x66: UInt32(byte - 0x61 + 10)
        default: nil
        }
    }

    /// What lies between the quotes of a string, as it is written.
    @inline(__always)
    static func content(_ node: JSONTape.Node, _ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: text[Int(node.start) + 1..<Int(node.end) - 1])
    }

    /// Appends the UTF-8 of a string, its escapes undone. A lone surrogate becomes U+FFFD.
    package static func appendDecoded(_ node: JSONTape.Node, _ text: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        let raw = content(node, text)
        guard node.hasEscapes else {
            bytes.append(contentsOf: raw)
            return
        }
        var at = 0
        while at < raw.count {
            guard raw[at] == UInt8(ascii: "\\") else {
                bytes.append(raw[at])
                at += 1
                continue
            }
            let letter = raw[at + 1]
            at += 2
            switch letter {
            case UInt8(ascii: "b"): bytes.append(0x08)
            case UInt8(ascii: "f"): bytes.append(0x0C)
            case UInt8(ascii: "n"): bytes.append(0x0A)
            case UInt8(ascii: "r"): bytes.append(0x0D)
            case UInt8(ascii: "t"): bytes.append(0x09)
            case UInt8(ascii: "u"): append(scalar(raw, &at), to: &bytes)
            default: bytes.append(letter)
            }
        }
    }

    /// The character behind `\u`, with the second half of a pair.
    private static func scalar(_ raw: UnsafeRawBufferPointer, _ at: inout Int) -> Unicode.Scalar {
        let first = unit(raw, at)
        at += 4
        if first & 0xFC00 == 0xD800, raw.count - at >= 6, raw[at] == UInt8(ascii: "\\"),
            raw[at + 1] == UInt8(ascii: "u")
        {
            let second = unit(raw, at + 2)
            if second & 0xFC00 == 0xDC00 {
                at += 6
                return Unicode.Scalar(0x10000 + (first & 0x3FF) << 10 + (second & 0x3FF)) ?? "\u{FFFD}"
            }
        }
        return Unicode.Scalar(first) ?? "\u{FFFD}"
    }

    private static func unit(_ raw: UnsafeRawBufferPointer, _ at: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 << 4 | (hexadecimal(raw[at + $1]) ?? 0) }
    }

    private static func append(_ scalar: Unicode.Scalar, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }

    /// Characters of a string.
    static func length(_ node: JSONTape.Node, _ text: UnsafeRawBufferPointer) -> Int {
        guard !node.hasEscapes else {
            var decoded: [UInt8] = []
            appendDecoded(node, text, to: &decoded)
            return decoded.withUnsafeBytes { characters($0) }
        }
        return characters(content(node, text))
    }

    static func characters(_ raw: UnsafeRawBufferPointer) -> Int {
        raw.reduce(0) { $0 + ($1 & 0xC0 != 0x80 ? 1 : 0) }
    }

    /// A number: exactly where it is written as an integer of 64 bits, else as floating point (infinite when too large).
    package static func number(_ node: JSONTape.Node, _ text: UnsafeRawBufferPointer) -> JSONNumber {
        let raw = UnsafeRawBufferPointer(rebasing: text[Int(node.start)..<Int(node.end)])
        if node.kind == .integer, let integer = integer(raw) { return .integer(integer) }
        return .double(double(raw))
    }

    private static func integer(_ raw: UnsafeRawBufferPointer) -> Int64? {
        let isNegative = raw[0] == UInt8(ascii: "-")
        var value: Int64 = 0
        for index in (isNegative ? 1 : 0)..<raw.count {
            let digit = Int64(raw[index] &- 0x30)
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (next, overflows) =
                isNegative
                ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            guard !isTooLarge, !overflows else { return nil }
            value = next
        }
        return value
    }

    /// Copied with a final zero, as strtod needs it.
    private static func double(_ raw: UnsafeRawBufferPointer) -> Double {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: raw.count + 1) { copy in
            for (index, byte) in raw.enumerated() { copy[index] = CChar(bitPattern: byte) }
            copy[raw.count] = 0
            guard let start = copy.baseAddress else { return .nan }
            return strtod(start, nil)
        }
    }
}

/// A JSON number.
package enum JSONNumber: Hashable, Sendable {
    case integer(Int64)
    case double(Double)

    package var double: Double {
        switch self {
        case .integer(let value): Double(value)
        case .double(let value): value
        }
    }

    /// Whether it has no fraction: `1.0` has none.
    package var isWhole: Bool {
        switch self {
        case .integer: true
        case .double(let value): value.isFinite && value.rounded(.towardZero) == value
        }
    }

    /// Exact where both are integers.
    static func < (left: JSONNumber, right: JSONNumber) -> Bool {
        if case .integer(let left) = left, case .integer(let right) = right { return left < right }
        return left.double < right.double
    }

    /// The same number, however written.
    func isEqual(to other: JSONNumber) -> Bool { !(self < other) && !(other < self) }
}
