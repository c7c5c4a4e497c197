import JSONFormat

extension AvroSchema {
    /// The schema as JSON. A named type is written where it is first used and referred to by name after that.
    public var json: JSONValue {
        var writing = AvroSchemaWriting()
        return json(&writing)
    }

    fileprivate func json(_ writing: inout AvroSchemaWriting) -> JSONValue {
        switch self {
        case .null: return "null"
        case .boolean: return "boolean"
        case .float: return "float"
        case .double: return "double"
        case .int(let logical): return Self.primitive("int", logical)
        case .long(let logical): return Self.primitive("long", logical)
        case .bytes(let logical): return Self.primitive("bytes", logical)
        case .string(let logical): return Self.primitive("string", logical)
        case .fixed(let name, let size, let logical):
            guard writing.define(name, self) else { return .string(name.full) }
            var object = name.object(of: "fixed", in: writing.namespace)
            object["size"] = JSONValue(size)
            logical?.write(to: &object)
            return .object(object)
        case .enumeration(let enumeration):
            guard writing.define(enumeration.name, self) else { return .string(enumeration.name.full) }
            var object = enumeration.name.object(of: "enum", in: writing.namespace)
            object["symbols"] = .array(enumeration.symbols.map { .string($0) })
            if let symbol = enumeration.defaultSymbol { object["default"] = .string(symbol) }
            return .object(object)
        case .array(let array):
            var object = JSONObject([.init(key: "type", value: "array")])
            object["items"] = array.element.json(&writing)
            if let id = array.elementID { object["element-id"] = JSONValue(id) }
            if array.isMap { object["logicalType"] = "map" }
            return .object(object)
        case .map(let values, let keyID, let valueID):
            var object = JSONObject([.init(key: "type", value: "map")])
            object["values"] = values.json(&writing)
            if let keyID { object["key-id"] = JSONValue(keyID) }
            if let valueID { object["value-id"] = JSONValue(valueID) }
            return .object(object)
        case .union(let branches):
            var list: [JSONValue] = []
            for branch in branches { list.append(branch.json(&writing)) }
            return .array(list)
        case .record(let record):
            guard writing.define(record.name, self) else { return .string(record.name.full) }
            var object = record.name.object(of: "record", in: writing.namespace)
            let outer = writing.namespace
            writing.namespace = record.name.namespace
            var fields: [JSONValue] = []
            for field in record.fields { fields.append(field.json(&writing)) }
            writing.namespace = outer
            object["fields"] = .array(fields)
            return .object(object)
        }
    }

    private static func primitive(_ name: String, _ logical: AvroLogicalType?) -> JSONValue {
        guard let logical else { return .string(name) }
        var object = JSONObject([.init(key: "type", value: .string(name))])
        logical.write(to: &object)
        return .object(object)
    }

}

/// What a schema being written has defined so far.
private struct AvroSchemaWriting {
    private var defined: [String: AvroSchema] = [:]
    /// That of the record around.
    var namespace = ""

    /// Whether the type must be written out here: when it is new, or not the one that its name means here. (Writers exist
    /// that define a name twice.)
    mutating func define(_ name: AvroName, _ type: AvroSchema) -> Bool {
        let isHidden = name.namespace.isEmpty && !namespace.isEmpty
        guard defined[name.full] != type || isHidden else { return false }
        defined[name.full] = type
        return true
    }
}

extension AvroName {
    fileprivate func object(of type: String, in outer: String) -> JSONObject {
        var object = JSONObject([.init(key: "type", value: .string(type)), .init(key: "name", value: .string(full))])
        // A name without dots takes the namespace around it.
        if !full.contains("."), !outer.isEmpty { object["namespace"] = "" }
        if !aliases.isEmpty { object["aliases"] = .array(aliases.map { .string($0) }) }
        return object
    }
}

extension AvroField {
    fileprivate func json(_ writing: inout AvroSchemaWriting) -> JSONValue {
        var object = JSONObject([.init(key: "name", value: .string(name))])
        object["type"] = type.json(&writing)
        if let doc { object["doc"] = .string(doc) }
        if !aliases.isEmpty { object["aliases"] = .array(aliases.map { .string($0) }) }
        if let defaultValue { object["default"] = defaultValue }
        if let fieldID { object["field-id"] = JSONValue(fieldID) }
        return .object(object)
    }
}

extension AvroLogicalType {
    fileprivate func write(to object: inout JSONObject) {
        object["logicalType"] = .string(name)
        switch self {
        case .timestampMicros(let toUTC), .timestampNanos(let toUTC): object["adjust-to-utc"] = .bool(toUTC)
        case .decimal(let precision, let scale):
            object["precision"] = JSONValue(precision)
            object["scale"] = JSONValue(scale)
        default: break
        }
    }
}
