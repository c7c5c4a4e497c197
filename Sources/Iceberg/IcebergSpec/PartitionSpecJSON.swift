import JSONFormat

/// Specification: "Appendix C: JSON serialization", partition specs and sort orders.
extension PartitionField {
    public var json: JSONValue {
        var builder = JSONBuilder()
        builder.setSources(sourceIDs)
        builder.set("field-id", fieldID)
        builder.set("name", name)
        builder.set("transform", transform.description)
        return builder.value
    }
}

extension JSONBuilder {
    /// `source-id` for one column, `source-ids` for several.
    mutating func setSources(_ ids: [Int]) {
        if ids.count == 1 {
            set("source-id", ids[0])
        } else {
            set("source-ids", .array(ids.map { JSONValue($0) }))
        }
    }
}

extension JSONReader {
    func sources() throws(IcebergError) -> [Int] {
        if let list = try optional("source-ids") {
            let ids = try list.map(max: Limits.partitionFieldsMax) { id throws(IcebergError) in try id.int() }
            guard !ids.isEmpty else { throw list.fail("needs at least one column id") }
            return ids
        }
        return [try member("source-id").int()]
    }

    func transform() throws(IcebergError) -> Transform {
        let text = try member("transform")
        do {
            return try Transform(text.string())
        } catch {
            throw IcebergError(error.code, error.message, path: text.path)
        }
    }
}

extension UnboundPartitionSpec.Field {
    init(_ reader: JSONReader) throws(IcebergError) {
        self.init(
            sourceIDs: try reader.sources(), fieldID: try reader.optional("field-id")?.int(),
            name: try reader.member("name").string(), transform: try reader.transform())
    }

    var json: JSONValue {
        var builder = JSONBuilder()
        builder.setSources(sourceIDs)
        builder.set("field-id", fieldID)
        builder.set("name", name)
        builder.set("transform", transform.description)
        return builder.value
    }
}

extension UnboundPartitionSpec {
    public init(json: JSONValue) throws(IcebergError) {
        try self.init(JSONReader(json))
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        self.init(
            id: try reader.optional("spec-id")?.int(), fields: try Self.fields(reader.member("fields")))
    }

    static func fields(_ reader: JSONReader) throws(IcebergError) -> [Field] {
        try reader.map(max: Limits.partitionFieldsMax) { field throws(IcebergError) in try Field(field) }
    }

    /// Reads the spec of a create request: the standard object, or a bare list of its fields.
    public init(relaxed json: JSONValue) throws(IcebergError) {
        let reader = JSONReader(json)
        if json.array != nil {
            self.init(fields: try Self.fields(reader))
        } else {
            try self.init(reader)
        }
    }

    public var json: JSONValue {
        var builder = JSONBuilder()
        builder.set("spec-id", specID)
        builder.set("fields", .array(fields.map(\.json)))
        return builder.value
    }
}

extension PartitionSpec {
    public var json: JSONValue { ["spec-id": JSONValue(specID), "fields": fieldsJSON] }

    /// The list of fields alone: `partition-spec` of version 1 and of manifest files.
    public var fieldsJSON: JSONValue { .array(fields.map(\.json)) }

    public init(json: JSONValue) throws(IcebergError) {
        try self.init(JSONReader(json))
    }

    /// Reads a bare list of fields: `partition-spec` of version 1 and of manifest files.
    public init(fieldsJSON: JSONValue, id: Int) throws(IcebergError) {
        try self.init(fields: JSONReader(fieldsJSON), id: id)
    }

    /// Reads either form; fields without an id are numbered from 1000 on.
    public init(relaxed json: JSONValue) throws(IcebergError) {
        let unbound = try UnboundPartitionSpec(relaxed: json)
        try self.init(id: unbound.specID ?? 0, numbering: unbound.fields, JSONReader(json))
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        try self.init(fields: reader.member("fields"), id: reader.member("spec-id").int())
    }

    init(fields reader: JSONReader, id: Int) throws(IcebergError) {
        try self.init(id: id, numbering: UnboundPartitionSpec.fields(reader), reader)
    }

    /// Version 1 had no ids: fields without one are numbered in order.
    private init(id: Int, numbering fields: [UnboundPartitionSpec.Field], _ reader: JSONReader) throws(IcebergError) {
        var ids: Set<Int> = []
        var bound: [PartitionField] = []
        for (index, field) in fields.enumerated() {
            let fieldID = field.fieldID ?? Self.firstFieldID + index
            guard ids.insert(fieldID).inserted else {
                throw reader.fail("partition field id \(fieldID) is given twice", code: .invalid)
            }
            guard field.name.utf8.count <= Limits.nameBytesMax else {
                throw reader.fail("a name is longer than \(Limits.nameBytesMax) bytes", code: .limitExceeded)
            }
            bound.append(
                PartitionField(
                    sourceIDs: field.sourceIDs, fieldID: fieldID, name: field.name, transform: field.transform))
        }
        self.init(id: id, fields: bound)
    }
}

extension SortField {
    public var json: JSONValue {
        var builder = JSONBuilder()
        builder.set("transform", transform.description)
        builder.setSources(sourceIDs)
        builder.set("direction", direction.rawValue)
        builder.set("null-order", nullOrder.rawValue)
        return builder.value
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        let direction = try reader.member("direction")
        let nullOrder = try reader.member("null-order")
        guard let directionValue = Direction(rawValue: try direction.string().lowercased()) else {
            throw direction.fail("expected asc or desc")
        }
        guard let nullOrderValue = NullOrder(rawValue: try nullOrder.string().lowercased()) else {
            throw nullOrder.fail("expected nulls-first or nulls-last")
        }
        self.init(
            sourceIDs: try reader.sources(), transform: try reader.transform(), direction: directionValue,
            nullOrder: nullOrderValue)
    }
}

extension SortOrder {
    public var json: JSONValue {
        ["order-id": JSONValue(orderID), "fields": .array(fields.map(\.json))]
    }

    public init(json: JSONValue) throws(IcebergError) {
        try self.init(JSONReader(json))
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        let id = try reader.member("order-id").int()
        let fields = try reader.member("fields").map(max: Limits.partitionFieldsMax) { field throws(IcebergError) in
            try SortField(field)
        }
        guard (id == 0) == fields.isEmpty || (id != 0 && fields.isEmpty) else {
            throw reader.fail("order 0 means unsorted and has no fields", code: .invalid)
        }
        self.init(id: id, fields: fields)
    }
}
