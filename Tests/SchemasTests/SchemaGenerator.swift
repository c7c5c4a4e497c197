import JSONFormat

/// Schemas and values that often meet: few names, few texts, few numbers.
struct SchemaGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func below(_ limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(limit))
    }

    private mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    static let names = [
        "a", "b", "longer_name", "a name that is longer than sixteen", "a name that is longer_than sixteen",
    ]
    static let types = ["null", "boolean", "integer", "number", "string", "array", "object"]

    mutating func value(depth: Int) -> JSONValue {
        switch below(depth > 0 ? 10 : 6) {
        case 0: return .null
        case 1: return .bool(below(2) == 0)
        case 2: return .integer(Int64(below(7)) - 3)
        case 3: return .double(Double(below(9)) / 2 - 2)
        case 4, 5: return .string(pick(["", "a", "ab", "ä\n", "\"x\\", "abcdef"]))
        case 6, 7: return .array((0..<below(4)).map { _ in value(depth: depth - 1) })
        default:
            var object = JSONObject()
            for _ in 0..<below(4) { object[pick(Self.names)] = value(depth: depth - 1) }
            return .object(object)
        }
    }

    mutating func schema(depth: Int) -> JSONValue {
        var root = JSONObject()
        root["$defs"] = ["d": self.rule(depth: 1, canRefer: false)]
        for member in self.rule(depth: depth, canRefer: true).object?.members ?? [] { root[member.key] = member.value }
        return .object(root)
    }

    private mutating func rule(depth: Int, canRefer: Bool) -> JSONValue {
        if below(12) == 0, depth < 3 { return .bool(below(3) > 0) }
        var rule = JSONObject()
        for _ in 0..<1 + below(3) { add(to: &rule, depth: depth, canRefer: canRefer) }
        return .object(rule)
    }

    private mutating func add(to rule: inout JSONObject, depth: Int, canRefer: Bool) {
        func sub(_ generator: inout SchemaGenerator) -> JSONValue {
            depth > 0 ? generator.rule(depth: depth - 1, canRefer: canRefer) : .bool(true)
        }
        switch below(18) {
        case 0: rule["type"] = .string(pick(Self.types))
        case 1: rule["type"] = .array([.string(pick(Self.types)), .string(pick(Self.types)), "object"])
        case 2: rule["enum"] = .array((0...below(4)).map { _ in value(depth: 1) })
        case 3: rule["required"] = .array([.string(Self.names[below(2)]), .string(Self.names[2 + below(3)])])
        case 4, 5, 6:
            var properties = JSONObject()
            for _ in 0...below(4) { properties[pick(Self.names)] = sub(&self) }
            rule["properties"] = .object(properties)
        case 7: rule["additionalProperties"] = sub(&self)
        case 8: rule["items"] = sub(&self)
        case 9: rule["minItems"] = .integer(Int64(below(3)))
        case 10: rule["maxProperties"] = .integer(Int64(below(4)))
        case 11: rule["minLength"] = .integer(Int64(below(4)))
        case 12: rule["maximum"] = .integer(Int64(below(3)))
        case 13: rule["exclusiveMinimum"] = .double(Double(below(3)) - 1.5)
        case 14: rule["allOf"] = .array([sub(&self), sub(&self)])
        case 15: rule["anyOf"] = .array([sub(&self), sub(&self)])
        case 16: rule[below(2) == 0 ? "oneOf" : "not"] = below(2) == 0 ? .array([sub(&self), sub(&self)]) : nil
        default: if canRefer { rule["$ref"] = "#/$defs/d" } else { rule["not"] = sub(&self) }
        }
        if rule["not"]?.array != nil { rule["not"] = sub(&self) }
    }
}
