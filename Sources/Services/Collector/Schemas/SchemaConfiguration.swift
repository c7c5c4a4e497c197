import Configuration
import Files
import HTTP
import JSONFormat
import Schemas

/// The variables of schemas and typed tables.
package struct SchemaConfiguration: ConfigurationSection, Sendable {
    /// Another registry than the catalog's.
    package let registry: EndpointURL?
    package let token: Secret?
    package let refreshMilliseconds: Int
    package let evolutionMilliseconds: Int
    package let file: String?
    /// Predefined types that have a table.
    package let typedTables: [String]

    package init(from reader: inout ConfigurationReader) {
        registry = reader.url(
            "SCHEMA_REGISTRY_URL",
            "schema registry (this suite's catalog); unset: the ANALYTICS_CATALOG binding, if any")
        token = reader.secret("SCHEMA_REGISTRY_TOKEN", "bearer token for the registry at SCHEMA_REGISTRY_URL")
        refreshMilliseconds = reader.duration(
            "SCHEMA_REFRESH_SECONDS", in: 100...86_400_000, default: 30_000,
            "how often the registry is asked for changes")
        evolutionMilliseconds = reader.duration(
            "SCHEMA_EVOLUTION_INTERVAL_MS", in: 0...3_600_000, default: 5000,
            "least time between two versions that events of one type bring about")
        file = reader.optionalString(
            "SCHEMAS_FILE", "JSON file with schemas of event types: {\"schemas\":[{\"subject\":…,\"schema\":{…}}]}")
        let names = reader.list(
            "TYPED_TABLES",
            "predefined event types that get a table of their own: \(PredefinedSchemas.names.joined(separator: ", "))")
        for name in names where PredefinedSchemas.schema(named: name) == nil {
            reader.refuse(
                "TYPED_TABLES",
                "\"\(name.prefix(60))\" is not predefined; these are: \(PredefinedSchemas.names.joined(separator: ", "))"
            )
        }
        typedTables = names
    }

    /// The schemas that need no registry: those of the file, and the predefined ones that are wanted. Reads the file.
    ///
    /// - Parameter reserved: names of the tables that the collector keeps other events in.
    /// - Throws: what is wrong with the file, in a sentence.
    package func definitions(
        reserved: [String] = Array(EventSchema.reservedTableNames)
    ) throws(SchemaError) -> [EventSchema] {
        var definitions: [EventSchema] = []
        if let file {
            for schema in try SchemaFile.read(file, reserved: Set(reserved.map { $0.lowercased() })) {
                definitions.append(schema)
            }
        }
        let named = Set(definitions.map(\.type))
        for name in typedTables where !named.contains(name) {
            if let schema = PredefinedSchemas.schema(named: name) { definitions.append(schema) }
        }
        return definitions
    }
}

/// `SCHEMAS_FILE`, and the cache of the registry: `{"schemas":[…]}`.
enum SchemaFile {
    static let bytesMax: Int64 = 64 << 20

    /// Definitions: `subject`, `schema`, and optionally `strict`, `table` and `compatibility`.
    ///
    /// - Parameter reserved: tables of the collector's own, in lower case.
    static func read(
        _ path: String, reserved: Set<String> = EventSchema.reservedTableNames
    ) throws(SchemaError) -> [EventSchema] {
        do {
            var schemas: [EventSchema] = []
            guard let file = try content(path) else { throw JSONError("there is no such file") }
            for item in try file.member("schemas").elements() {
                let type = try item.member("subject").string()
                let table = try item.optional("table")?.string()
                let rule = try item.optional("compatibility")?.string() ?? SchemaCompatibility.backward.rawValue
                guard let compatibility = SchemaCompatibility(rawValue: rule) else {
                    throw item.fail("\"\(rule)\" is no rule of compatibility")
                }
                if let problem = table.flatMap({ EventSchema.problem(ofTableName: $0, reserved: reserved) }) {
                    throw item.fail(problem)
                }
                schemas.append(
                    EventSchema(
                        type: type, schema: try item.member("schema").value,
                        isStrict: try item.optional("strict")?.bool() ?? false, table: table,
                        compatibility: compatibility))
                _ = try CompiledEventSchema(schemas[schemas.count - 1])
            }
            return schemas
        } catch {
            throw SchemaError(.malformed, "", "SCHEMAS_FILE \(path): \(error)")
        }
    }

    /// nil for a file that is not there.
    static func content(_ path: String) throws -> JSONCursor? {
        guard let status = try FileSystem.status(path) else { return nil }
        guard status.size <= bytesMax else { throw JSONError("the file is larger than \(bytesMax) bytes") }
        let file = try FileHandle(path)
        return JSONCursor(try JSONValue.parse(try file.pread(Int(status.size), at: 0)))
    }
}
