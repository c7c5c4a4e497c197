import JSONFormat

/// Turns a JSON Schema into the tables of a `SchemaProgram`.
///
/// Keywords: `type`, `nullable`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `minProperties`,
/// `maxProperties`, `items`, `minItems`, `maxItems`, `minLength`, `maxLength`, `pattern`, `format`, `minimum`, `maximum`,
/// `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`, `allOf`, `anyOf`, `oneOf`, `not`, `$ref` to `#` and `#/$defs/…`,
/// `$defs`. Annotations and keywords that begin with `x-` are ignored; any other is refused.
struct SchemaCompiler {
    let root: JSONValue
    private(set) var rules: [SchemaProgram.Rule] = []
    private(set) var objects: [SchemaProgram.ObjectRule] = []
    private(set) var properties: [SchemaProgram.Property] = []
    private(set) var slots: [Int32] = []
    private(set) var arrays: [SchemaProgram.ArrayRule] = []
    private(set) var strings: [SchemaProgram.StringRule] = []
    private(set) var numbers: [SchemaProgram.NumberRule] = []
    private(set) var values: [SchemaProgram.Value] = []
    private(set) var combinations: [SchemaProgram.Combination] = []
    private(set) var branches: [Int32] = []
    private(set) var bytes: [UInt8] = []
    private(set) var structures: [JSONValue] = []
    private(set) var patterns: [PatternMatcher] = []
    private(set) var pointers: [String] = []
    private var definitions: [String: Int32] = [:]

    static let annotations: Set<String> = [
        "$schema", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
        "contentEncoding", "contentMediaType",
    ]
    static let keywords: Set<String> = [
        "type", "nullable", "enum", "const", "properties", "required", "additionalProperties", "minProperties",
        "maxProperties", "items", "minItems", "maxItems", "minLength", "maxLength", "pattern", "format", "minimum",
        "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "allOf", "anyOf", "oneOf", "not", "$ref",
    ]

    init(_ schema: JSONValue) { root = schema }

    mutating func compile() throws(SchemaError) {
        try checkSize(root, depth: 1)
        guard root.serialized().count <= SchemaLimits.schemaBytesMax else {
            throw SchemaError(.limitExceeded, "", "a schema has at most \(SchemaLimits.schemaBytesMax) bytes")
        }
        // The root is rule 0; definitions have their numbers before any is read, so that they may refer to one another.
        _ = try reserve("")
        let named = try object(root["$defs"] ?? .object(JSONObject()), "/$defs")
        for member in named.members {
            definitions[member.key] = try reserve("/$defs" + JSONPointer.step(member.key))
        }
        for member in named.members {
            guard let rule = definitions[member.key] else { continue }
            try fill(rule, member.value, "/$defs" + JSONPointer.step(member.key))
        }
        try fill(0, root, "", isRoot: true)
        try checkReferences()
    }

    private func checkSize(_ value: JSONValue, depth: Int) throws(SchemaError) {
        guard depth <= SchemaLimits.depthMax else {
            throw SchemaError(.limitExceeded, "", "a schema is nested at most \(SchemaLimits.depthMax) deep")
        }
        switch value {
        case .array(let values): for value in values { try checkSize(value, depth: depth + 1) }
        case .object(let object): for member in object.members { try checkSize(member.value, depth: depth + 1) }
        default: break
        }
    }

    private mutating func reserve(_ pointer: String) throws(SchemaError) -> Int32 {
        guard rules.count < SchemaLimits.rulesMax else {
            throw SchemaError(.limitExceeded, pointer, "a schema has at most \(SchemaLimits.rulesMax) subschemas")
        }
        rules.append(SchemaProgram.Rule())
        pointers.append(pointer)
        return Int32(rules.count - 1)
    }

    private mutating func add(_ schema: JSONValue, _ pointer: String) throws(SchemaError) -> Int32 {
        let rule = try reserve(pointer)
        try fill(rule, schema, pointer)
        return rule
    }

    private mutating func fill(
        _ index: Int32, _ schema: JSONValue, _ pointer: String, isRoot: Bool = false
    ) throws(SchemaError) {
        var rule = SchemaProgram.Rule()
        switch schema {
        case .bool(true): break
        case .bool(false): rule.types = []
        case .object(let object):
            try checkKeywords(object, pointer, isRoot: isRoot)
            rule.types = try types(object, pointer)
            rule.object = try objectRule(object, pointer)
            rule.array = try arrayRule(object, pointer)
            rule.string = try stringRule(object, pointer)
            rule.number = try numberRule(object, pointer)
            rule.values = try allowedValues(object, pointer)
            rule.combinations = try combinationRules(object, pointer)
        default: throw malformed(pointer, "a schema is an object, true or false, not \(schema.kind)")
        }
        rule.isPlain =
            rule.object < 0 && rule.array < 0 && rule.string < 0 && rule.number < 0 && rule.values.isEmpty
            && rule.combinations.isEmpty
        rules[Int(index)] = rule
    }

    private func malformed(_ pointer: String, _ message: String) -> SchemaError {
        SchemaError(.malformed, pointer, message)
    }

    private func checkKeywords(_ object: JSONObject, _ pointer: String, isRoot: Bool) throws(SchemaError) {
        for key in object.keys {
            if Self.keywords.contains(key) || Self.annotations.contains(key) || key.hasPrefix("x-") { continue }
            if isRoot && (key == "$defs" || key == "$id") { continue }
            if key == "$defs" || key == "$id" {
                throw malformed(pointer + JSONPointer.step(key), "\"\(key)\" is allowed only at the top of the schema")
            }
            throw malformed(
                pointer + JSONPointer.step(key.prefix(60)),
                "the keyword \"\(key.prefix(60))\" is not supported; these are: "
                    + Self.keywords.sorted().joined(separator: ", "))
        }
        if let dialect = object["$schema"] {
            let known = [
                "https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2020-12/schema#",
            ]
            guard let text = dialect.string, known.contains(text) else {
                throw malformed(pointer + "/$schema", "only \(known[0]) is supported")
            }
        }
    }

    // MARK: - Parts of a rule

    private func types(_ object: JSONObject, _ pointer: String) throws(SchemaError) -> SchemaProgram.Types {
        var types = SchemaProgram.Types.all
        if let value = object["type"] {
            let names = value.array ?? [value]
            types = []
            for name in names { types.insert(try Self.type(name, pointer + "/type")) }
            guard !names.isEmpty else { throw malformed(pointer + "/type", "a list of types must not be empty") }
        }
        if let nullable = object["nullable"] {
            guard let isNullable = nullable.bool else {
                throw malformed(pointer + "/nullable", "true or false is expected")
            }
            if isNullable { types.insert(.null) }
        }
        return types
    }

    private static func type(_ name: JSONValue, _ pointer: String) throws(SchemaError) -> SchemaProgram.Types {
        switch name.string {
        case "null": .null
        case "boolean": .boolean
        case "integer": .integer
        case "number": .number
        case "string": .string
        case "array": .array
        case "object": .object
        default:
            throw SchemaError(
                .malformed, pointer,
                "a type is null, boolean, integer, number, string, array or object, or a list of these")
        }
    }

    private mutating func objectRule(_ schema: JSONObject, _ pointer: String) throws(SchemaError) -> Int32 {
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

    private mutating func property(
        _ name: String, _ rule: Int32, _ required: Int32, _ isDeclared: Bool
    ) -> SchemaProgram.Property {
        let text = Array(name.utf8)
        let start = Int32(bytes.count)
        bytes += text
        return SchemaProgram.Property(
            key: text.withUnsafeBytes { KeyWords($0) }, start: start, rule: rule, requiredIndex: required,
            isDeclared: isDeclared)
    }

    private mutating func index(_ range: Range<Int32>) -> Range<Int32> {
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

    private mutating func arrayRule(_ schema: JSONObject, _ pointer: String) throws(SchemaError) -> Int32 {
        guard ["items", "minItems", "maxItems"].contains(where: { schema[$0] != nil }) else { return -1 }
        var rule = SchemaProgram.ArrayRule()
        if let items = schema["items"], items != .bool(true) { rule.items = try add(items, pointer + "/items") }
        rule.countMin = try count(schema, "minItems", pointer) ?? 0
        rule.countMax = try count(schema, "maxItems", pointer) ?? .max
        arrays.append(rule)
        return Int32(arrays.count - 1)
    }

    private mutating func stringRule(_ schema: JSONObject, _ pointer: String) throws(SchemaError) -> Int32 {
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
            do throws(PatternParser.Failure) {
                patterns.append(try PatternMatcher(text))
            } catch {
                throw malformed(pointer + "/pattern", "the pattern cannot be used: \(error.message)")
            }
            rule.pattern = Int32(patterns.count - 1)
        }
        strings.append(rule)
        return Int32(strings.count - 1)
    }

    private mutating func numberRule(_ schema: JSONObject, _ pointer: String) throws(SchemaError) -> Int32 {
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

    private mutating func allowedValues(_ schema: JSONObject, _ pointer: String) throws(SchemaError) -> Range<Int32> {
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

    private mutating func add(_ value: JSONValue) -> SchemaProgram.Value {
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

    private mutating func combinationRules(
        _ schema: JSONObject, _ pointer: String
    ) throws(SchemaError) -> Range<Int32> {
        var found: [SchemaProgram.Combination] = []
        if let reference = schema["$ref"] {
            found.append(.all(addBranches([try target(reference, pointer + "/$ref")])))
        }
        if let list = schema["allOf"] { found.append(.all(try addBranches(list, pointer + "/allOf"))) }
        if let list = schema["anyOf"] { found.append(.any(try addBranches(list, pointer + "/anyOf"))) }
        if let list = schema["oneOf"] { found.append(.one(try addBranches(list, pointer + "/oneOf"))) }
        if let inner = schema["not"] { found.append(.not(try add(inner, pointer + "/not"))) }
        let start = Int32(combinations.count)
        combinations += found
        return start..<Int32(combinations.count)
    }

    private func target(_ reference: JSONValue, _ pointer: String) throws(SchemaError) -> Int32 {
        if reference == "#" { return 0 }
        guard let text = reference.string, let name = ColumnRules.definitionName(text), let rule = definitions[name]
        else {
            throw malformed(pointer, "a reference is \"#\" or names one of the schema's \"$defs\": \"#/$defs/name\"")
        }
        return rule
    }

    private mutating func addBranches(_ list: JSONValue, _ pointer: String) throws(SchemaError) -> Range<Int32> {
        guard let schemas = list.array, (1...SchemaLimits.branchesMax).contains(schemas.count) else {
            throw malformed(pointer, "a list of 1 to \(SchemaLimits.branchesMax) schemas is expected")
        }
        var added: [Int32] = []
        for (index, schema) in schemas.enumerated() { added.append(try add(schema, "\(pointer)/\(index)")) }
        return addBranches(added)
    }

    private mutating func addBranches(_ rules: [Int32]) -> Range<Int32> {
        let start = Int32(branches.count)
        branches += rules
        return start..<Int32(branches.count)
    }

    // MARK: - Values of keywords

    private func object(_ value: JSONValue, _ pointer: String) throws(SchemaError) -> JSONObject {
        guard let object = value.object else { throw malformed(pointer, "an object is expected, not \(value.kind)") }
        return object
    }

    private func names(_ value: JSONValue, _ pointer: String) throws(SchemaError) -> [String] {
        let names = value.array?.compactMap(\.string) ?? []
        guard let array = value.array, names.count == array.count, Set(names).count == names.count else {
            throw malformed(pointer, "a list of different names is expected")
        }
        return names
    }

    private func count(_ schema: JSONObject, _ key: String, _ pointer: String) throws(SchemaError) -> Int32? {
        guard let value = schema[key] else { return nil }
        guard let number = SchemaValue.number(value), number.isWhole, number.double >= 0 else {
            throw malformed("\(pointer)/\(key)", "a whole number from 0 on is expected")
        }
        return Int32(min(number.double, Double(Int32.max)))
    }

    private func number(_ schema: JSONObject, _ key: String, _ pointer: String) throws(SchemaError) -> JSONNumber? {
        guard let value = schema[key] else { return nil }
        guard let number = SchemaValue.number(value) else {
            throw malformed("\(pointer)/\(key)", "a number is expected, not \(value.kind)")
        }
        return number
    }

    // MARK: - References

    /// Refuses subschemas that lead back to themselves for the same value, which no event could be judged by, and chains of
    /// them that are too long.
    private func checkReferences() throws(SchemaError) {
        var depths = [Int](repeating: -1, count: rules.count)
        for start in rules.indices where depths[start] < 0 { try measure(start, &depths) }
    }

    /// How many rules a value meets in turn, by an explicit stack. -1: unknown, -2: being measured.
    private func measure(_ start: Int, _ depths: inout [Int]) throws(SchemaError) {
        var stack = [start]
        while let index = stack.last {
            let inner = branchRules(rules[index])
            if depths[index] == -2 || depths[index] >= 0 {
                if depths[index] == -2 { depths[index] = 1 + (inner.map { depths[$0] }.max() ?? 0) }
                stack.removeLast()
                guard depths[index] <= SchemaLimits.depthMax else {
                    throw SchemaError(
                        .limitExceeded, pointers[index],
                        "references and branches are chained at most \(SchemaLimits.depthMax) long")
                }
                continue
            }
            depths[index] = -2
            for next in inner {
                guard depths[next] != -2 else {
                    throw malformed(pointers[index], "the reference leads back to itself")
                }
                if depths[next] < 0 { stack.append(next) }
            }
        }
    }

    private func branchRules(_ rule: SchemaProgram.Rule) -> [Int] {
        rule.combinations.flatMap { index -> [Int] in
            switch combinations[Int(index)] {
            case .all(let range), .any(let range), .one(let range): range.map { Int(branches[Int($0)]) }
            case .not(let inner): [Int(inner)]
            }
        }
    }
}
