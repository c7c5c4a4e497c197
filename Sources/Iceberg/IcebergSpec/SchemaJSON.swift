import JSONFormat

extension Schema {
    public var json: JSONValue {
        var builder = JSONBuilder()
        builder.set("type", "struct")
        builder.set("schema-id", schemaID)
        if !identifierFieldIDs.isEmpty {
            builder.set("identifier-field-ids", .array(identifierFieldIDs.map { JSONValue($0) }))
        }
        builder.set("fields", .array(fields.map(\.json)))
        return builder.value
    }

    public init(json: JSONValue) throws(IcebergError) {
        try self.init(JSONReader(json))
    }

    /// - Parameter id: what a schema without `schema-id` has, as in version 1.
    init(_ reader: JSONReader, id: Int = 0) throws(IcebergError) {
        try self.init(reader, ids: .given, id: id)
    }

    /// Reads a schema of a create request, whose ids a catalog replaces anyway: they may be missing, partly missing,
    /// or given twice. Fields come out with fresh ids from 1 on.
    ///
    /// Ids that are complete and unique are kept: a partition spec of the same request refers to them.
    public init(relaxed json: JSONValue) throws(IcebergError) {
        let reader = JSONReader(json)
        let fields = try NestedField.list(reader.member("fields"), ids: .relaxed, depth: 1)
        var given: [Int] = []
        _ = FreshIDs.assign(fields) { id in
            given.append(id)
            return id
        }
        // Spark counts from 0.
        if given.allSatisfy({ $0 >= 0 }), Set(given).count == given.count {
            try self.init(reader, ids: .relaxed, id: 0)
            return
        }
        var last = 0
        let fresh = FreshIDs.assign(fields) { _ in
            last += 1
            return last
        }
        try self.init(id: 0, fields: fresh)
    }

    private init(_ reader: JSONReader, ids: IcebergType.IDs, id: Int) throws(IcebergError) {
        if let kind = try reader.optional("type") {
            guard try kind.string() == "struct" else { throw kind.fail("a schema is of type \"struct\"") }
        } else if case .given = ids {
            _ = try reader.member("type")
        }
        let fields = try NestedField.list(reader.member("fields"), ids: ids, depth: 1)
        let schemaID = try reader.optional("schema-id")?.int() ?? id
        let identifiers = try reader.optional("identifier-field-ids")?.map { id throws(IcebergError) in try id.int() }
        do {
            try self.init(id: schemaID, fields: fields, identifierFieldIDs: identifiers ?? [])
        } catch {
            throw IcebergError(error.code, error.message, path: reader.path)
        }
    }
}

/// New ids for every field of a schema, breadth before depth as the Java implementation does: first all fields of a
/// struct, then what is within them.
enum FreshIDs {
    /// - Parameter next: the new id for an old one; called in the order of assignment.
    static func assign(_ fields: [NestedField], next: (Int) -> Int) -> [NestedField] {
        let ids = fields.map { next($0.id) }
        return zip(fields, ids).map { field, id in
            var fresh = field
            fresh.id = id
            fresh.type = assign(field.type, next: next)
            return fresh
        }
    }

    static func assign(_ type: IcebergType, next: (Int) -> Int) -> IcebergType {
        switch type {
        case .structure(let fields): return .structure(assign(fields, next: next))
        case .list(let list):
            let id = next(list.elementID)
            let element = assign(list.element, next: next)
            return .list(elementID: id, element, elementRequired: list.elementRequired)
        case .map(let map):
            let keyID = next(map.keyID)
            let valueID = next(map.valueID)
            let key = assign(map.key, next: next)
            let value = assign(map.value, next: next)
            return .map(keyID: keyID, key, valueID: valueID, value, valueRequired: map.valueRequired)
        default: return type
        }
    }
}

extension Schema {
    /// The same columns with ids from `lastColumnID + 1` on, and what became of each old id.
    public func assigningFreshIDs(after lastColumnID: Int = 0, id: Int = 0) throws(IcebergError) -> (
        schema: Schema, newIDs: [Int: Int]
    ) {
        var newIDs: [Int: Int] = [:]
        var last = lastColumnID
        let fresh = FreshIDs.assign(fields) { old in
            last += 1
            newIDs[old] = last
            return last
        }
        let identifiers = identifierFieldIDs.compactMap { newIDs[$0] }
        return (try Schema(id: id, fields: fresh, identifierFieldIDs: identifiers), newIDs)
    }
}
