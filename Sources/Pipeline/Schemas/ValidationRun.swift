import JSONFormat

/// One value being judged.
struct ValidationRun {
    let program: SchemaProgram
    let nodes: UnsafeBufferPointer<JSONTape.Node>
    let text: UnsafeRawBufferPointer
    var steps: Int
    var depth = 0
    var failure: (failure: SchemaFailure, rule: Int, node: Int) = (.type, 0, 0)

    /// Evaluations within one another: bounds the stack.
    static let depthMax = 512

    /// - Parameter steps: besides those that come with each value.
    init(
        program: SchemaProgram, nodes: UnsafeBufferPointer<JSONTape.Node>, text: UnsafeRawBufferPointer,
        steps: Int = SchemaLimits.stepsMax
    ) {
        self.program = program
        self.nodes = nodes
        self.text = text
        self.steps = steps + nodes.count * SchemaLimits.stepsOfValue
    }

    var isExhausted: Bool { steps < 0 }

    mutating func fail(_ failure: SchemaFailure, _ rule: Int, _ node: Int) -> Bool {
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
    func isType(_ node: JSONTape.Node, _ types: SchemaProgram.Types) -> Bool {
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

    mutating func evaluateObject(_ rule: SchemaProgram.ObjectRule, _ index: Int, _ at: Int) -> Bool {
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

    mutating func missing(
        _ rule: SchemaProgram.ObjectRule, _ index: Int, _ at: Int, _ isSeen: (Int) -> Bool
    ) -> Bool {
        for property in rule.properties {
            let place = Int(program.properties[Int(property)].requiredIndex)
            if place >= 0, !isSeen(place) { return fail(.missing(property: Int(property)), index, at) }
        }
        return true
    }

    @inline(__always)
    mutating func evaluateMembers(
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
    func property(_ at: Int, _ rule: SchemaProgram.ObjectRule, _ expected: Int) -> Int {
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

    mutating func evaluateArray(_ rule: SchemaProgram.ArrayRule, _ index: Int, _ at: Int) -> Bool {
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

    // MARK: - Combinations

    mutating func evaluate(_ combination: SchemaProgram.Combination, _ index: Int, _ at: Int) -> Bool {
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
}
