import Files
import JSONFormat
import Schemas

/// `schemas.json` of the log directory: the schemas that the last life judged by.
///
/// Each has the definition it came from, where it came from one: without a registry a schema that events have widened stays,
/// until its definition is another.
enum SchemaCache {
    struct Entry: Sendable {
        let registered: RegisteredSchema
        let definition: JSONValue?
    }

    /// - Throws: for a file that is damaged.
    static func read(_ path: String) throws -> [Entry] {
        do {
            guard let cursor = try SchemaFile.content(path) else { return [] }
            var entries: [Entry] = []
            for item in try cursor.member("schemas").elements() {
                let schema = try EventSchema(item)
                let revision = try item.optional("revision")?.integer() ?? 0
                entries.append(
                    Entry(
                        registered: RegisteredSchema(schema: schema, revision: revision),
                        definition: try item.optional("definition")?.value))
            }
            return entries
        } catch let error as JSONError {
            throw SchemaError(
                .malformed, "",
                "\(path) is damaged (\(error)). Remove it: the registry, or the definitions, have its content")
        }
    }

    static func write(_ path: String, _ schemas: [RegisteredSchema], _ definitions: [EventSchema]) throws(FileError) {
        let byType = Dictionary(definitions.map { ($0.type, $0) }) { first, _ in first }
        let items = schemas.map { registered -> JSONValue in
            var object = registered.schema.json.object ?? JSONObject()
            object["revision"] = .integer(registered.revision)
            object["definition"] = byType[registered.schema.type]?.json
            return .object(object)
        }
        let content: JSONValue = ["version": 1, "schemas": .array(items)]
        try FileSystem.writeAtomically(path, content.serialized(), mode: 0o600)
    }

    /// What holds without a registry: the definitions, in the newest version that their events have made of them.
    static func local(_ definitions: [EventSchema], _ cached: [Entry]) -> [RegisteredSchema] {
        definitions.map { definition in
            guard let entry = cached.first(where: { $0.registered.schema.type == definition.type }) else {
                return RegisteredSchema(schema: definition, revision: 0)
            }
            let known = entry.registered.schema
            if entry.definition == definition.json { return RegisteredSchema(schema: known, revision: 0) }
            let next = EventSchema(
                type: definition.type, version: known.version + 1, schema: definition.schema,
                isStrict: definition.isStrict, table: definition.table, compatibility: definition.compatibility,
                existing: known.columns)
            return RegisteredSchema(schema: next, revision: 0)
        }.sorted { $0.schema.type < $1.schema.type }
    }
}
