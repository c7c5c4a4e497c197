import JSONFormat

@testable import Schemas

/// JSON Schema straight from its text, slow and simple: what the compiled program is compared with.
struct NaiveSchema {
    let root: JSONValue

    func accepts(_ value: JSONValue) -> Bool { accepts(value, root) }

    private func accepts(_ value: JSONValue, _ schema: JSONValue) -> Bool {
        if let constant = schema.bool { return constant }
        guard let object = schema.object else { return false }
        return object.members.allSatisfy { keyword in accepts(value, keyword.key, keyword.value, object) }
    }

    private func accepts(_ value: JSONValue, _ keyword: String, _ operand: JSONValue, _ schema: JSONObject) -> Bool {
        let number = SchemaValue.number(value)
        let bound = SchemaValue.number(operand)?.double ?? 0
        switch keyword {
        case "type":
            if schema["nullable"] == .bool(true), value.isNull { return true }
            return (operand.array ?? [operand]).contains { isType(value, $0.string ?? "") }
        case "enum": return (operand.array ?? []).contains { SchemaValue.isEqual($0, value) }
        case "const": return SchemaValue.isEqual(operand, value)
        case "required": return value.object.map { object in names(operand).allSatisfy { object[$0] != nil } } ?? true
        case "properties":
            return value.object.map { object in
                object.members.allSatisfy { member in operand[member.key].map { accepts(member.value, $0) } ?? true }
            } ?? true
        case "additionalProperties":
            let declared = Set(schema["properties"]?.object?.keys ?? [])
            return value.object.map { object in
                object.members.allSatisfy { declared.contains($0.key) || accepts($0.value, operand) }
            } ?? true
        case "minProperties": return value.object.map { Double($0.count) >= bound } ?? true
        case "maxProperties": return value.object.map { Double($0.count) <= bound } ?? true
        case "items": return value.array.map { $0.allSatisfy { accepts($0, operand) } } ?? true
        case "minItems": return value.array.map { Double($0.count) >= bound } ?? true
        case "maxItems": return value.array.map { Double($0.count) <= bound } ?? true
        case "minLength": return value.string.map { Double($0.unicodeScalars.count) >= bound } ?? true
        case "maxLength": return value.string.map { Double($0.unicodeScalars.count) <= bound } ?? true
        case "minimum": return number.map { $0.double >= bound } ?? true
        case "maximum": return number.map { $0.double <= bound } ?? true
        case "exclusiveMinimum": return number.map { $0.double > bound } ?? true
        case "exclusiveMaximum": return number.map { $0.double < bound } ?? true
        case "multipleOf": return number.map { ($0.double / bound).rounded() == $0.double / bound } ?? true
        case "allOf": return (operand.array ?? []).allSatisfy { accepts(value, $0) }
        case "anyOf": return (operand.array ?? []).contains { accepts(value, $0) }
        case "oneOf": return (operand.array ?? []).count { accepts(value, $0) } == 1
        case "not": return !accepts(value, operand)
        case "$ref": return accepts(value, ColumnRules.resolve(operand.string ?? "", in: root) ?? .bool(false))
        default: return true
        }
    }

    private func names(_ value: JSONValue) -> [String] { (value.array ?? []).compactMap(\.string) }

    private func isType(_ value: JSONValue, _ name: String) -> Bool {
        switch (name, value) {
        case ("null", .null), ("boolean", .bool), ("string", .string), ("array", .array), ("object", .object): true
        case ("number", _): SchemaValue.number(value) != nil
        case ("integer", _): SchemaValue.number(value)?.isWhole ?? false
        default: false
        }
    }
}
