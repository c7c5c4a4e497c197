/// A pattern as a deterministic automaton: matching is one table look-up a character, whatever the pattern and the text.
struct PatternMatcher: Sendable {
    /// Where characters begin another class, ascending from 0.
    private let boundaries: [UInt32]
    private let asciiClasses: [UInt16]
    /// State after `state * classes + class`; state 0 is the beginning.
    private let transitions: [UInt16]
    private let accepts: [Bool]
    private let classes: Int

    /// - Throws: what is not supported, or why the automaton becomes too large.
    init(_ pattern: String) throws(PatternParser.Failure) {
        guard pattern.unicodeScalars.count <= SchemaLimits.patternLengthMax else {
            throw PatternParser.Failure(message: "it is longer than \(SchemaLimits.patternLengthMax) characters")
        }
        var positions = PatternPositions()
        let part = try positions.add(try PatternParser.parse(pattern))
        boundaries = Self.boundaries(positions.sets)
        classes = boundaries.count
        asciiClasses = (0..<128).map { [boundaries] in UInt16(Self.index(of: $0, in: boundaries)) }
        (transitions, accepts) = try Self.determinize(positions, part, boundaries)
    }

    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        var state = 0
        var at = 0
        while at < text.count {
            let byte = text[at]
            let column: Int
            if byte < 0x80 {
                column = Int(asciiClasses[Int(byte)])
                at += 1
            } else {
                column = Self.index(of: Self.scalar(text, &at), in: boundaries)
            }
            state = Int(transitions[state * classes + column])
        }
        return accepts[state]
    }

    /// Decodes one character that is not ASCII; bytes that are no UTF-8 count as U+FFFD.
    private static func scalar(_ text: UnsafeRawBufferPointer, _ at: inout Int) -> UInt32 {
        let byte = text[at]
        let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2
        guard byte >= 0xC0, text.count - at >= length else {
            at += 1
            return 0xFFFD
        }
        var value = UInt32(byte) & (0x7F >> UInt32(length))
        for offset in 1..<length { value = value << 6 | UInt32(text[at + offset] & 0x3F) }
        at += length
        return min(value, ScalarSet.last)
    }

    // MARK: - Building

    private static func boundaries(_ sets: [ScalarSet]) -> [UInt32] {
        var starts: Set<UInt32> = [0]
        for range in sets.lazy.flatMap(\.ranges) {
            starts.insert(range.lowerBound)
            if range.upperBound < ScalarSet.last { starts.insert(range.upperBound + 1) }
        }
        return starts.sorted()
    }

    private static func index(of scalar: UInt32, in boundaries: [UInt32]) -> Int {
        var low = 0
        var high = boundaries.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if boundaries[middle] <= scalar { low = middle } else { high = middle }
        }
        return low
    }

    private static func determinize(
        _ positions: PatternPositions, _ part: PatternPositions.Part, _ boundaries: [UInt32]
    ) throws(PatternParser.Failure) -> ([UInt16], [Bool]) {
        let masks = boundaries.map { start in
            var mask = PositionSet()
            for (position, set) in positions.sets.enumerated() where set.ranges.contains(where: { $0.contains(start) })
            {
                mask.insert(position)
            }
            return mask
        }
        // The beginning is a state of its own: none of the positions has been passed.
        var ids: [PositionSet: Int] = [:]
        var states: [PositionSet?] = [nil]
        var transitions: [UInt16] = []
        var accepts: [Bool] = []
        var current = 0
        while current < states.count {
            let state = states[current]
            let reachable =
                state.map { $0.reduce(into: PositionSet()) { $0.formUnion(positions.follow[$1]) } } ?? part.first
            accepts.append(state.map { !$0.intersection(part.last).isEmpty } ?? part.isNullable)
            for mask in masks {
                let next = reachable.intersection(mask)
                let id = ids[next] ?? states.count
                if id == states.count {
                    guard id < SchemaLimits.patternStatesMax else {
                        throw PatternParser.Failure(
                            message: "it is too complex: more than \(SchemaLimits.patternStatesMax) states")
                    }
                    ids[next] = id
                    states.append(next)
                }
                transitions.append(UInt16(id))
            }
            current += 1
        }
        return (transitions, accepts)
    }
}

/// Positions of a pattern as bits.
struct PositionSet: Hashable {
    private var words = SIMD8<UInt64>(repeating: 0)

    mutating func insert(_ position: Int) { words[position >> 6] |= 1 << UInt64(position & 63) }
    mutating func formUnion(_ other: PositionSet) { words |= other.words }

    func intersection(_ other: PositionSet) -> PositionSet {
        var result = self
        result.words &= other.words
        return result
    }

    var isEmpty: Bool { words == SIMD8(repeating: 0) }

    func reduce(into result: PositionSet, _ body: (inout PositionSet, Int) -> Void) -> PositionSet {
        var result = result
        for index in 0..<8 {
            var word = words[index]
            while word != 0 {
                body(&result, index << 6 + word.trailingZeroBitCount)
                word &= word - 1
            }
        }
        return result
    }
}

/// The characters of a pattern, numbered, and which may follow which (Glushkov's construction).
struct PatternPositions {
    /// What a part of the pattern begins and ends with.
    struct Part {
        var isNullable = true
        var first = PositionSet()
        var last = PositionSet()
    }

    private(set) var sets: [ScalarSet] = []
    private(set) var follow: [PositionSet] = []
    /// Bounds repetitions of what is empty.
    private var work = 0

    mutating func add(_ tree: PatternTree) throws(PatternParser.Failure) -> Part {
        work += 1
        guard work <= 20_000, sets.count <= SchemaLimits.patternPositionsMax else {
            throw PatternParser.Failure(
                message:
                    "with its repetitions written out it has more than \(SchemaLimits.patternPositionsMax) characters")
        }
        switch tree {
        case .empty: return Part()
        case .set(let set):
            var place = PositionSet()
            place.insert(sets.count)
            sets.append(set)
            follow.append(PositionSet())
            return Part(isNullable: false, first: place, last: place)
        case .sequence(let trees):
            var whole = Part()
            for tree in trees { whole = join(whole, try add(tree)) }
            return whole
        case .choice(let trees):
            var whole = Part(isNullable: false)
            for tree in trees {
                let part = try add(tree)
                whole.isNullable = whole.isNullable || part.isNullable
                whole.first.formUnion(part.first)
                whole.last.formUnion(part.last)
            }
            return whole
        case .repetition(let tree, let least, let most): return try add(tree, repeated: least, most)
        }
    }

    private mutating func add(
        _ tree: PatternTree, repeated least: Int, _ most: Int?
    ) throws(PatternParser.Failure) -> Part {
        var whole = Part()
        for _ in 0..<least { whole = join(whole, try add(tree)) }
        guard let most else {
            var part = try add(tree)
            connect(part.last, to: part.first)
            part.isNullable = true
            return join(whole, part)
        }
        for _ in least..<max(least, most) {
            var part = try add(tree)
            part.isNullable = true
            whole = join(whole, part)
        }
        return whole
    }

    private mutating func join(_ left: Part, _ right: Part) -> Part {
        connect(left.last, to: right.first)
        var whole = Part(isNullable: left.isNullable && right.isNullable, first: left.first, last: right.last)
        if left.isNullable { whole.first.formUnion(right.first) }
        if right.isNullable { whole.last.formUnion(left.last) }
        return whole
    }

    private mutating func connect(_ from: PositionSet, to: PositionSet) {
        _ = from.reduce(into: PositionSet()) { follow[$1].formUnion(to) }
    }
}
