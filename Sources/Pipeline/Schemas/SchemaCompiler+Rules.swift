import JSONFormat

/// What a subschema says of each kind of value.
extension SchemaCompiler {
    mutating func objectRule(_ schema: JSONObject, _ pointer: String) throws(SchemaError) -> Int32 {
        let keys = ["properties", "required", "additionalProperties", "minProperties", "maxProperties"]
        guard keys.contains(where: { schema[$0] != nil }) else { return -1 }
        var rule = SchemaProgram.ObjectRule()
        let declared = try object(schema["properties"] ?? .object(JSONObject()), pointer + "/properties")
        let required = try names(schema["required"] ?? [], pointer + "/required")
        guard declared.count + required.count <= SchemaLimits.propertiesMax else {
            throw SchemaError(
                .limitExceeded, pointer + "/properties", "at most \(SchemaLimits.propertiesMax) are allowed")
        }
        var requiredIndices: [String: Int32] = [:]
        for name in required { requiredIndices[name] = Int32(requiredIndices.count) }
        rule.required = Int32(requiredIndices.count)
        // Rules of the members first: their own properties must not come between these.
        var added: [(name: String, rule: Int32, isDeclared: Bool)] = []
        for member in declared.members where !added.contains(where: { $0.name == member.key }) {
            let place = pointer + "/properties" + JSONPointer.step(member.key)
            added.append((member.key, try add(declared[member.key] ?? member.value, place), true))
        }
        let known = Set(added.map(\.name))
        for name in required where !known.contains(name) { added.append((name, -1, false)) }
        if let additional = schema["additionalProperties"] {
            rule.isClosed = additional == .bool(false)
            if additional != .bool(true) { rule.additional = try add(additional, pointer + "/additionalProperties") }
        }
        rule.countMin = try count(schema, "minProperties", pointer) ?? 0
        rule.countMax = try count(schema, "maxProperties", pointer) ?? .max
        let start = Int32(properties.count)
        for property in added {
            properties.append(
                self.property(
                    property.name, property.rule, requiredIndices[property.name] ?? -1, property.isDeclared))
        }
        rule.properties = start..<Int32(properties.count)
        rule.slots = index(rule.properties)
        objects.append(rule)
        return Int32(objects.count - 1)
    }

    mutating func property(
        _ name: String, _ rule: Int32, _ required: Int32, _ isDeclared: Bool
    ) -> SchemaProgram.Property {
        let text = Array(name.utf8)
        let start = Int32(bytes.count)
        bytes += text
        return SchemaProgram.Property(
            key: text.withUnsafeBytes { KeyWords($0) }, start: start, rule: rule, requiredIndex: required,
            isDeclared: isDeclared)
    }

    mutating func index(_ range: Range<Int32>) -> Range<Int32> {
        guard !range.isEmpty else { return 0..<0 }
        var size = 4
        while size < range.count * 2 { size *= 2 }
        let start = slots.count
        slots += repeatElement(-1, count: size)
        for index in range {
            var slot = Int(truncatingIfNeeded: properties[Int(index)].key.hash & UInt64(size - 1))
            while slots[start + slot] >= 0 { slot = (slot + 1) & (size - 1) }
            slots[start + slot] = index
        }
        return Int32(start)..<Int32(slots.count)
    }

    mutating func arrayRule(_ schema: JSONObject, _ pointer: String) throws(SchemaError) -> Int32 {
        guard ["items", "minItems", "maxItems"].contains(where: { schema[$0] != nil }) else { return -1 }
        var rule = SchemaProgram.ArrayRule()
        if let items = schema["items"], items != .bool(true) { rule.items = try add(items, pointer + "/items") }
        rule.countMin = try count(schema, "minItems", pointer) ?? 0
        rule.countMax = try count(schema, "maxItems", pointer) ?? .max
        arrays.append(rule)
        return Int32(arrays.count - 1)
    }

    mutating func stringRule(_ schema: JSONObject, _ pointer: String) throws(SchemaError) -> Int32 {
        guard ["minLength", "maxLength", "format", "pattern"].contains(where: { schema[$0] != nil }) else { return -1 }
        var rule = SchemaProgram.StringRule()
        rule.lengthMin = try count(schema, "minLength", pointer) ?? 0
        rule.lengthMax = try count(schema, "maxLength", pointer) ?? .max
        if let format = schema["format"] {
            rule.format = format.string.flatMap { StringFormat(rawValue: $0) }
            guard rule.format != nil else {
                let allowed = StringFormat.allCases.map(\.rawValue).joined(separator: ", ")
                throw malformed(pointer + "/format", "formats are: \(allowed)")
            }
        }
        if let pattern = schema["pattern"] {
            guard let text = pattern.string else { throw malformed(pointer + "/pattern", "a string is expected") }
            do throws(PatternMatcher.Failure) {
                patterns.append(try PatternMatcher(text))
            } catch {
                throw malformed(pointer + "/pattern", "the pattern cannot be used: \(error.message)")
            }
            rule.pattern = Int32(patterns.count - 1)
        }
        strings.append(rule)
        return Int32(strings.count - 1)
    }

    mutating func numberRule(_ schema: JSONObject, _ pointer: String) throws(SchemaError) -> Int32 {
        let keys = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]
        guard keys.contains(where: { schema[$0] != nil }) else { return -1 }
        var rule = SchemaProgram.NumberRule()
        rule.least = try number(schema, "minimum", pointer)
        if let bound = try number(schema, "exclusiveMinimum", pointer), rule.least.map({ !(bound < $0) }) ?? true {
            rule.least = bound
            rule.isLeastExcluded = true
        }
        rule.most = try number(schema, "maximum", pointer)
        if let bound = try number(schema, "exclusiveMaximum", pointer), rule.most.map({ !($0 < bound) }) ?? true {
            rule.most = bound
            rule.isMostExcluded = true
        }
        rule.multipleOf = try number(schema, "multipleOf", pointer)
        if let divisor = rule.multipleOf, !(JSONNumber.integer(0) < divisor) {
            throw malformed(pointer + "/multipleOf", "a number above 0 is expected")
        }
        numbers.append(rule)
        return Int32(numbers.count - 1)
    }

    mutating func allowedValues(_ schema: JSONObject, _ pointer: String) throws(SchemaError) -> Range<Int32> {
        var allowed = schema["const"].map { [$0] }
        if let list = schema["enum"] {
            guard let values = list.array, !values.isEmpty, values.count <= SchemaLimits.enumValuesMax else {
                throw malformed(
                    pointer + "/enum", "a list of 1 to \(SchemaLimits.enumValuesMax) values is expected")
            }
            // Both: what is in the list and is the constant.
            allowed = allowed.map { constant in values.filter { SchemaValue.isEqual($0, constant[0]) } } ?? values
            guard allowed?.isEmpty == false else {
                throw malformed(pointer + "/enum", "it does not contain the value of \"const\"")
            }
        }
        let start = Int32(values.count)
        for value in allowed ?? [] { values.append(add(value)) }
        return start..<Int32(values.count)
    }

    mutating func add(_ value: JSONValue) -> SchemaProgram.Value {
        if let number = SchemaValue.number(value) { return .number(number) }
        switch value {
        case .bool(let value): return .bool(value)
        case .string(let text):
            let start = Int32(bytes.count)
            bytes += Array(text.utf8)
            return .string(start: start, count: Int32(bytes.count) - start)
        case .array, .object:
            structures.append(value)
            return .structure(Int32(structures.count - 1))
        default: return .null
        }
    }
}
