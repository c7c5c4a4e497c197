/// A regular expression of JSON Schema (ECMA-262) as a tree, as far as a finite automaton without memory can match it.
indirect enum PatternTree {
    case empty
    case set(ScalarSet)
    case sequence([PatternTree])
    case choice([PatternTree])
    case repetition(PatternTree, min: Int, max: Int?)
}

/// Characters, as sorted ranges that do not touch.
struct ScalarSet: Hashable {
    static let last: UInt32 = 0x10FFFF
    private(set) var ranges: [ClosedRange<UInt32>]

    init(_ ranges: [ClosedRange<UInt32>]) {
        var merged: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let previous = merged.last, range.lowerBound <= previous.upperBound &+ 1 {
                let upper = max(previous.upperBound, range.upperBound)
                merged[merged.count - 1] = previous.lowerBound...upper
            } else {
                merged.append(range)
            }
        }
        self.ranges = merged
    }

    var inverted: ScalarSet {
        var gaps: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { gaps.append(next...range.lowerBound - 1) }
            next = range.upperBound + 1
        }
        if next <= Self.last { gaps.append(next...Self.last) }
        return ScalarSet(gaps)
    }

    static let any = ScalarSet([0...last])
    static let digits = ScalarSet([0x30...0x39])
    static let word = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    static let space = ScalarSet([
        0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
        0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
    ])
    static let notNewline = ScalarSet([0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029]).inverted
}

/// Reads a pattern. Its recursion is bounded by the pattern's length.
struct PatternParser {
    private let characters: [Unicode.Scalar]
    private var at = 0

    init(_ pattern: String) { characters = Array(pattern.unicodeScalars) }

    struct Failure: Error {
        let message: String
    }

    /// The whole pattern, as it matches a whole string: what is not anchored may have anything before and behind it.
    static func parse(_ pattern: String) throws(Failure) -> PatternTree {
        var parser = PatternParser(pattern)
        let anything = PatternTree.repetition(.set(.any), min: 0, max: nil)
        var alternatives: [PatternTree] = []
        repeat {
            var parts: [PatternTree] = []
            if !parser.take("^") { parts.append(anything) }
            parts.append(try parser.sequence())
            if !parser.take("$") { parts.append(anything) }
            alternatives.append(.sequence(parts))
        } while parser.take("|")
        guard parser.at == parser.characters.count else { throw parser.unexpected() }
        return .choice(alternatives)
    }

    private var next: Unicode.Scalar? { at < characters.count ? characters[at] : nil }

    private mutating func take(_ wanted: Unicode.Scalar) -> Bool {
        guard next == wanted else { return false }
        at += 1
        return true
    }

    private func unexpected() -> Failure {
        guard let next else { return Failure(message: "it ends too early") }
        if next == "^" || next == "$" {
            return Failure(
                message: "\"\(next)\" is supported only at the ends of the pattern or of an outermost alternative")
        }
        return Failure(message: "\"\(next)\" at character \(at + 1) has no meaning there")
    }

    private mutating func choice() throws(Failure) -> PatternTree {
        var alternatives = [try sequence()]
        while take("|") { alternatives.append(try sequence()) }
        return alternatives.count == 1 ? alternatives[0] : .choice(alternatives)
    }

    private mutating func sequence() throws(Failure) -> PatternTree {
        var parts: [PatternTree] = []
        while let next, next != "|", next != ")", next != "$", next != "^" {
            let atom = try atom()
            parts.append(try quantified(atom))
        }
        return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .sequence(parts)
    }

    private mutating func quantified(_ atom: PatternTree) throws(Failure) -> PatternTree {
        let bounds: (min: Int, max: Int?)
        switch next {
        case "*": bounds = (0, nil)
        case "+": bounds = (1, nil)
        case "?": bounds = (0, 1)
        case "{":
            bounds = try counts()
            _ = take("?")
            return .repetition(atom, min: bounds.min, max: bounds.max)
        default: return atom
        }
        at += 1
        // Lazy or greedy: the same strings match.
        _ = take("?")
        return .repetition(atom, min: bounds.min, max: bounds.max)
    }

    private mutating func counts() throws(Failure) -> (min: Int, max: Int?) {
        at += 1
        guard let least = number() else { throw Failure(message: "\"{\" is not followed by a number") }
        var most: Int? = least
        if take(",") { most = next == "}" ? nil : number() ?? -1 }
        guard take("}"), most ?? least >= least else { throw Failure(message: "a repetition is {n}, {n,} or {n,m}") }
        guard max(least, most ?? 0) <= SchemaLimits.patternPositionsMax else {
            throw Failure(message: "a repetition is at most \(SchemaLimits.patternPositionsMax)")
        }
        return (least, most)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let digit = next, digit.isASCII, let figure = Int(String(digit)), (value ?? 0) < 100_000 {
            value = (value ?? 0) * 10 + figure
            at += 1
        }
        return value
    }

    private mutating func atom() throws(Failure) -> PatternTree {
        guard let character = next else { throw unexpected() }
        switch character {
        case "(":
            at += 1
            if take("?"), !take(":") {
                throw Failure(message: "groups that look ahead or behind, or have a name, are not supported")
            }
            let inner = try choice()
            guard take(")") else { throw next == nil ? Failure(message: "a group is not closed") : unexpected() }
            return inner
        case "[": return .set(try characterClass())
        case ".":
            at += 1
            return .set(.notNewline)
        case "\\": return .set(try escape())
        case "*", "+", "?", "{", "}", "]": throw unexpected()
        default:
            at += 1
            return .set(ScalarSet([character.value...character.value]))
        }
    }

    private mutating func characterClass() throws(Failure) -> ScalarSet {
        at += 1
        let isInverted = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        while let character = next, character != "]" {
            let low = try classMember()
            guard next == "-", at + 1 < characters.count, characters[at + 1] != "]" else {
                ranges += low.ranges
                continue
            }
            at += 1
            let high = try classMember()
            guard let first = low.ranges.first, let last = high.ranges.first, first.count == 1, last.count == 1,
                low.ranges.count == 1, high.ranges.count == 1, first.lowerBound <= last.lowerBound
            else { throw Failure(message: "a range in brackets goes from a character to one not before it") }
            ranges.append(first.lowerBound...last.lowerBound)
        }
        guard take("]") else { throw Failure(message: "brackets are not closed") }
        let set = ScalarSet(ranges)
        return isInverted ? set.inverted : set
    }

    private mutating func classMember() throws(Failure) -> ScalarSet {
        guard let character = next else { throw Failure(message: "brackets are not closed") }
        if character == "\\" { return try escape() }
        at += 1
        return ScalarSet([character.value...character.value])
    }

    private mutating func escape() throws(Failure) -> ScalarSet {
        at += 1
        guard let letter = next else { throw unexpected() }
        at += 1
        func one(_ value: UInt32) -> ScalarSet { ScalarSet([value...value]) }
        switch letter {
        case "d": return .digits
        case "D": return ScalarSet.digits.inverted
        case "w": return .word
        case "W": return ScalarSet.word.inverted
        case "s": return .space
        case "S": return ScalarSet.space.inverted
        case "t": return one(0x09)
        case "n": return one(0x0A)
        case "v": return one(0x0B)
        case "f": return one(0x0C)
        case "r": return one(0x0D)
        case "0": return one(0)
        case "x": return one(try hexadecimal(digits: 2))
        case "u": return one(try hexadecimal(digits: 4))
        default:
            guard letter.isASCII, !letter.properties.isAlphabetic, !("1"..."9").contains(letter) else {
                throw Failure(message: "\"\\\(letter)\" is not supported")
            }
            return one(letter.value)
        }
    }

    private mutating func hexadecimal(digits: Int) throws(Failure) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let next, next.isASCII, let digit = JSONText.hexadecimal(UInt8(truncatingIfNeeded: next.value)) else {
                throw Failure(message: "\\x has 2 and \\u 4 hexadecimal digits")
            }
            value = value << 4 | digit
            at += 1
        }
        return value
    }
}
