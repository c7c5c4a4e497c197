import IcebergSpec
import JSONFormat

/// How the schema of a type may change from version to version, in the words of schema registries.
package enum SchemaCompatibility: String, CaseIterable, Hashable, Sendable {
    case none = "NONE"
    /// Whatever fits the newest schema's predecessor fits the new one: readers are upgraded first.
    case backward = "BACKWARD"
    case backwardTransitive = "BACKWARD_TRANSITIVE"
    /// Whatever fits the new schema fits its predecessor: senders are upgraded first.
    case forward = "FORWARD"
    case forwardTransitive = "FORWARD_TRANSITIVE"
    case full = "FULL"
    case fullTransitive = "FULL_TRANSITIVE"
}

/// The registered schema of an event type: its newest version, and what follows from all of them.
package struct EventSchema: Hashable, Sendable {
    /// The event type, which is the subject in the registry.
    package let type: String
    package let version: Int
    /// JSON Schema of `data`.
    package let schema: JSONValue
    /// Whether an event that violates the schema is refused.
    package let isStrict: Bool
    /// Name of the typed table, in the event table's namespace; nil when the type has none.
    package let table: String?
    package let compatibility: SchemaCompatibility
    /// The typed table's columns besides those of the event table, of all versions: columns never go.
    package let columns: [TypedColumn]

    /// - Parameter existing: the columns of the version before.
    package init(
        type: String, version: Int = 1, schema: JSONValue, isStrict: Bool = false, table: String? = nil,
        compatibility: SchemaCompatibility = .backward, existing: [TypedColumn] = []
    ) {
        self.type = type
        self.version = version
        self.schema = schema
        self.isStrict = isStrict
        self.table = table
        self.compatibility = compatibility
        columns = ColumnRules.columns(of: schema, after: existing)
    }

    private init(like other: EventSchema, isStrict: Bool, table: String?, compatibility: SchemaCompatibility) {
        type = other.type
        version = other.version
        schema = other.schema
        columns = other.columns
        self.isStrict = isStrict
        self.table = table
        self.compatibility = compatibility
    }

    /// The same version with other settings.
    package func with(isStrict: Bool, table: String?, compatibility: SchemaCompatibility) -> EventSchema {
        EventSchema(like: self, isStrict: isStrict, table: table, compatibility: compatibility)
    }

    /// The next version, of the same settings.
    package func next(_ schema: JSONValue) -> EventSchema {
        EventSchema(
            type: type, version: version + 1, schema: schema, isStrict: isStrict, table: table,
            compatibility: compatibility, existing: columns)
    }

    /// Tables of the collector's own, beside which typed tables lie.
    package static let reservedTableNames: Set<String> = ["events", "rejected_events"]

    /// Why `name` cannot be a typed table; nil when it can: a plain word of at most 128 letters, digits and `_`.
    package static func problem(
        ofTableName name: String, reserved: Set<String> = reservedTableNames
    ) -> String? {
        guard isWord(name) else { return "a table is named by 1 to 128 letters, digits and _" }
        guard reserved.contains(name.lowercased()) else { return nil }
        return "\"\(name)\" cannot be a typed table: the collector keeps "
            + (name.lowercased() == "rejected_events" ? "refused events" : "the events of all types") + " there"
    }

    private static func isWord(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 128
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
                default: false
                }
            }
    }
}

// MARK: - JSON

extension EventSchema {
    /// As the registry shows it.
    package var json: JSONValue {
        var object = JSONObject()
        object["subject"] = .string(type)
        object["version"] = JSONValue(version)
        object["strict"] = .bool(isStrict)
        object["table"] = table.map { .string($0) } ?? .null
        object["compatibility"] = .string(compatibility.rawValue)
        object["schema"] = schema
        object["columns"] = .array(columns.map(\.json))
        return .object(object)
    }

    package init(_ cursor: JSONCursor) throws(JSONError) {
        type = try cursor.member("subject").string()
        version = try cursor.member("version").integer(as: Int.self)
        isStrict = try cursor.optional("strict")?.bool() ?? false
        table = try cursor.optional("table")?.string()
        let rule = try cursor.optional("compatibility")?.string() ?? SchemaCompatibility.backward.rawValue
        guard let compatibility = SchemaCompatibility(rawValue: rule) else {
            throw cursor.fail("the compatibility rule \"\(rule)\" is not known to this version")
        }
        self.compatibility = compatibility
        schema = try cursor.member("schema").value
        var columns: [TypedColumn] = []
        for column in try cursor.optional("columns")?.elements() ?? [] { columns.append(try TypedColumn(column)) }
        self.columns = columns
    }
}
