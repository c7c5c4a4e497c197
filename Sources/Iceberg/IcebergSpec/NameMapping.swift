import JSONFormat

/// Field ids for data files that have none, by the names of their columns (specification: "Column Projection", table
/// property `schema.name-mapping.default`).
public struct NameMapping: Hashable, Sendable {
    /// What one column of a file is, at its level.
    public struct Field: Hashable, Sendable {
        /// Nil for a column of files that the table does not have.
        public var fieldID: Int?
        /// Each may contain dots: they are part of the name. Empty for a column that no such file has.
        public var names: [String]
        /// Of a struct its fields, of a list `element`, of a map `key` and `value`.
        public var fields: [Field]

        public init(fieldID: Int?, names: [String], fields: [Field] = []) {
            self.fieldID = fieldID
            self.names = names
            self.fields = fields
        }

        /// The field within this one that has the name.
        public func field(named name: String) -> Field? { fields.first { $0.names.contains(name) } }
    }

    /// The table property that holds the mapping.
    public static let property = "schema.name-mapping.default"

    public let fields: [Field]
    /// Places of the outermost fields by name: files may have thousands of columns.
    private let places: [String: Int]

    /// - Throws: `.invalid` for a name given twice at one level, or an id given twice; `.limitExceeded`.
    public init(fields: [Field]) throws(IcebergError) {
        var ids: Set<Int> = []
        var count = 0
        try Self.check(fields, depth: 1, ids: &ids, count: &count)
        self.init(trusted: fields)
    }

    /// Every field by its present name.
    public init(schema: Schema) {
        self.init(trusted: schema.fields.map { Self.mapping(of: $0) })
    }

    private init(trusted fields: [Field]) {
        self.fields = fields
        let places = fields.enumerated().flatMap { field in field.element.names.map { ($0, field.offset) } }
        self.places = Dictionary(places) { first, _ in first }
    }

    /// The column of the table that has the name. Constant time.
    public func field(named name: String) -> Field? { places[name].map { fields[$0] } }

    /// The field reached by the names of a file's columns from the outermost inwards: `["items", "element", "price"]`.
    public func field(path: [String]) -> Field? {
        guard let first = path.first, var found = field(named: first) else { return nil }
        for name in path.dropFirst() {
            guard let next = found.field(named: name) else { return nil }
            found = next
        }
        return found
    }

    /// The mapping after a change of the schema: a renamed field keeps its old names, an added one is mapped by its
    /// name, and a name goes to the field that got it last. Dropped fields stay, so that their columns in old files
    /// are taken for no other.
    public func updated(from old: Schema, to new: Schema) -> NameMapping {
        NameMapping(trusted: Self.update(fields, new.fields, old))
    }

    private static func update(_ mapped: [Field], _ fields: [NestedField], _ old: Schema) -> [Field] {
        var assigned: [String: Int] = [:]
        for field in fields where old.field(id: field.id)?.name != field.name { assigned[field.name] = field.id }
        let known = Set(mapped.compactMap(\.fieldID))
        var result = mapped.map { mapping -> Field in
            var mapping = mapping
            mapping.names.removeAll { name in assigned[name].map { $0 != mapping.fieldID } ?? false }
            guard let id = mapping.fieldID, let field = fields.first(where: { $0.id == id }) else { return mapping }
            if assigned[field.name] == id, !mapping.names.contains(field.name) { mapping.names.append(field.name) }
            mapping.fields = update(mapping.fields, field.type.children, old)
            return mapping
        }
        for field in fields where !known.contains(field.id) { result.append(Self.mapping(of: field)) }
        return result
    }

    private static func mapping(of field: NestedField) -> Field {
        Field(fieldID: field.id, names: [field.name], fields: field.type.children.map { mapping(of: $0) })
    }

    private static func check(
        _ fields: [Field], depth: Int, ids: inout Set<Int>, count: inout Int
    ) throws(IcebergError) {
        guard !fields.isEmpty else { return }
        count += fields.count
        guard depth <= Limits.typeDepthMax, count <= Limits.schemaFieldsMax else {
            throw IcebergError(
                .limitExceeded,
                "the name mapping is deeper than \(Limits.typeDepthMax) or has more than \(Limits.schemaFieldsMax) fields"
            )
        }
        var names: Set<String> = []
        for field in fields {
            for name in field.names where !names.insert(name).inserted {
                throw IcebergError(.invalid, "the name mapping gives the name \"\(name.prefix(200))\" to two fields")
            }
            if let id = field.fieldID, !ids.insert(id).inserted {
                throw IcebergError(.invalid, "the name mapping gives the field id \(id) twice")
            }
            try check(field.fields, depth: depth + 1, ids: &ids, count: &count)
        }
    }
}

/// Specification: "Appendix C: JSON serialization", name mapping.
extension NameMapping {
    public var json: JSONValue { .array(fields.map(\.json)) }

    /// The value of the table property.
    public var text: String { json.serializedString() }

    /// Reads the value of the table property.
    public init(text: String) throws(IcebergError) {
        let json: JSONValue
        do { json = try JSONValue.parse(text, depthLimit: Limits.jsonDepthMax) } catch { throw IcebergError(error) }
        try self.init(json: json)
    }

    /// Reads a list of fields, or an object with `fields` as some writers make it.
    public init(json: JSONValue) throws(IcebergError) {
        let reader = JSONReader(json)
        let list = json.array == nil ? try reader.member("fields") : reader
        try self.init(fields: Self.fields(list, depth: 1))
    }

    private static func fields(_ reader: JSONReader, depth: Int) throws(IcebergError) -> [Field] {
        guard depth <= Limits.typeDepthMax else {
            throw reader.fail("fields nest deeper than \(Limits.typeDepthMax) levels", code: .limitExceeded)
        }
        return try reader.map(max: Limits.schemaFieldsMax) { field throws(IcebergError) in
            let names = try field.member("names").map(max: Limits.schemaFieldsMax) { name throws(IcebergError) in
                try name.string()
            }
            return Field(
                fieldID: try field.optional("field-id")?.int(), names: names,
                fields: try field.optional("fields").map { list throws(IcebergError) in
                    try fields(list, depth: depth + 1)
                } ?? [])
        }
    }
}

extension NameMapping.Field {
    var json: JSONValue {
        var builder = JSONBuilder()
        builder.set("field-id", fieldID)
        builder.set("names", .array(names.map { JSONValue($0) }))
        if !fields.isEmpty { builder.set("fields", .array(fields.map(\.json))) }
        return builder.value
    }
}

extension TableMetadata {
    /// The mapping that the table's property gives; nil without one.
    ///
    /// - Throws: when the property is no mapping.
    public func nameMapping() throws(IcebergError) -> NameMapping? {
        guard let text = properties[NameMapping.property] else { return nil }
        do {
            return try NameMapping(text: text)
        } catch {
            throw IcebergError(error.code, error.message, path: "$.properties.\(NameMapping.property): \(error.path)")
        }
    }
}
