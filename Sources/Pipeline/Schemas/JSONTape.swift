/// A JSON text taken apart in place: where every value of it lies. Memory is reused from text to text.
///
/// A member is two nodes, its key and its value; the values of an array and the members of an object follow their node.
/// Strict (RFC 8259), but for UTF-8, which is taken as it is.
package struct JSONTape: Sendable {
    package enum Kind: UInt8, Sendable {
        case null, `true`, `false`
        /// A number without fraction and exponent.
        case integer
        case number, string, array, object
    }

    package struct Node: Sendable {
        /// Of the value in the text; strings with their quotes.
        package var start: UInt32
        package var end: UInt32
        /// Index of the first node behind the value and all within it.
        package var next: UInt32
        /// Kind in the lowest 4 bits; bit 4: the string has escapes; above bit 8 the number of values or members.
        fileprivate(set) var bits: UInt32

        package var kind: Kind { Kind(rawValue: UInt8(truncatingIfNeeded: bits & 15)) ?? .null }
        package var hasEscapes: Bool { bits & 16 != 0 }
        package var count: Int { Int(bits >> 8) }
    }

    package private(set) var nodes: [Node] = []
    private var open: [UInt32] = []

    package static let depthMax = 128
    /// What fits the 24 bits of a count and the 32 of a place.
    package static let bytesMax = 64 << 20

    package init() {}

    /// Takes `text` apart. Cost: one pass, no recursion, no allocation once warm.
    ///
    /// - Returns: false for what is not one JSON value, with white space around it, nested at most `depthMax` deep.
    package mutating func read(_ text: UnsafeRawBufferPointer) -> Bool {
        nodes.removeAll(keepingCapacity: true)
        open.removeAll(keepingCapacity: true)
        guard text.count <= Self.bytesMax, let base = text.baseAddress else { return false }
        var scanner = Scanner(base: base, count: text.count)
        return nodes.isEmpty && scan(&scanner)
    }

    private enum Expected {
        case value, valueOrEnd, keyOrEnd, key, commaOrEnd
    }

    private mutating func scan(_ scanner: inout Scanner) -> Bool {
        var expected = Expected.value
        while true {
            scanner.skipSpace()
            guard scanner.at < scanner.count else { return false }
            let byte = scanner.byte
            switch expected {
            case .value, .valueOrEnd:
                if byte == UInt8(ascii: "]"), expected == .valueOrEnd { break }
                guard let isContainer = value(&scanner, byte) else { return false }
                if isContainer {
                    expected = byte == UInt8(ascii: "{") ? .keyOrEnd : .valueOrEnd
                    continue
                }
                if open.isEmpty { return scanner.isAtEnd }
                expected = .commaOrEnd
                continue
            case .key, .keyOrEnd:
                if byte == UInt8(ascii: "}"), expected == .keyOrEnd { break }
                guard byte == UInt8(ascii: "\""), string(&scanner) else { return false }
                scanner.skipSpace()
                guard scanner.take(UInt8(ascii: ":")) else { return false }
                nodes[Int(open[open.count - 1])].bits += 256
                expected = .value
                continue
            case .commaOrEnd:
                guard byte == UInt8(ascii: ",") else { break }
                scanner.at += 1
                expected = isInObject ? .key : .value
                continue
            }
            guard close(&scanner, byte) else { return false }
            if open.isEmpty { return scanner.isAtEnd }
            expected = .commaOrEnd
        }
    }

    private var isInObject: Bool {
        nodes[Int(open[open.count - 1])].bits & 15 == UInt32(Kind.object.rawValue)
    }

    private mutating func close(_ scanner: inout Scanner, _ byte: UInt8) -> Bool {
        guard byte == (isInObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else { return false }
        scanner.at += 1
        let index = Int(open.removeLast())
        nodes[index].end = UInt32(truncatingIfNeeded: scanner.at)
        nodes[index].next = UInt32(truncatingIfNeeded: nodes.count)
        return true
    }

    /// Reads a scalar, or the beginning of a container, which is told by true; nil for what is neither.
    private mutating func value(_ scanner: inout Scanner, _ byte: UInt8) -> Bool? {
        if !open.isEmpty, !isInObject { nodes[Int(open[open.count - 1])].bits += 256 }
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard open.count < Self.depthMax else { return nil }
            open.append(UInt32(truncatingIfNeeded: nodes.count))
            let start = scanner.at
            scanner.at += 1
            append(byte == UInt8(ascii: "{") ? .object : .array, start, scanner.at)
            return true
        case UInt8(ascii: "\""): return string(&scanner) ? false : nil
        case UInt8(ascii: "t"): return literal(&scanner, "true", .true)
        case UInt8(ascii: "f"): return literal(&scanner, "false", .false)
        case UInt8(ascii: "n"): return literal(&scanner, "null", .null)
        default:
            let start = scanner.at
            guard let isInteger = scanner.number() else { return nil }
            append(isInteger ? .integer : .number, start, scanner.at)
            return false
        }
    }

    private mutating func literal(_ scanner: inout Scanner, _ word: StaticString, _ kind: Kind) -> Bool? {
        let start = scanner.at
        guard scanner.take(word) else { return nil }
        append(kind, start, scanner.at)
        return false
    }

    private mutating func string(_ scanner: inout Scanner) -> Bool {
        let start = scanner.at
        guard let hasEscapes = scanner.string() else { return false }
        append(.string, start, scanner.at, flags: hasEscapes ? 16 : 0)
        return true
    }

    private mutating func append(_ kind: Kind, _ start: Int, _ end: Int, flags: UInt32 = 0) {
        nodes.append(
            Node(
                start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end),
                next: UInt32(truncatingIfNeeded: nodes.count + 1), bits: UInt32(kind.rawValue) | flags))
    }
}

/// Where a pass over a text has come to.
private struct Scanner {
    let base: UnsafeRawPointer
    let count: Int
    var at = 0

    init(base: UnsafeRawPointer, count: Int) {
        self.base = base
        self.count = count
    }

    /// Only before the end.
    var byte: UInt8 { base.load(fromByteOffset: at, as: UInt8.self) }

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return at == count
        }
    }

    mutating func skipSpace() {
        while at < count {
            let byte = byte
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            at += 1
        }
    }

    mutating func take(_ wanted: UInt8) -> Bool {
        guard at < count, byte == wanted else { return false }
        at += 1
        return true
    }

    mutating func take(_ word: StaticString) -> Bool {
        guard count - at >= word.utf8CodeUnitCount else { return false }
        for offset in 0..<word.utf8CodeUnitCount
        where base.load(fromByteOffset: at + offset, as: UInt8.self)
            != word.utf8Start[offset]
        {
            return false
        }
        at += word.utf8CodeUnitCount
        return true
    }

    /// Behind the opening quote's string; whether it has escapes, nil when it is none.
    mutating func string() -> Bool? {
        at += 1
        var hasEscapes = false
        while true {
            while count - at >= 8 {
                let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt64.self))
                let special = Self.special(word)
                guard special == 0 else {
                    at += special.trailingZeroBitCount >> 3
                    break
                }
                at += 8
            }
            guard at < count else { return nil }
            let byte = byte
            at += 1
            if byte == UInt8(ascii: "\"") { return hasEscapes }
            if byte < 0x20 { return nil }
            guard byte == UInt8(ascii: "\\") else { continue }
            hasEscapes = true
            guard escape() else { return nil }
        }
    }

    /// The highest bit of the lowest byte that is a quote, a backslash or a control character; bytes above it may err.
    @inline(__always)
    private static func special(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        let quote = word ^ (ones &* 0x22)
        let slash = word ^ (ones &* 0x5C)
        let quotes = (quote &- ones) & ~quote
        let slashes = (slash &- ones) & ~slash
        let controls = (word &- ones &* 0x20) & ~word
        return (quotes | slashes | controls) & highs
    }

    private mutating func escape() -> Bool {
        guard at < count else { return false }
        let byte = byte
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return true
        case UInt8(ascii: "u"):
            guard count - at >= 4 else { return false }
            for offset in 0..<4
            where JSONText.hexadecimal(base.load(fromByteOffset: at + offset, as: UInt8.self)) == nil {
                return false
            }
            at += 4
            return true
        default: return false
        }
    }

    private mutating func digits() -> Bool {
        let start = at
        while at < count, byte &- 0x30 < 10 { at += 1 }
        return at > start
    }

    /// Whether the number has neither fraction nor exponent; nil when it is none.
    mutating func number() -> Bool? {
        _ = take(UInt8(ascii: "-"))
        guard at < count else { return nil }
        if byte == UInt8(ascii: "0") { at += 1 } else { guard digits() else { return nil } }
        var isInteger = true
        if take(UInt8(ascii: ".")) {
            isInteger = false
            guard digits() else { return nil }
        }
        if at < count, byte | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            at += 1
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            guard digits() else { return nil }
        }
        return isInteger
    }
}
