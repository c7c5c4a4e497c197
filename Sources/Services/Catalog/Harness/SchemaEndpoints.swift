import Bytes
import Checksums
import Clocks
import HTTP
import IcebergCatalog
import JSONFormat
import Schemas

/// The schema registry over HTTP.
extension CatalogHarness {
    static let samplesMax = 10_000

    var schemaEndpoints: [Endpoint] {
        [
            extra(.get, "schemas", .read) { (call) async throws(CatalogError) in try await listSchemas(call) },
            extra(.get, "schemas/{subject}", .read) { (call) async throws(CatalogError) in
                Self.reply(try await service.schema(call.subject), to: call)
            },
            extra(.delete, "schemas/{subject}", .maintain) { (call) async throws(CatalogError) in
                try await service.deleteSchema(call.subject, onto: try call.revision())
                return CatalogReply.empty
            },
            extra(.put, "schemas/{subject}/config", .maintain) { (call) async throws(CatalogError) in
                let settings = try Self.settings(try call.body())
                let subject = try await service.configureSchema(call.subject, settings, onto: try call.revision())
                return Self.reply(subject, to: call)
            },
            extra(.get, "schemas/{subject}/versions", .read) { (call) async throws(CatalogError) in
                let subject = try await service.schema(call.subject)
                return Self.reply(subject, to: call, Self.versions(of: subject))
            },
            extra(.post, "schemas/{subject}/versions", .write) { (call) async throws(CatalogError) in
                try await registerSchema(call)
            },
            extra(.get, "schemas/{subject}/versions/{version}", .read) { (call) async throws(CatalogError) in
                try await schemaVersion(call)
            },
            extra(.delete, "schemas/{subject}/versions/{version}", .maintain) { (call) async throws(CatalogError) in
                let number = try call.versionNumber()
                try await service.deleteSchemaVersion(call.subject, number, onto: try call.revision())
                return CatalogReply.empty
            },
            extra(.post, "schemas/{subject}/compatibility", .read) { (call) async throws(CatalogError) in
                let schema = try Self.schema(try call.body())
                let problems = try await service.checkSchema(call.subject, schema)
                return CatalogReply.json([
                    "compatible": .bool(problems.isEmpty), "problems": Self.json(problems),
                ])
            },
            extra(.post, "schemas/{subject}/infer", .read) { (call) async throws(CatalogError) in try inferSchema(call)
            },
        ]
    }

    /// All subjects. The tag covers them all, so that asking again costs little until one changes.
    private func listSchemas(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let subjects = try await service.listSchemas()
        let marks = subjects.map { "\($0.state.schema.type)\n\($0.revision)\n" }.joined()
        let etag = "\"\(Hexadecimal.encode(Digest.sha256(Array(marks.utf8)).prefix(16)))\""
        return Self.reply(["schemas": .array(subjects.map(\.json))], etag: etag, to: call)
    }

    private func registerSchema(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let schema = try Self.schema(body)
        let settings = try Self.settings(body)
        switch try await service.registerSchema(call.subject, schema, settings, onto: try call.revision()) {
        case .registered(let subject): return Self.reply(subject, to: call, status: 201)
        case .unchanged(let subject): return Self.reply(subject, to: call)
        case .incompatible(let problems):
            let shown = problems.prefix(3).map { "\($0.problem) (version \($0.version))" }.joined(separator: "; ")
            return CatalogReply.json(
                [
                    "error": [
                        "message": .string("the schema is not compatible: \(shown)"),
                        "type": "IncompatibleSchemaException", "code": 409,
                    ],
                    "problems": Self.json(problems),
                ], status: 409)
        }
    }

    private func schemaVersion(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        if call.parameters["version"] == "latest" {
            return Self.reply(try await service.schema(call.subject), to: call)
        }
        let number = try call.versionNumber()
        let (schema, createdAt) = try await service.schemaVersion(call.subject, number)
        return CatalogReply.json([
            "subject": .string(call.subject), "version": JSONValue(number), "schema": schema,
            "created_at": .string(createdAt.description),
        ])
    }

    /// A schema that fits samples; nothing is registered.
    private func inferSchema(_ call: CatalogCall) throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let samples = try CatalogCall.reading { () throws(JSONError) in try body.member("samples").elements() }
        guard (1...Self.samplesMax).contains(samples.count) else {
            throw CatalogError(.badRequest, "1 to \(Self.samplesMax) samples are expected")
        }
        var inference = SchemaInference()
        for sample in samples { inference.add(sample.value) }
        let schema = EventSchema(type: call.subject, schema: inference.schema)
        return CatalogReply.json(["schema": schema.schema, "columns": .array(schema.columns.map(\.json))])
    }

    // MARK: - Parts

    private static func schema(_ body: JSONCursor) throws(CatalogError) -> JSONValue {
        let value = try CatalogCall.reading { () throws(JSONError) in try body.member("schema").value }
        guard let text = value.string else { return value }
        // As registries of other kinds take it: the schema as a text.
        do throws(JSONError) {
            return try JSONValue.parse(text)
        } catch {
            throw CatalogError(.unprocessable, "the schema is a string that is not JSON: \(error)")
        }
    }

    private static func settings(_ body: JSONCursor) throws(CatalogError) -> CatalogService.SchemaSettings {
        let (isStrict, rule, table) = try CatalogCall.reading { () throws(JSONError) -> (Bool?, String?, String??) in
            var table: String?? = .none
            if let value = try body.object()["table"] {
                table = value.isNull ? .some(nil) : .some(try body.member("table").string())
            }
            return (try body.optional("strict")?.bool(), try body.optional("compatibility")?.string(), table)
        }
        guard rule == nil || rule.flatMap({ SchemaCompatibility(rawValue: $0) }) != nil else {
            let allowed = SchemaCompatibility.allCases.map(\.rawValue).joined(separator: ", ")
            throw CatalogError(.unprocessable, "\"compatibility\" is one of \(allowed)")
        }
        return CatalogService.SchemaSettings(
            isStrict: isStrict, compatibility: rule.flatMap { SchemaCompatibility(rawValue: $0) }, table: table)
    }

    private static func versions(of subject: SchemaSubject) -> JSONValue {
        let versions = subject.state.versions.map { version -> JSONValue in
            ["version": JSONValue(version.number), "created_at": .string(version.createdAt.description)]
        }
        return ["subject": .string(subject.state.schema.type), "versions": .array(versions)]
    }

    private static func json(_ problems: [(version: Int, problem: SchemaProblem)]) -> JSONValue {
        .array(
            problems.map {
                [
                    "version": JSONValue($0.version), "pointer": .string($0.problem.pointer),
                    "message": .string($0.problem.message),
                ]
            })
    }

    private static func reply(
        _ subject: SchemaSubject, to call: CatalogCall, _ body: JSONValue? = nil, status: Int = 200
    ) -> HTTPResponse {
        reply(body ?? subject.json, etag: subject.etag, to: call, status: status)
    }

    private static func reply(
        _ body: JSONValue, etag: String, to call: CatalogCall, status: Int = 200
    ) -> HTTPResponse {
        let known = call.request.headers.values("If-None-Match").flatMap { $0.split(separator: ",") }
        if call.request.method == .get, known.contains(where: { $0.filter { $0 != " " } == etag }) {
            return HTTPResponse(status: 304, headers: ["ETag": etag])
        }
        var response = CatalogReply.json(body, status: status)
        response.headers["ETag"] = etag
        return response
    }
}

extension CatalogCall {
    fileprivate var subject: String { parameters["subject"] ?? "" }

    fileprivate func versionNumber() throws(CatalogError) -> Int {
        let text = parameters["version"] ?? ""
        guard let number = Int(text), number > 0 else {
            throw CatalogError(.badRequest, "a version is a whole number from 1, or \"latest\"")
        }
        return number
    }

    /// `If-Match`: the revision that a change is made on top of.
    fileprivate func revision() throws(CatalogError) -> Int64? {
        guard let text = request.headers["If-Match"], text != "*" else { return nil }
        guard let revision = Int64(text.filter { $0 != "\"" }) else {
            throw CatalogError(.badRequest, "If-Match holds the ETag of the subject, such as \"3\"")
        }
        return revision
    }
}
