import JSONFormat

/// Runs a `SchemaProgram` over JSON texts. Keeps its memory from text to text: one for each thread of work.
package struct SchemaValidator: ~Copyable {
    package private(set) var tape = JSONTape()
    private var decoded: [UInt8] = []

    package init() {}

    /// Whether `text` is JSON that fits; nil when it does. Every occurrence of a member given twice is judged.
    ///
    /// Cost: one pass over the text and one step for each rule a value meets, at most `SchemaLimits.stepsMax` and ten for
    /// each value; below a microsecond for an event of ten members.
    package mutating func violation(
        of program: SchemaProgram, in text: UnsafeRawBufferPointer
    ) -> SchemaViolation? {
        guard tape.read(text) else { return SchemaViolation(pointer: "", message: "is not JSON") }
        return violationOfRead(program, in: text)
    }

    /// The same for the text that was read last.
    package func violationOfRead(_ program: SchemaProgram, in text: UnsafeRawBufferPointer) -> SchemaViolation? {
        tape.nodes.withUnsafeBufferPointer { nodes in
            var run = ValidationRun(program: program, nodes: nodes, text: text)
            return run.evaluate(0, 0) && !run.isExhausted ? nil : run.violation()
        }
    }

    /// Where and how the text that was read last fails, by the rule at fault.
    struct Failure {
        let kind: SchemaFailure
        /// Of the rule, in the schema.
        let rulePointer: String
        /// Of the value, in the text.
        let value: Range<Int>
        /// The member that is missing or not declared.
        let memberName: String?
    }

    func failureOfRead(_ program: SchemaProgram, in text: UnsafeRawBufferPointer) -> Failure? {
        tape.nodes.withUnsafeBufferPointer { nodes in
            guard !nodes.isEmpty else { return nil }
            var run = ValidationRun(program: program, nodes: nodes, text: text)
            return run.evaluate(0, 0) || run.isExhausted ? nil : run.detail()
        }
    }

    /// The same for bytes.
    package mutating func violation(of program: SchemaProgram, in text: [UInt8]) -> SchemaViolation? {
        text.withUnsafeBytes { raw in violation(of: program, in: raw) }
    }

    /// Calls `body` with each member of the object that was read last: its name, undone of escapes, and its value.
    package mutating func forEachMember(
        _ text: UnsafeRawBufferPointer, _ body: (_ name: [UInt8], _ value: JSONTape.Node) -> Void
    ) {
        guard let root = tape.nodes.first, root.kind == .object else { return }
        var index = 1
        for _ in 0..<root.count {
            decoded.removeAll(keepingCapacity: true)
            JSONText.appendDecoded(tape.nodes[index], text, to: &decoded)
            body(decoded, tape.nodes[index + 1])
            index = Int(tape.nodes[index + 1].next)
        }
    }

    /// Whether the object that was read last has a member that the root of `program` does not declare, and that could
    /// become one: not null, and with no longer name than a column may have.
    package func hasUndeclaredMember(_ program: SchemaProgram, in text: UnsafeRawBufferPointer) -> Bool {
        tape.nodes.withUnsafeBufferPointer { nodes in
            guard nodes[0].kind == .object else { return false }
            let run = ValidationRun(program: program, nodes: nodes, text: text)
            let index = Int(program.rules[0].object)
            return run.hasUndeclaredMember(index < 0 ? SchemaProgram.ObjectRule() : program.objects[index])
        }
    }
}

/// One value being judged.
struct ValidationRun {
    private let program: SchemaProgram
    private let nodes: UnsafeBufferPointer<JSONTape.Node>
    private let text: UnsafeRawBufferPointer
    private var steps: Int
    private var depth = 0
    private var failure: (failure: SchemaFailure, rule: Int, node: Int) = (.type, 0, 0)

    /// Evaluations within one another: bounds the stack.
    private static let depthMax = 512

    init(program: SchemaProgram, nodes: UnsafeBufferPointer<JSONTape.Node>, text: UnsafeRawBufferPointer) {
        self.program = program
        self.nodes = nodes
        self.text = text
        steps = SchemaLimits.stepsMax + nodes.count * 10
    }

    var isExhausted: Bool { steps < 0 }

    func violation() -> SchemaViolation {
        let (failure, rule, node) = isExhausted ? (.tooMuch, 0, 0) : self.failure
        return SchemaViolation(pointer: pointer(to: node), message: program.message(failure, rule: rule))
    }

    func detail() -> SchemaValidator.Failure {
        let node = nodes[failure.node]
        // A member's value follows its key; what else is in front of a value ends before it.
        var name: String?
        if case .missing(let property) = failure.failure {
            name = program.name(of: property)
        } else if failure.node > 0, nodes[failure.node - 1].kind == .string, case .notDeclared = failure.failure {
            var bytes: [UInt8] = []
            JSONText.appendDecoded(nodes[failure.node - 1], text, to: &bytes)
            name = String(decoding: bytes, as: UTF8.self)
        }
        return SchemaValidator.Failure(
            kind: failure.failure, rulePointer: program.pointers[failure.rule], value: Int(node.start)..<Int(node.end),
            memberName: name)
    }

    private mutating func fail(_ failure: SchemaFailure, _ rule: Int, _ node: Int) -> Bool {
        self.failure = (failure, rule, node)
        return false
    }

    mutating func evaluate(_ index: Int, _ at: Int) -> Bool {
        steps -= 1
        guard steps >= 0 else { return false }
        let rule = program.rules[index]
        let node = nodes[at]
        guard isType(node, rule.types) else { return fail(.type, index, at) }
        if rule.isPlain { return true }
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.depthMax else {
            steps = -1
            return false
        }
        switch node.kind {
        case .object where rule.object >= 0:
            guard evaluateObject(program.objects[Int(rule.object)], index, at) else { return false }
        case .array where rule.array >= 0:
            guard evaluateArray(program.arrays[Int(rule.array)], index, at) else { return false }
        case .string where rule.string >= 0:
            guard evaluateString(program.strings[Int(rule.string)], index, at) else { return false }
        case .integer where rule.number >= 0, .number where rule.number >= 0:
            guard evaluateNumber(program.numbers[Int(rule.number)], index, at) else { return false }
        default: break
        }
        guard rule.values.isEmpty || isAllowed(rule.values, at) else { return fail(.values, index, at) }
        for combination in rule.combinations {
            guard evaluate(program.combinations[Int(combination)], index, at) else { return false }
        }
        return true
    }

    @inline(__always)
    private func isType(_ node: JSONTape.Node, _ types: SchemaProgram.Types) -> Bool {
        switch node.kind {
        case .null: types.contains(.null)
        case .true, .false: types.contains(.boolean)
        case .integer: types.contains(.integer)
        case .number:
            types.contains(.fraction) || types.contains(.integer) && JSONText.number(node, text).isWhole
        case .string: types.contains(.string)
        case .array: types.contains(.array)
        case .object: types.contains(.object)
        }
    }

    // MARK: - Objects and arrays

    private mutating func evaluateObject(_ rule: SchemaProgram.ObjectRule, _ index: Int, _ at: Int) -> Bool {
        let count = nodes[at].count
        guard count >= Int(rule.countMin), count <= Int(rule.countMax) else { return fail(.count, index, at) }
        guard rule.required > 64 else {
            var seen: UInt64 = 0
            guard evaluateMembers(rule, index, at, { seen |= 1 << UInt64($0) }) else { return false }
            let wanted: UInt64 = rule.required == 64 ? .max : 1 << UInt64(rule.required) - 1
            if seen == wanted { return true }
            return missing(rule, index, at) { seen & 1 << UInt64($0) != 0 }
        }
        var seen = [Bool](repeating: false, count: Int(rule.required))
        guard evaluateMembers(rule, index, at, { seen[$0] = true }) else { return false }
        return seen.allSatisfy { $0 } || missing(rule, index, at) { seen[$0] }
    }

    private mutating func missing(
        _ rule: SchemaProgram.ObjectRule, _ index: Int, _ at: Int, _ isSeen: (Int) -> Bool
    ) -> Bool {
        for property in rule.properties {
            let place = Int(program.properties[Int(property)].requiredIndex)
            if place >= 0, !isSeen(place) { return fail(.missing(property: Int(property)), index, at) }
        }
        return true
    }

    @inline(__always)
    private mutating func evaluateMembers(
        _ rule: SchemaProgram.ObjectRule, _ index: Int, _ at: Int, _ seen: (Int) -> Void
    ) -> Bool {
        var key = at + 1
        // Members mostly come in the order of the schema: the next property is tried before the table is asked.
        var expected = Int(rule.properties.lowerBound)
        for _ in 0..<nodes[at].count {
            let value = key + 1
            let found = property(key, rule, expected)
            var declared = Int(rule.additional)
            if found >= 0 {
                expected = found + 1
                let property = program.properties[found]
                if property.requiredIndex >= 0 { seen(Int(property.requiredIndex)) }
                if property.isDeclared { declared = Int(property.rule) }
            }
            if declared >= 0, !evaluate(declared, value) {
                return declared == Int(rule.additional) && rule.isClosed
                    ? fail(.notDeclared, index, value) : false
            }
            key = Int(nodes[value].next)
        }
        return true
    }

    /// The property that the key at `at` names, or -1.
    @inline(__always)
    private func property(_ at: Int, _ rule: SchemaProgram.ObjectRule, _ expected: Int) -> Int {
        guard !nodes[at].hasEscapes else {
            var decoded: [UInt8] = []
            JSONText.appendDecoded(nodes[at], text, to: &decoded)
            return decoded.withUnsafeBytes { program.property($0, of: rule) }
        }
        let name = JSONText.content(nodes[at], text)
        if expected < Int(rule.properties.upperBound), program.isProperty(expected, KeyWords(name), name) {
            return expected
        }
        return program.property(name, of: rule)
    }

    func hasUndeclaredMember(_ rule: SchemaProgram.ObjectRule) -> Bool {
        var key = 1
        var expected = Int(rule.properties.lowerBound)
        for _ in 0..<nodes[0].count {
            let found = property(key, rule, expected)
            if found >= 0, program.properties[found].isDeclared {
                expected = found + 1
            } else if nodes[key + 1].kind != .null,
                nodes[key].end - nodes[key].start - 2 <= SchemaLimits.columnNameBytesMax
            {
                return true
            }
            key = Int(nodes[key + 1].next)
        }
        return false
    }

    private mutating func evaluateArray(_ rule: SchemaProgram.ArrayRule, _ index: Int, _ at: Int) -> Bool {
        let count = nodes[at].count
        guard count >= Int(rule.countMin), count <= Int(rule.countMax) else { return fail(.count, index, at) }
        guard rule.items >= 0 else { return true }
        var element = at + 1
        for _ in 0..<count {
            guard evaluate(Int(rule.items), element) else { return false }
            element = Int(nodes[element].next)
        }
        return true
    }

    // MARK: - Scalars

    private mutating func evaluateString(_ rule: SchemaProgram.StringRule, _ index: Int, _ at: Int) -> Bool {
        let node = nodes[at]
        guard node.hasEscapes else { return evaluateString(rule, JSONText.content(node, text), index, at) }
        var decoded: [UInt8] = []
        JSONText.appendDecoded(node, text, to: &decoded)
        let failed = decoded.withUnsafeBytes { Self.failure(rule, $0, program) }
        return failed.map { fail($0, index, at) } ?? true
    }

    private mutating func evaluateString(
        _ rule: SchemaProgram.StringRule, _ raw: UnsafeRawBufferPointer, _ index: Int, _ at: Int
    ) -> Bool {
        Self.failure(rule, raw, program).map { fail($0, index, at) } ?? true
    }

    private static func failure(
        _ rule: SchemaProgram.StringRule, _ raw: UnsafeRawBufferPointer, _ program: SchemaProgram
    ) -> SchemaFailure? {
        // A character has one to four bytes: counting is seldom needed.
        let isSurelyLong = raw.count >= Int(rule.lengthMin) * 4
        if rule.lengthMin > 0 && !isSurelyLong || raw.count > Int(rule.lengthMax) {
            let length = JSONText.characters(raw)
            guard length >= Int(rule.lengthMin), length <= Int(rule.lengthMax) else { return .length }
        }
        if let format = rule.format, !format.accepts(raw) { return .format(format) }
        if rule.pattern >= 0, !program.patterns[Int(rule.pattern)].matches(raw) { return .pattern }
        return nil
    }

    private mutating func evaluateNumber(_ rule: SchemaProgram.NumberRule, _ index: Int, _ at: Int) -> Bool {
        let number = JSONText.number(nodes[at], text)
        if let least = rule.least {
            guard rule.isLeastExcluded ? least < number : !(number < least) else { return fail(.bound, index, at) }
        }
        if let most = rule.most {
            guard rule.isMostExcluded ? number < most : !(most < number) else { return fail(.bound, index, at) }
        }
        guard let divisor = rule.multipleOf else { return true }
        return Self.isMultiple(number, of: divisor) || fail(.multiple, index, at)
    }

    static func isMultiple(_ number: JSONNumber, of divisor: JSONNumber) -> Bool {
        if case .integer(let number) = number, case .integer(let divisor) = divisor { return number % divisor == 0 }
        let quotient = number.double / divisor.double
        return quotient.isFinite && quotient.rounded() == quotient
    }

    private func isAllowed(_ range: Range<Int32>, _ at: Int) -> Bool {
        let node = nodes[at]
        switch node.kind {
        case .null: return contains(range) { if case .null = $0 { true } else { false } }
        case .true, .false:
            return contains(range) { if case .bool(let value) = $0 { value == (node.kind == .true) } else { false } }
        case .integer, .number:
            let number = JSONText.number(node, text)
            return contains(range) { if case .number(let value) = $0 { value.isEqual(to: number) } else { false } }
        case .string: return isAllowedString(range, node)
        case .array, .object: return isAllowedStructure(range, node)
        }
    }

    private func contains(_ range: Range<Int32>, _ matches: (SchemaProgram.Value) -> Bool) -> Bool {
        for index in range where matches(program.values[Int(index)]) { return true }
        return false
    }

    private func isAllowedString(_ range: Range<Int32>, _ node: JSONTape.Node) -> Bool {
        guard !node.hasEscapes else {
            var decoded: [UInt8] = []
            JSONText.appendDecoded(node, text, to: &decoded)
            return decoded.withUnsafeBytes { isAllowedText(range, $0) }
        }
        return isAllowedText(range, JSONText.content(node, text))
    }

    private func isAllowedText(_ range: Range<Int32>, _ raw: UnsafeRawBufferPointer) -> Bool {
        program.bytes.withUnsafeBytes { bytes in
            contains(range) { value in
                guard case .string(let start, let count) = value, Int(count) == raw.count else { return false }
                return bytes[Int(start)..<Int(start + count)].elementsEqual(raw)
            }
        }
    }

    /// Seldom: the value is read as a tree.
    private func isAllowedStructure(_ range: Range<Int32>, _ node: JSONTape.Node) -> Bool {
        do throws(JSONError) {
            let value = try JSONValue.parse(Array(text[Int(node.start)..<Int(node.end)]))
            return contains(range) {
                if case .structure(let index) = $0 {
                    SchemaValue.isEqual(program.structures[Int(index)], value)
                } else {
                    false
                }
            }
        } catch {
            return false
        }
    }

    // MARK: - Combinations

    private mutating func evaluate(_ combination: SchemaProgram.Combination, _ index: Int, _ at: Int) -> Bool {
        switch combination {
        case .all(let range):
            for branch in range {
                guard evaluate(Int(program.branches[Int(branch)]), at) else { return false }
            }
            return true
        case .any(let range):
            for branch in range where evaluate(Int(program.branches[Int(branch)]), at) { return true }
            return range.count == 1 ? false : fail(.any, index, at)
        case .one(let range):
            var fitting = 0
            for branch in range where evaluate(Int(program.branches[Int(branch)]), at) { fitting += 1 }
            return fitting == 1 || fail(.one(fitting), index, at)
        case .not(let inner): return !evaluate(Int(inner), at) || fail(.not, index, at)
        }
    }

    // MARK: - Places

    /// The JSON pointer to a node: walks down to it.
    private func pointer(to target: Int) -> String {
        var pointer = ""
        var at = 0
        while at != target {
            var child = at + 1
            guard nodes[at].kind == .object || nodes[at].kind == .array else { return pointer }
            for position in 0..<nodes[at].count {
                let isMember = nodes[at].kind == .object
                let value = isMember ? child + 1 : child
                if target < Int(nodes[value].next) {
                    pointer += isMember ? step(nodes[child]) : "/\(position)"
                    at = value
                    break
                }
                child = Int(nodes[value].next)
            }
        }
        return pointer
    }

    private func step(_ key: JSONTape.Node) -> String {
        var name: [UInt8] = []
        JSONText.appendDecoded(key, text, to: &name)
        return JSONPointer.step(String(decoding: name, as: UTF8.self).prefix(200))
    }
}
