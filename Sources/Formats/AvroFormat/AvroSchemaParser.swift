import JSONFormat

extension AvroSchema {
    /// Parses a schema as the header's `avro.schema` holds it.
    public init(json text: [UInt8]) throws(AvroError) {
        let json: JSONValue
        do {
            json = try JSONValue.parse(text)
        } catch {
            throw AvroError(.invalidSchema, "the schema is \(error)")
        }
        var parser = AvroSchemaParser()
        self = try parser.parse(json, namespace: "", depth: 0)
    }
}

private struct AvroSchemaParser {
    /// A completed named type and the types it is made of.
    struct Named {
        var type: AvroSchema
        var typeCount: Int
    }

    var named: [String: Named] = [:]
    /// Names whose definition has begun and not ended.
    var open: Set<String> = []
    var typeCount = 0

    func refuse(_ message: String) -> AvroError { AvroError(.invalidSchema, message) }

    mutating func count(_ types: Int) throws(AvroError) {
        typeCount += types
        guard typeCount <= AvroLimits.schemaTypesMax else {
            throw AvroError(.tooLarge, "the schema is made of more than \(AvroLimits.schemaTypesMax) types")
        }
    }

    mutating func parse(_ json: JSONValue, namespace: String, depth: Int) throws(AvroError) -> AvroSchema {
        guard depth <= AvroLimits.schemaDepthMax else {
            throw AvroError(.tooLarge, "the schema is nested deeper than \(AvroLimits.schemaDepthMax)")
        }
        switch json {
        case .string(let name): return try primitiveOrNamed(name, logical: nil, namespace: namespace)
        case .array(let branches):
            try count(1)
            guard !branches.isEmpty else { throw refuse("a union has no branch") }
            var types: [AvroSchema] = []
            for branch in branches {
                types.append(try parse(branch, namespace: namespace, depth: depth + 1))
            }
            return .union(types)
        case .object(let object): return try parseObject(object, namespace: namespace, depth: depth)
        default: throw refuse("a type is \(json.kind), not a name, an object or a list")
        }
    }

    mutating func primitiveOrNamed(
        _ name: String, logical: AvroLogicalType?, namespace: String
    ) throws(AvroError) -> AvroSchema {
        if let primitive = primitive(name, logical) {
            try count(1)
            // Unknown ones, and those of other types, are ignored, as the specification asks.
            if let logical, !logical.annotates(primitive) { return self.primitive(name, nil) ?? primitive }
            return primitive
        }
        let full = qualified(name, namespace)
        guard let found = named[full] ?? named[name] else {
            throw refuse(
                open.contains(full)
                    ? "the type \(full) contains itself, which is not supported" : "unknown type \(name)")
        }
        try count(found.typeCount)
        return found.type
    }

    func primitive(_ name: String, _ logical: AvroLogicalType?) -> AvroSchema? {
        switch name {
        case "null": .null
        case "boolean": .boolean
        case "int": .int(logical)
        case "long": .long(logical)
        case "float": .float
        case "double": .double
        case "bytes": .bytes(logical)
        case "string": .string(logical)
        default: nil
        }
    }

    mutating func parseObject(
        _ object: JSONObject, namespace: String, depth: Int
    ) throws(AvroError) -> AvroSchema {
        guard let type = object["type"] else { throw refuse("a type object has no \"type\"") }
        guard let kind = type.string else {
            return try parse(type, namespace: namespace, depth: depth + 1)
        }
        switch kind {
        case "record", "error": return try parseRecord(object, namespace: namespace, depth: depth)
        case "enum": return try parseEnum(object, namespace: namespace)
        case "fixed": return try parseFixed(object, namespace: namespace)
        case "array":
            guard let items = object["items"] else { throw refuse("an array has no items") }
            try count(1)
            let element = try parse(items, namespace: namespace, depth: depth + 1)
            return .array(
                AvroArraySchema(
                    element, elementID: id(object, "element-id"), isMap: object["logicalType"]?.string == "map"))
        case "map":
            guard let values = object["values"] else { throw refuse("a map has no values") }
            try count(1)
            return .map(
                values: try parse(values, namespace: namespace, depth: depth + 1), keyID: id(object, "key-id"),
                valueID: id(object, "value-id"))
        default: return try primitiveOrNamed(kind, logical: logicalType(object), namespace: namespace)
        }
    }

    mutating func parseEnum(_ object: JSONObject, namespace: String) throws(AvroError) -> AvroSchema {
        let symbols = (object["symbols"]?.array ?? []).compactMap(\.string)
        guard !symbols.isEmpty else { throw refuse("an enum has no symbols") }
        try count(1)
        let name = try fullName(object, namespace: namespace)
        let defaultSymbol = object["default"]?.string
        guard defaultSymbol.map(symbols.contains) ?? true else {
            throw refuse("the default of the enum \(name.full) is none of its symbols")
        }
        return define(
            name, .enumeration(AvroEnumSchema(name: name, symbols: symbols, defaultSymbol: defaultSymbol)),
            typeCount: 1)
    }

    mutating func parseFixed(_ object: JSONObject, namespace: String) throws(AvroError) -> AvroSchema {
        guard let size = object["size"]?.integer, size >= 0, size <= Int64(Int32.max) else {
            throw refuse("a fixed type has no valid size")
        }
        try count(1)
        let name = try fullName(object, namespace: namespace)
        let plain = AvroSchema.fixed(name: name, size: Int(size), nil)
        let logical = logicalType(object).flatMap { $0.annotates(plain) ? $0 : nil }
        return define(name, .fixed(name: name, size: Int(size), logical), typeCount: 1)
    }

    mutating func parseRecord(
        _ object: JSONObject, namespace: String, depth: Int
    ) throws(AvroError) -> AvroSchema {
        let name = try fullName(object, namespace: namespace)
        let inner = name.namespace
        guard let list = object["fields"]?.array else { throw refuse("the record \(name.full) has no fields") }
        guard open.insert(name.full).inserted else { throw refuse("the type \(name.full) is defined within itself") }
        defer { open.remove(name.full) }
        let before = typeCount
        try count(1)
        var fields: [AvroField] = []
        for item in list {
            guard let fieldName = item["name"]?.string, let type = item["type"], let field = item.object else {
                throw refuse("a field of \(name.full) has no name or no type")
            }
            var parsed = AvroField(
                fieldName, try parse(type, namespace: inner, depth: depth + 1), id: id(field, "field-id"),
                doc: item["doc"]?.string, aliases: strings(field, "aliases"))
            parsed.defaultValue = field["default"]
            fields.append(parsed)
        }
        let record = AvroSchema.record(AvroRecordSchema(name: name, fields: fields))
        return define(name, record, typeCount: typeCount - before)
    }

    mutating func define(_ name: AvroName, _ type: AvroSchema, typeCount: Int) -> AvroSchema {
        // Some writers repeat the definition of a record they have used before; the newest counts.
        named[name.full] = Named(type: type, typeCount: typeCount)
        return type
    }

    func fullName(_ object: JSONObject, namespace: String) throws(AvroError) -> AvroName {
        guard let name = object["name"]?.string, !name.isEmpty else { throw refuse("a named type has no name") }
        let space = object["namespace"]?.string ?? namespace
        let full = qualified(name, space)
        // Aliases are relative to the namespace of the name they stand for.
        let own = AvroName(full).namespace
        return AvroName(full, aliases: strings(object, "aliases").map { qualified($0, own) })
    }

    func qualified(_ name: String, _ namespace: String) -> String {
        name.contains(".") || namespace.isEmpty ? name : "\(namespace).\(name)"
    }

    func strings(_ object: JSONObject, _ key: String) -> [String] {
        (object[key]?.array ?? []).compactMap(\.string)
    }

    func id(_ object: JSONObject, _ key: String) -> Int32? {
        object[key]?.integer.flatMap { Int32(exactly: $0) }
    }

    /// Nil for unknown logical types and invalid decimals.
    func logicalType(_ object: JSONObject) -> AvroLogicalType? {
        let toUTC = object["adjust-to-utc"]?.bool ?? false
        switch object["logicalType"]?.string {
        case "date": return .date
        case "time-millis": return .timeMillis
        case "time-micros": return .timeMicros
        case "local-timestamp-millis": return .localTimestampMillis
        case "local-timestamp-micros": return .localTimestampMicros
        case "local-timestamp-nanos": return .localTimestampNanos
        case "duration": return .duration
        case "timestamp-micros": return .timestampMicros(adjustToUTC: toUTC)
        case "timestamp-nanos": return .timestampNanos(adjustToUTC: toUTC)
        case "timestamp-millis": return .timestampMillis
        case "uuid": return .uuid
        case "decimal":
            let scale = object["scale"]?.integer ?? 0
            guard let precision = object["precision"]?.integer, (1...1000).contains(precision),
                (0...precision).contains(scale)
            else { return nil }
            return .decimal(precision: Int(precision), scale: Int(scale))
        default: return nil
        }
    }
}
