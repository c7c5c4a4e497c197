import JSONFormat

/// Strings, numbers, and values that are listed.
extension ValidationRun {
    mutating func evaluateString(_ rule: SchemaProgram.StringRule, _ index: Int, _ at: Int) -> Bool {
        let node = nodes[at]
        guard node.hasEscapes else { return evaluateString(rule, JSONText.content(node, text), index, at) }
        var decoded: [UInt8] = []
        JSONText.appendDecoded(node, text, to: &decoded)
        let failed = decoded.withUnsafeBytes { stringFailure(rule, $0) }
        return failed.map { fail($0, index, at) } ?? true
    }

    mutating func evaluateString(
        _ rule: SchemaProgram.StringRule, _ raw: UnsafeRawBufferPointer, _ index: Int, _ at: Int
    ) -> Bool {
        stringFailure(rule, raw).map { fail($0, index, at) } ?? true
    }

    mutating func stringFailure(_ rule: SchemaProgram.StringRule, _ raw: UnsafeRawBufferPointer) -> SchemaFailure? {
        // A character has one to four bytes: counting is seldom needed.
        let isSurelyLong = raw.count >= Int(rule.lengthMin) * 4
        if rule.lengthMin > 0 && !isSurelyLong || raw.count > Int(rule.lengthMax) {
            let length = JSONText.characters(raw)
            guard length >= Int(rule.lengthMin), length <= Int(rule.lengthMax) else { return .length }
        }
        if let format = rule.format, !format.accepts(raw) { return .format(format) }
        guard rule.pattern >= 0 else { return nil }
        let pattern = program.patterns[Int(rule.pattern)]
        steps -= pattern.steps(bytes: raw.count)
        guard steps >= 0 else { return .tooMuch }
        return pattern.matches(raw) ? nil : .pattern
    }

    mutating func evaluateNumber(_ rule: SchemaProgram.NumberRule, _ index: Int, _ at: Int) -> Bool {
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

    func isAllowed(_ range: Range<Int32>, _ at: Int) -> Bool {
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

    func contains(_ range: Range<Int32>, _ matches: (SchemaProgram.Value) -> Bool) -> Bool {
        for index in range where matches(program.values[Int(index)]) { return true }
        return false
    }

    func isAllowedString(_ range: Range<Int32>, _ node: JSONTape.Node) -> Bool {
        guard !node.hasEscapes else {
            var decoded: [UInt8] = []
            JSONText.appendDecoded(node, text, to: &decoded)
            return decoded.withUnsafeBytes { isAllowedText(range, $0) }
        }
        return isAllowedText(range, JSONText.content(node, text))
    }

    func isAllowedText(_ range: Range<Int32>, _ raw: UnsafeRawBufferPointer) -> Bool {
        program.bytes.withUnsafeBytes { bytes in
            contains(range) { value in
                guard case .string(let start, let count) = value, Int(count) == raw.count else { return false }
                return bytes[Int(start)..<Int(start + count)].elementsEqual(raw)
            }
        }
    }

    /// Seldom: the value is read as a tree.
    func isAllowedStructure(_ range: Range<Int32>, _ node: JSONTape.Node) -> Bool {
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
}
