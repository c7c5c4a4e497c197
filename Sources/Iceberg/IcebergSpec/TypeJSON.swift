import JSONFormat

/// Specification: "Appendix C: JSON serialization", schemas.
extension IcebergType: CustomStringConvertible {
    /// The name of a primitive type: `decimal(9, 2)`, `fixed[16]`, `timestamptz`; JSON for a nested one.
    public var description: String {
        switch self {
        case .boolean: "boolean"
        case .int: "int"
        case .long: "long"
        case .float: "float"
        case .double: "double"
        case .decimal(let precision, let scale): "decimal(\(precision), \(scale))"
        case .date: "date"
        case .time: "time"
        case .timestamp: "timestamp"
        case .timestamptz: "timestamptz"
        case .timestampNanos: "timestamp_ns"
        case .timestamptzNanos: "timestamptz_ns"
        case .string: "string"
        case .uuid: "uuid"
        case .fixed(let length): "fixed[\(length)]"
        case .binary: "binary"
        case .unknown: "unknown"
        case .variant: "variant"
        case .geometry(let crs): crs.map { "geometry(\($0))" } ?? "geometry"
        case .geography(let crs, let algorithm): Self.geographyName(crs, algorithm)
        case .structure, .list, .map: json.serializedString()
        }
    }

    private static func geographyName(_ crs: String?, _ algorithm: String?) -> String {
        switch (crs, algorithm) {
        case (nil, nil): "geography"
        case (let crs?, nil): "geography(\(crs))"
        case (let crs, let algorithm?): "geography(\(crs ?? "OGC:CRS84"), \(algorithm))"
        }
    }

    public var json: JSONValue {
        switch self {
        case .structure(let fields):
            return .object(
                JSONObject([
                    JSONObject.Member(key: "type", value: "struct"),
                    JSONObject.Member(key: "fields", value: .array(fields.map(\.json))),
                ]))
        case .list(let list):
            return [
                "type": "list", "element-id": JSONValue(list.elementID), "element": list.element.json,
                "element-required": JSONValue(list.elementRequired),
            ]
        case .map(let map):
            return [
                "type": "map", "key-id": JSONValue(map.keyID), "key": map.key.json, "value-id": JSONValue(map.valueID),
                "value": map.value.json, "value-required": JSONValue(map.valueRequired),
            ]
        default: return .string(description)
        }
    }

    public init(json: JSONValue) throws(IcebergError) {
        try self.init(JSONReader(json), ids: .given)
    }

    /// Whether ids must be there, or are made up where they are missing.
    enum IDs {
        case given
        case relaxed
    }

    init(_ reader: JSONReader, ids: IDs, depth: Int = 1) throws(IcebergError) {
        guard depth <= Limits.typeDepthMax else {
            throw reader.fail("types nest deeper than \(Limits.typeDepthMax) levels", code: .limitExceeded)
        }
        if let name = reader.value.string {
            guard let type = try Self.primitive(name, reader) else {
                throw reader.fail("\"\(name.prefix(80))\" is no type of Iceberg")
            }
            self = type
            return
        }
        let kind = try reader.member("type")
        switch try kind.string() {
        case "struct":
            self = .structure(try NestedField.list(reader.member("fields"), ids: ids, depth: depth + 1))
        case "list":
            self = .list(
                ListType(
                    elementID: try Self.id("element-id", reader, ids),
                    element: try IcebergType(reader.member("element"), ids: ids, depth: depth + 1),
                    elementRequired: try Self.required("element-required", reader, ids)))
        case "map":
            self = .map(
                MapType(
                    keyID: try Self.id("key-id", reader, ids),
                    key: try IcebergType(reader.member("key"), ids: ids, depth: depth + 1),
                    valueID: try Self.id("value-id", reader, ids),
                    value: try IcebergType(reader.member("value"), ids: ids, depth: depth + 1),
                    valueRequired: try Self.required("value-required", reader, ids)))
        case let other: throw kind.fail("expected struct, list or map, found \"\(other.prefix(80))\"")
        }
    }

    /// A missing id becomes -1 when relaxed: no field may keep it.
    static func id(_ key: String, _ reader: JSONReader, _ ids: IDs) throws(IcebergError) -> Int {
        if case .relaxed = ids { return try reader.optional(key)?.int() ?? -1 }
        return try reader.member(key).int()
    }

    static func required(_ key: String, _ reader: JSONReader, _ ids: IDs) throws(IcebergError) -> Bool {
        if case .relaxed = ids { return try reader.optional(key)?.bool() ?? false }
        return try reader.member(key).bool()
    }

    private static func primitive(_ name: String, _ reader: JSONReader) throws(IcebergError) -> IcebergType? {
        switch name.lowercased() {
        case "boolean": return .boolean
        case "int": return .int
        case "long": return .long
        case "float": return .float
        case "double": return .double
        case "date": return .date
        case "time": return .time
        case "timestamp": return .timestamp
        case "timestamptz": return .timestamptz
        case "timestamp_ns": return .timestampNanos
        case "timestamptz_ns": return .timestamptzNanos
        case "string": return .string
        case "uuid": return .uuid
        case "binary": return .binary
        case "unknown": return .unknown
        case "variant": return .variant
        case "geometry": return .geometry(crs: nil)
        case "geography": return .geography(crs: nil, algorithm: nil)
        default: return try parameterized(name, reader)
        }
    }

    private static func parameterized(_ name: String, _ reader: JSONReader) throws(IcebergError) -> IcebergType? {
        guard let open = name.firstIndex(where: { $0 == "(" || $0 == "[" }), let close = name.last else { return nil }
        let within = name[name.index(after: open)...].dropLast()
        let parameters = within.split(separator: ",", omittingEmptySubsequences: false).map { Self.trim($0) }
        switch (name[..<open].lowercased(), name[open], close, parameters.count) {
        case ("decimal", "(", ")", 2):
            guard let precision = Int(parameters[0]), let scale = Int(parameters[1]),
                (1...Limits.decimalPrecisionMax).contains(precision), (0...precision).contains(scale)
            else { throw reader.fail("\(name): precision must be 1 to 38 and scale 0 to the precision") }
            return .decimal(precision: precision, scale: scale)
        case ("fixed", "[", "]", 1):
            guard let length = Int(parameters[0]), (0...Limits.fixedLengthMax).contains(length) else {
                throw reader.fail("\(name): the length must be 0 to \(Limits.fixedLengthMax)")
            }
            return .fixed(length)
        case ("geometry", "(", ")", 1) where !parameters[0].isEmpty: return .geometry(crs: parameters[0])
        case ("geography", "(", ")", 1) where !parameters[0].isEmpty:
            return .geography(crs: parameters[0], algorithm: nil)
        case ("geography", "(", ")", 2) where !parameters[0].isEmpty:
            return .geography(crs: parameters[0], algorithm: parameters[1])
        default: return nil
        }
    }

    private static func trim(_ text: Substring) -> String {
        String(text.drop(while: { $0 == " " }).reversed().drop(while: { $0 == " " }).reversed())
    }
}

extension NestedField {
    public var json: JSONValue {
        var builder = JSONBuilder()
        builder.set("id", id)
        builder.set("name", name)
        builder.set("required", JSONValue(required))
        builder.set("type", type.json)
        builder.set("doc", doc)
        builder.set("initial-default", initialDefault)
        builder.set("write-default", writeDefault)
        return builder.value
    }

    public init(json: JSONValue) throws(IcebergError) {
        try self.init(JSONReader(json), ids: .given, depth: 1)
    }

    static func list(
        _ reader: JSONReader, ids: IcebergType.IDs, depth: Int
    ) throws(IcebergError) -> [NestedField] {
        try reader.map(max: Limits.schemaFieldsMax) { element throws(IcebergError) in
            try NestedField(element, ids: ids, depth: depth)
        }
    }

    init(_ reader: JSONReader, ids: IcebergType.IDs, depth: Int) throws(IcebergError) {
        let name = try reader.member("name")
        let type = try IcebergType(reader.member("type"), ids: ids, depth: depth)
        self.init(
            id: try IcebergType.id("id", reader, ids), name: try name.string(),
            required: try IcebergType.required("required", reader, ids), type: type,
            doc: try reader.optional("doc")?.string(),
            initialDefault: try Self.defaultValue("initial-default", reader, type),
            writeDefault: try Self.defaultValue("write-default", reader, type))
    }

    private static func defaultValue(
        _ key: String, _ reader: JSONReader, _ type: IcebergType
    ) throws(IcebergError) -> JSONValue? {
        guard let value = try reader.optional(key) else { return nil }
        try type.checkDefault(value)
        return value.value
    }
}
