import JSONFormat

/// Turns a JSON Schema into the tables of a `SchemaProgram`.
///
/// Keywords: `type`, `nullable`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `minProperties`,
/// `maxProperties`, `items`, `minItems`, `maxItems`, `minLength`, `maxLength`, `pattern`, `format`, `minimum`, `maximum`,
/// `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`, `allOf`, `anyOf`, `oneOf`, `not`, `$ref` to `#` and `#/$defs/…`,
/// `$defs`. Annotations and keywords that begin with `x-` are ignored; any other is refused.
struct SchemaCompiler {
    let root: JSONValue
    var rules: [SchemaProgram.Rule] = []
    var objects: [SchemaProgram.ObjectRule] = []
    var properties: [SchemaProgram.Property] = []
    var slots: [Int32] = []
    var arrays: [SchemaProgram.ArrayRule] = []
    var strings: [SchemaProgram.StringRule] = []
    var numbers: [SchemaProgram.NumberRule] = []
    var values: [SchemaProgram.Value] = []
    var combinations: [SchemaProgram.Combination] = []
    var branches: [Int32] = []
    var bytes: [UInt8] = []
    var structures: [JSONValue] = []
    var patterns: [PatternMatcher] = []
    var pointers: [String] = []
    var definitions: [String: Int32] = [:]

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

    func checkSize(_ value: JSONValue, depth: Int) throws(SchemaError) {
        guard depth <= SchemaLimits.depthMax else {
            throw SchemaError(.limitExceeded, "", "a schema is nested at most \(SchemaLimits.depthMax) deep")
        }
        switch value {
        case .array(let values): for value in values { try checkSize(value, depth: depth + 1) }
        case .object(let object): for member in object.members { try checkSize(member.value, depth: depth + 1) }
        default: break
        }
    }

    mutating func reserve(_ pointer: String) throws(SchemaError) -> Int32 {
        guard rules.count < SchemaLimits.rulesMax else {
            throw SchemaError(.limitExceeded, pointer, "a schema has at most \(SchemaLimits.rulesMax) subschemas")
        }
        rules.append(SchemaProgram.Rule())
        pointers.append(pointer)
        return Int32(rules.count - 1)
    }

    mutating func add(_ schema: JSONValue, _ pointer: String) throws(SchemaError) -> Int32 {
        let rule = try reserve(pointer)
        try fill(rule, schema, pointer)
        return rule
    }

    mutating func fill(
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

    func malformed(_ pointer: String, _ message: String) -> SchemaError {
        SchemaError(.malformed, pointer, message)
    }

    func checkKeywords(_ object: JSONObject, _ pointer: String, isRoot: Bool) throws(SchemaError) {
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

    func types(_ object: JSONObject, _ pointer: String) throws(SchemaError) -> SchemaProgram.Types {
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

    static func type(_ name: JSONValue, _ pointer: String) throws(SchemaError) -> SchemaProgram.Types {
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

    // MARK: - Values of keywords

    func object(_ value: JSONValue, _ pointer: String) throws(SchemaError) -> JSONObject {
        guard let object = value.object else { throw malformed(pointer, "an object is expected, not \(value.kind)") }
        return object
    }

    func names(_ value: JSONValue, _ pointer: String) throws(SchemaError) -> [String] {
        let names = value.array?.compactMap(\.string) ?? []
        guard let array = value.array, names.count == array.count, Set(names).count == names.count else {
            throw malformed(pointer, "a list of different names is expected")
        }
        return names
    }

    func count(_ schema: JSONObject, _ key: String, _ pointer: String) throws(SchemaError) -> Int32? {
        guard let value = schema[key] else { return nil }
        guard let number = SchemaValue.number(value), number.isWhole, number.double >= 0 else {
            throw malformed("\(pointer)/\(key)", "a whole number from 0 on is expected")
        }
        return Int32(min(number.double, Double(Int32.max)))
    }

    func number(_ schema: JSONObject, _ key: String, _ pointer: String) throws(SchemaError) -> JSONNumber? {
        guard let value = schema[key] else { return nil }
        guard let number = SchemaValue.number(value) else {
            throw malformed("\(pointer)/\(key)", "a number is expected, not \(value.kind)")
        }
        return number
    }
}
