import JSONFormat

/// A schema for what samples have in common: their top-level members and the types of these.
///
/// A member that every sample has is required. Strings that all are date-times or dates get that format.
package struct SchemaInference: Sendable {
    fileprivate struct Member {
        var types: [String] = []
        var count = 0
        var formats: Set<StringFormat>?
    }

    private var order: [String] = []
    private var members: [String: Member] = [:]
    private var samples = 0

    package init() {}

    /// Counts `sample` in, if it is an object; of its members those beyond the first `SchemaLimits.columnsMax` are left out.
    package mutating func add(_ sample: JSONValue) {
        guard let object = sample.object else { return }
        samples += 1
        // Of a member that is given twice the last one counts.
        let values = Dictionary(object.members.map { ($0.key, $0.value) }, uniquingKeysWith: { _, last in last })
        var seen: Set<String> = []
        for key in object.keys where seen.insert(key).inserted {
            guard let value = values[key] else { continue }
            if members[key] == nil {
                guard members.count < SchemaLimits.columnsMax else { continue }
                members[key] = Member()
                order.append(key)
            }
            members[key]?.note(value)
        }
    }

    package var schema: JSONValue {
        var properties = JSONObject()
        for key in order { properties[key] = members[key]?.schema }
        let required = order.filter { members[$0]?.count == samples }.map { JSONValue.string($0) }
        var schema = JSONObject()
        schema["type"] = "object"
        schema["properties"] = .object(properties)
        if !required.isEmpty { schema["required"] = .array(required) }
        return .object(schema)
    }

    /// The schema of one value: its type alone, since one value says nothing of the others.
    package static func schema(of value: JSONValue) -> JSONValue { ["type": .string(typeName(value))] }

    /// The same of a value in `text`.
    static func schema(of node: JSONTape.Node, in text: UnsafeRawBufferPointer) -> JSONValue {
        let name =
            switch node.kind {
            case .null: "null"
            case .true, .false: "boolean"
            case .integer:
                if case .integer = JSONText.number(node, text) { "integer" } else { "number" }
            case .number: "number"
            case .string: "string"
            case .array: "array"
            case .object: "object"
            }
        return ["type": .string(name)]
    }

    fileprivate static func typeName(_ value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool: "boolean"
        case .integer: "integer"
        // Written with a fraction or an exponent, or beyond 64 bits: a column of longs would not hold the next one.
        case .unsigned, .double: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

extension SchemaInference.Member {
    fileprivate mutating func note(_ value: JSONValue) {
        count += 1
        let name = SchemaInference.typeName(value)
        if name == "number" { types.removeAll { $0 == "integer" } }
        if !types.contains(name), !(name == "integer" && types.contains("number")) { types.append(name) }
        guard let text = value.string else { return }
        let fitting = Set([StringFormat.dateTime, .date]).filter { format in
            Array(text.utf8).withUnsafeBytes { format.accepts($0) }
        }
        formats = formats?.intersection(fitting) ?? fitting
    }

    fileprivate var schema: JSONValue {
        var schema = JSONObject()
        schema["type"] = types.count == 1 ? .string(types[0]) : .array(types.map { .string($0) })
        if let format = formats?.first { schema["format"] = .string(format.rawValue) }
        return .object(schema)
    }
}
