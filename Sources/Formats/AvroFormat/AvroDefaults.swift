import JSONFormat

extension AvroValue {
    /// The default of a field, as its schema writes it. Bytes and fixed are text whose characters are the bytes; a union's
    /// is of the first branch that it fits.
    ///
    /// - Throws: `.invalidSchema` when it is no value of the type.
    init(default json: JSONValue, of type: AvroSchema) throws(AvroError) {
        guard let value = try Self.simpleDefault(json, type) else {
            throw AvroError(.invalidSchema, "a default is \(json.kind), its type \(type.kind)")
        }
        self = value
    }

    private static func simpleDefault(_ json: JSONValue, _ type: AvroSchema) throws(AvroError) -> AvroValue? {
        switch type {
        case .null: return json.isNull ? .null : nil
        case .boolean: return json.bool.map { .boolean($0) }
        case .int: return json.integer.flatMap { Int32(exactly: $0) }.map { .int($0) }
        case .long: return json.integer.map { .long($0) }
        case .float: return json.double.map { .float(Float($0)) }
        case .double: return json.double.map { .double($0) }
        case .string: return json.string.map { .string($0) }
        case .bytes: return json.string.flatMap(bytes).map { .bytes($0) }
        case .fixed(_, let size, _):
            return json.string.flatMap(bytes).flatMap { $0.count == size ? .fixed($0) : nil }
        case .enumeration(let enumeration):
            return json.string.flatMap { enumeration.symbols.contains($0) ? .enumeration($0) : nil }
        case .array, .map, .record, .union: return try compoundDefault(json, type)
        }
    }

    private static func compoundDefault(_ json: JSONValue, _ type: AvroSchema) throws(AvroError) -> AvroValue? {
        switch type {
        case .array(let array):
            guard let items = json.array else { return nil }
            var values: [AvroValue] = []
            for item in items { values.append(try AvroValue(default: item, of: array.element)) }
            return .array(values)
        case .map(let valueType, _, _):
            guard let object = json.object else { return nil }
            var entries: [AvroMapEntry] = []
            for member in object.members {
                entries.append(AvroMapEntry(member.key, try AvroValue(default: member.value, of: valueType)))
            }
            return .map(entries)
        case .record(let record):
            guard let object = json.object else { return nil }
            var values: [AvroValue] = []
            for field in record.fields {
                guard let value = object[field.name] ?? field.defaultValue else {
                    throw AvroError(.invalidSchema, "a default of \(record.name.full) has no \(field.name)")
                }
                values.append(try AvroValue(default: value, of: field.type))
            }
            return .record(values)
        case .union(let branches):
            for branch in branches {
                if let value = try simpleDefault(json, branch) { return value }
            }
            return nil
        default: return nil
        }
    }

    private static func bytes(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            guard let byte = UInt8(exactly: scalar.value) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }
}
