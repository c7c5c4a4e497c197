import Bytes
import HTTP
import IcebergCatalog
import JSONFormat
import Schemas

/// A subject of the registry, with the revision by which changes are made on top of it.
struct RegisteredSchema: Hashable, Sendable {
    var schema: EventSchema
    /// 0: of no registry.
    var revision: Int64
}

/// The registry did not answer, or not as one.
struct SchemaRegistryError: Error, CustomStringConvertible {
    let description: String
    /// There is no registry at that place.
    var isAbsent = false
}

/// The schema registry of a catalog, over HTTP.
struct SchemaRegistryClient: Sendable {
    enum Listing: Sendable {
        case unchanged
        case schemas([RegisteredSchema], etag: String?)
    }

    enum Registration: Sendable {
        case registered(RegisteredSchema)
        /// Another writer was first: load again.
        case outdated
        /// Against the subject's rule, or not usable.
        case refused(String)
    }

    private let transport: CatalogTransport
    private static let bytesMax = 64 << 20

    init(transport: CatalogTransport) { self.transport = transport }

    /// All subjects, unless they are those that `etag` stands for.
    func list(since etag: String?) async throws(SchemaRegistryError) -> Listing {
        let reply = try await send(.get, "/v1/schemas", headers: etag.map { ["If-None-Match": $0] } ?? [:])
        if reply.status == 304 { return .unchanged }
        guard reply.status == 200 else { throw Self.failure(reply) }
        let schemas = try Self.reading(reply) { cursor throws(JSONError) in
            var schemas: [RegisteredSchema] = []
            for item in try cursor.member("schemas").elements() { schemas.append(try Self.schema(item)) }
            return schemas
        }
        return .schemas(schemas, etag: reply.headers["ETag"])
    }

    /// The newest version of one subject; nil when there is none.
    func load(_ type: String) async throws(SchemaRegistryError) -> RegisteredSchema? {
        let reply = try await send(.get, "/v1/schemas/\(PercentEncoding.encode(type))")
        if reply.status == 404 { return nil }
        guard reply.status == 200 else { throw Self.failure(reply) }
        return try Self.reading(reply, Self.schema)
    }

    /// Registers `schema`'s text as the next version of its type.
    ///
    /// - Parameters:
    ///   - revision: on top of this one only.
    ///   - withSettings: whether its table and rules are registered too.
    func register(
        _ schema: EventSchema, onto revision: Int64?, withSettings: Bool
    ) async throws(SchemaRegistryError) -> Registration {
        var body = JSONObject()
        body["schema"] = schema.schema
        if withSettings {
            body["strict"] = .bool(schema.isStrict)
            body["compatibility"] = .string(schema.compatibility.rawValue)
            if let table = schema.table { body["table"] = .string(table) }
        }
        var headers: HTTPHeaders = ["Content-Type": "application/json"]
        if let revision { headers["If-Match"] = "\"\(revision)\"" }
        let path = "/v1/schemas/\(PercentEncoding.encode(schema.type))/versions"
        let reply = try await send(.post, path, headers: headers, body: JSONValue.object(body).serialized())
        switch reply.status {
        case 200, 201: return .registered(try Self.reading(reply, Self.schema))
        case 412: return .outdated
        case 400, 409, 422: return .refused(Self.message(reply))
        default: throw Self.failure(reply)
        }
    }

    // MARK: - Parts

    private func send(
        _ method: HTTPMethod, _ path: String, headers: HTTPHeaders = [:], body: [UInt8] = []
    ) async throws(SchemaRegistryError) -> HTTPResponse {
        do throws(HTTPClientError) {
            return try await transport.send(HTTPRequest(method: method, target: path, headers: headers, body: body))
        } catch {
            throw SchemaRegistryError(description: "the schema registry cannot be reached: \(error)")
        }
    }

    private static func schema(_ cursor: JSONCursor) throws(JSONError) -> RegisteredSchema {
        RegisteredSchema(
            schema: try EventSchema(cursor), revision: try cursor.optional("revision")?.integer() ?? 0)
    }

    private static func reading<Value>(
        _ reply: HTTPResponse, _ read: (JSONCursor) throws(JSONError) -> Value
    ) throws(SchemaRegistryError) -> Value {
        guard reply.body.count <= bytesMax else {
            throw SchemaRegistryError(description: "the schema registry's answer is larger than \(bytesMax) bytes")
        }
        do throws(JSONError) {
            return try read(JSONCursor(try JSONValue.parse(reply.body)))
        } catch {
            throw SchemaRegistryError(description: "the schema registry's answer cannot be read: \(error)")
        }
    }

    private static func message(_ reply: HTTPResponse) -> String {
        do throws(JSONError) {
            let text = try JSONValue.parse(reply.body)["error"]?["message"]?.string
            return String((text ?? "status \(reply.status)").prefix(1000))
        } catch {
            return "status \(reply.status)"
        }
    }

    private static func failure(_ reply: HTTPResponse) -> SchemaRegistryError {
        SchemaRegistryError(
            description: "the schema registry answers \(reply.status): \(message(reply))", isAbsent: reply.status == 404
        )
    }
}
