import IcebergSpec
import JSONFormat

/// Schemas, specs and sort orders for reading.
enum SchemaRendering {
    /// One row for each field, at all depths, with its full name.
    static func fields(of schema: Schema) -> JSONValue {
        var rows: [JSONValue] = []
        for field in schema.fields { append(field, schema, to: &rows) }
        return .array(rows)
    }

    private static func append(_ field: NestedField, _ schema: Schema, to rows: inout [JSONValue]) {
        var row = JSONObject([
            .init(key: "id", value: JSONValue(field.id)),
            .init(key: "name", value: .string(schema.fullName(id: field.id) ?? field.name)),
            .init(key: "type", value: .string(typeName(field.type))),
            .init(key: "required", value: .bool(field.required)),
        ])
        if schema.identifierFieldIDs.contains(field.id) { row["identifier"] = true }
        if let value = field.initialDefault { row["initial-default"] = flat(value) }
        if let value = field.writeDefault { row["write-default"] = flat(value) }
        if let doc = field.doc { row["doc"] = .string(doc) }
        rows.append(.object(row))
        for child in field.type.children { append(child, schema, to: &rows) }
    }

    static func typeName(_ type: IcebergType) -> String {
        switch type {
        case .structure: "struct"
        case .list: "list"
        case .map: "map"
        default: type.description
        }
    }

    private static func flat(_ value: JSONValue) -> JSONValue {
        TextRendering.isScalar(value) ? value : .string(value.serializedString())
    }
}

extension PartitionSpec {
    /// `type, hour(time) as time_hour`; `unpartitioned` without fields.
    func rendered(_ schema: Schema?) -> String {
        guard !fields.isEmpty else { return "unpartitioned" }
        return fields.map { field in
            let source = field.sourceIDs.map { schema?.fullName(id: $0) ?? "column \($0)" }.joined(separator: ", ")
            let term = field.transform.rendered(source)
            return term == field.name ? term : "\(term) as \(field.name)"
        }.joined(separator: ", ")
    }
}

extension SortOrder {
    /// `time asc nulls-first`; `unsorted` without fields.
    func rendered(_ schema: Schema?) -> String {
        guard !fields.isEmpty else { return "unsorted" }
        return fields.map { field in
            let source = field.sourceIDs.map { schema?.fullName(id: $0) ?? "column \($0)" }.joined(separator: ", ")
            return "\(field.transform.rendered(source)) \(field.direction.rawValue) \(field.nullOrder.rawValue)"
        }.joined(separator: ", ")
    }
}

extension Transform {
    /// `hour(time)`, `bucket[16](id)`; the column alone for an identity.
    fileprivate func rendered(_ source: String) -> String {
        self == .identity ? source : "\(description)(\(source))"
    }
}
