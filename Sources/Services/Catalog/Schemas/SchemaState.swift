import Clocks
import JSONFormat
import Schemas

/// What a register says of a subject of the schema registry: its newest schema whole, the earlier ones by the register's
/// version that holds them.
package struct SchemaState: Hashable, Sendable {
    struct Version: Hashable, Sendable {
        let number: Int
        /// Of the register: the entry whose state has this schema as its newest.
        let entry: Int64
        let createdAt: Timestamp
    }

    /// With the subject's settings, and the columns of all versions there ever were.
    let schema: EventSchema
    /// Those not deleted, oldest first; empty for a subject that was deleted.
    let versions: [Version]
    /// Numbers are not used again.
    let lastNumber: Int

    var isDeleted: Bool { versions.isEmpty }
}

/// A subject with the version of its register, by which changes are told apart.
package struct SchemaSubject: Sendable {
    let state: SchemaState
    let revision: Int64

    var etag: String { "\"\(revision)\"" }

    var json: JSONValue {
        var object = state.schema.json.object ?? JSONObject()
        object["versions"] = .array(state.versions.map { JSONValue($0.number) })
        object["revision"] = .integer(revision)
        return .object(object)
    }
}

extension SchemaState {
    var json: JSONValue {
        let versions = versions.map { version -> JSONValue in
            [
                "number": JSONValue(version.number), "entry": .integer(version.entry),
                "created-at-ms": .integer(version.createdAt.milliseconds),
            ]
        }
        return [
            "kind": "schema", "schema": schema.json, "versions": .array(versions), "last-number": JSONValue(lastNumber),
        ]
    }

    init(_ cursor: JSONCursor) throws(JSONError) {
        schema = try EventSchema(cursor.member("schema"))
        lastNumber = try cursor.member("last-number").integer(as: Int.self)
        var versions: [Version] = []
        for item in try cursor.member("versions").elements() {
            versions.append(
                Version(
                    number: try item.member("number").integer(as: Int.self), entry: try item.member("entry").integer(),
                    createdAt: Timestamp(milliseconds: try item.member("created-at-ms").integer())))
        }
        self.versions = versions
    }
}
