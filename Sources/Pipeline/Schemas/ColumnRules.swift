import Bytes
import JSONFormat

/// Which columns the top-level fields of a schema become.
///
/// Columns only ever come: a field that a later schema drops keeps its column, and one whose values no longer fit gets a
/// second column, `duration_double` beside `duration`, since a table format promotes no `long` to a `double`. So the
/// columns of a type follow from its versions in their order, and every collector finds the same.
package enum ColumnRules {
    /// Names of the event table's own columns, which a typed table has too.
    package static let baseNames: Set<String> = [
        "id", "type", "source", "specversion", "time", "subject", "datacontenttype", "dataschema", "data",
        "extensions", "cf_colo", "cf_country", "cf_city", "cf_continent", "cf_postal_code", "cf_region",
        "cf_timezone", "cf_http_protocol", "cf_tls_version", "cf_tls_cipher", "year", "month", "day", "hour",
        "received_at",
    ]

    /// Names the table format keeps for its metadata columns.
    private static let reservedNames: Set<String> = [
        "_file", "_pos", "_deleted", "_spec_id", "_partition", "_row_id", "_last_updated_sequence_number",
        "_change_type", "_change_ordinal", "_commit_snapshot_id", "file_path", "pos", "row",
    ]

    /// The columns after a version with `schema` follows one that had `existing`.
    ///
    /// At most `SchemaLimits.columnsMax`: the fields beyond stay in `data`.
    package static func columns(of schema: JSONValue, after existing: [TypedColumn] = []) -> [TypedColumn] {
        let required = Set((schema["required"]?.array ?? []).compactMap(\.string))
        var columns = existing
        var taken = Set(existing.map { $0.name.lowercased() })
        var members: [String: JSONValue] = [:]
        for member in schema["properties"]?.object?.members ?? [] { members[member.key] = member.value }
        for (position, column) in columns.enumerated() {
            guard let property = members[column.field] else { continue }
            columns[position] = TypedColumn(
                name: column.name, field: column.field, content: column.content,
                isRequired: required.contains(column.field), doc: doc(of: property) ?? column.doc,
                attribute: column.attribute)
        }
        for field in schema["properties"]?.object?.keys ?? [] {
            guard columns.count < SchemaLimits.columnsMax, let property = members.removeValue(forKey: field) else {
                continue
            }
            let content = content(of: property, in: schema)
            let known = columns.filter { $0.field == field }
            guard !known.contains(where: { $0.content.takesAll(of: content) }) else { continue }
            let wanted = known.isEmpty ? field : "\(field)_\(content.rawValue)"
            let name = freeName(for: wanted, taken)
            taken.insert(name.lowercased())
            columns.append(
                TypedColumn(
                    name: name, field: field, content: content, isRequired: required.contains(field),
                    doc: doc(of: property), attribute: TypedColumn.Attribute(bareName: field)))
        }
        return columns
    }

    private static func doc(of property: JSONValue) -> String? {
        guard let text = property["description"]?.string, !text.isEmpty else { return nil }
        return String(text.prefix(SchemaLimits.columnDocBytesMax / 4))
    }

    // MARK: - Names

    /// A name that is a plain word, collides with none in `taken` (lowercased), and belongs to no column of every table.
    static func freeName(for field: String, _ taken: Set<String>) -> String {
        var bytes = field.utf8.prefix(SchemaLimits.columnNameBytesMax - 8).map { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: byte
            default: UInt8(ascii: "_")
            }
        }
        if bytes.first.map({ (0x30...0x39).contains($0) }) ?? true { bytes.insert(UInt8(ascii: "_"), at: 0) }
        var name = String(decoding: bytes, as: UTF8.self)
        let isKept = { (name: String) in baseNames.contains(name) || reservedNames.contains(name) }
        if isKept(name.lowercased()) { name = "data_\(name)" }
        guard taken.contains(name.lowercased()) || isKept(name.lowercased()) else { return name }
        var number = 2
        while taken.contains("\(name.lowercased())_\(number)") { number += 1 }
        return "\(name)_\(number)"
    }

    // MARK: - Types

    /// What a column for values of `property` holds. References are followed within `root`.
    static func content(of property: JSONValue, in root: JSONValue, hops: Int = 0) -> TypedColumn.Content {
        guard hops < 16, let object = property.object else { return .json }
        if let reference = object["$ref"]?.string {
            guard let target = resolve(reference, in: root) else { return .json }
            return content(of: target, in: root, hops: hops + 1)
        }
        if let types = typeNames(of: object) { return content(ofTypes: types, object) }
        for keyword in ["anyOf", "oneOf", "allOf"] {
            guard let branches = object[keyword]?.array else { continue }
            let contents = branches.filter { !isNull($0) }.map { content(of: $0, in: root, hops: hops + 1) }
            return keyword == "allOf" ? contents.first { $0 != .json } ?? .json : common(contents)
        }
        let values = object["enum"]?.array ?? object["const"].map { [$0] } ?? []
        return common(values.filter { !$0.isNull }.map { content(of: $0) })
    }

    /// The content of one value.
    static func content(of value: JSONValue) -> TypedColumn.Content {
        switch value {
        case .bool: .boolean
        case .integer: .long
        case .unsigned, .double: .double
        case .string: .text
        case .null, .array, .object: .json
        }
    }

    private static func content(ofTypes types: Set<String>, _ object: JSONObject) -> TypedColumn.Content {
        switch types.subtracting(["null"]) {
        case ["boolean"]: .boolean
        case ["integer"]: .long
        case ["number"], ["integer", "number"]: .double
        case ["string"]:
            switch object["format"]?.string {
            case "date-time": .timestamp
            case "date": .date
            default: .text
            }
        default: .json
        }
    }

    private static func common(_ contents: [TypedColumn.Content]) -> TypedColumn.Content {
        guard let first = contents.first else { return .json }
        return contents.first { candidate in contents.allSatisfy { candidate.takesAll(of: $0) } }
            ?? (contents.allSatisfy { [.text, .timestamp, .date].contains($0) } && first != .json ? .text : .json)
    }

    private static func isNull(_ schema: JSONValue) -> Bool { schema["type"]?.string == "null" }

    private static func typeNames(of object: JSONObject) -> Set<String>? {
        if let name = object["type"]?.string { return [name] }
        return object["type"]?.array.map { Set($0.compactMap(\.string)) }
    }

    /// What `#/$defs/name` stands for in `root`.
    static func resolve(_ reference: String, in root: JSONValue) -> JSONValue? {
        if reference == "#" { return root }
        guard let name = definitionName(reference) else { return nil }
        return root["$defs"]?[name]
    }

    /// The name in `#/$defs/name`, unescaped (RFC 6901 §4, and percent-encoding as in a URI fragment).
    static func definitionName(_ reference: String) -> String? {
        guard reference.hasPrefix("#/$defs/"),
            let name = PercentEncoding.decode(reference.dropFirst("#/$defs/".count)), !name.contains("/")
        else { return nil }
        return JSONPointer.unescape(name)
    }
}
