import JSONFormat

/// What keywords say of values of one type, and which types and values fit at all.
extension SchemaDiff {
    static func types(_ schema: JSONObject) -> SchemaProgram.Types {
        var types = SchemaProgram.Types.all
        let named = schema["type"].map { $0.array ?? [$0] } ?? []
        if !named.isEmpty {
            types = named.reduce(into: []) { types, name in
                switch name.string {
                case "null": types.insert(.null)
                case "boolean": types.insert(.boolean)
                case "integer": types.insert(.integer)
                case "number": types.formUnion(.number)
                case "string": types.insert(.string)
                case "array": types.insert(.array)
                default: types.insert(.object)
                }
            }
        }
        if schema["nullable"] == .bool(true) { types.insert(.null) }
        guard let values = allowed(schema) else { return types }
        return values.reduce(into: []) { found, value in
            let type = self.type(of: value)
            if types.contains(type) { found.insert(type) }
        }
    }

    private static func type(of value: JSONValue) -> SchemaProgram.Types {
        switch value {
        case .null: .null
        case .bool: .boolean
        case .string: .string
        case .array: .array
        case .object: .object
        default: SchemaValue.number(value)?.isWhole == true ? .integer : .fraction
        }
    }

    static func allowed(_ schema: JSONObject) -> [JSONValue]? {
        schema["const"].map { [$0] } ?? schema["enum"]?.array
    }

    mutating func compareValues(_ source: JSONObject, _ target: JSONObject, _ pointer: String) {
        guard let read = Self.allowed(target) else { return }
        guard let written = Self.allowed(source) else {
            return note(pointer + "/enum", "only certain values fit any more")
        }
        let lost = written.filter { value in !read.contains { SchemaValue.isEqual($0, value) } }
        guard !lost.isEmpty else { return }
        let shown = lost.prefix(5).map { $0.serializedString() }.joined(separator: ", ")
        note(pointer + "/enum", "\(shown) fitted and does not fit any more")
    }

    /// Each bound of the reader must be met by one of the writer.
    mutating func compareBound(
        _ source: JSONObject, _ target: JSONObject, _ pointer: String, _ key: String, isLower: Bool,
        fallback: Double? = nil
    ) {
        guard let bound = target[key].flatMap({ SchemaValue.number($0) }) else { return }
        let written = source[key].flatMap { SchemaValue.number($0) } ?? fallback.map { .double($0) }
        if let written, isLower ? !(written < bound) : !(bound < written) { return }
        let before = written.map { "it was \($0)" } ?? "there was none"
        note("\(pointer)/\(key)", "\(bound) is narrower than before: \(before)")
    }

    mutating func compareNumbers(_ source: JSONObject, _ target: JSONObject, _ pointer: String) {
        compareBound(source, target, pointer, "minimum", isLower: true)
        compareBound(source, target, pointer, "exclusiveMinimum", isLower: true)
        compareBound(source, target, pointer, "maximum", isLower: false)
        compareBound(source, target, pointer, "exclusiveMaximum", isLower: false)
        guard let read = target["multipleOf"].flatMap({ SchemaValue.number($0) }) else { return }
        let written = source["multipleOf"].flatMap { SchemaValue.number($0) }
        guard written.map({ ValidationRun.isMultiple($0, of: read) }) ?? false else {
            return note(pointer + "/multipleOf", "not every number fits any more")
        }
    }

    mutating func compareStrings(_ source: JSONObject, _ target: JSONObject, _ pointer: String) {
        compareBound(source, target, pointer, "minLength", isLower: true, fallback: 0)
        compareBound(source, target, pointer, "maxLength", isLower: false)
        for key in ["pattern", "format"] {
            guard let read = target[key], source[key] != read else { continue }
            note("\(pointer)/\(key)", "strings must fit \(read.serializedString()), which they did not have to")
        }
    }

    mutating func compareArrays(_ source: JSONObject, _ target: JSONObject, _ pointer: String) {
        compareBound(source, target, pointer, "minItems", isLower: true, fallback: 0)
        compareBound(source, target, pointer, "maxItems", isLower: false)
        if let items = target["items"] { compare(source["items"] ?? .bool(true), items, pointer + "/items") }
    }

    mutating func compareObjects(_ source: JSONObject, _ target: JSONObject, _ pointer: String) {
        compareBound(source, target, pointer, "minProperties", isLower: true, fallback: 0)
        compareBound(source, target, pointer, "maxProperties", isLower: false)
        let written = Set((source["required"]?.array ?? []).compactMap(\.string))
        for name in (target["required"]?.array ?? []).compactMap(\.string) where !written.contains(name) {
            note(pointer + "/required", "\"\(name)\" is required and was not")
        }
        let sourceProperties = source["properties"]?.object ?? JSONObject()
        let targetProperties = target["properties"]?.object ?? JSONObject()
        let declared = Dictionary(sourceProperties.members.map { ($0.key, $0.value) }) { $1 }
        for property in targetProperties.members {
            guard let before = declared[property.key] ?? source["additionalProperties"], before.bool != true else {
                continue
            }
            compare(before, property.value, pointer + "/properties" + JSONPointer.step(property.key))
        }
        guard let additional = target["additionalProperties"], additional != .bool(true) else { return }
        let kept = Set(targetProperties.keys)
        for property in sourceProperties.members where !kept.contains(property.key) {
            let place = pointer + "/properties" + JSONPointer.step(property.key)
            if additional == .bool(false) {
                note(place, "is not declared any more, and what is not declared does not fit")
            } else {
                compare(property.value, additional, place)
            }
        }
        compare(source["additionalProperties"] ?? .bool(true), additional, pointer + "/additionalProperties")
    }
}
