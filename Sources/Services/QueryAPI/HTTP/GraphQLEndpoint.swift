import Clocks
import GraphQLFormat
import HTTP
import IcebergTable
import JSONFormat

/// GraphQL over HTTP: POST with a JSON body and GET with query parameters; no batches.
///
/// With `application/graphql-response+json` an operation that was not executed is a 400; with `application/json` every
/// well-formed request is a 200, as older clients expect.
package struct GraphQLEndpoint: Sendable {
    enum MediaType: String {
        case graphQL = "application/graphql-response+json"
        case json = "application/json"
    }

    private struct Parameters {
        var query: String
        var operationName: String?
        var variables = JSONObject()
    }

    private struct Refusal: Error {
        let status: Int
        let message: String
        var headers: HTTPHeaders = [:]
    }

    private let executor: GraphQLExecutor<QueryContext>
    private let context: QueryContext

    package init(
        service: QueryService, isIntrospectionEnabled: Bool = true, cacheBytesMax: Int = 0
    ) throws(GraphQLError) {
        var schema = try AnalyticsSchema.make()
        schema.isIntrospectionAllowed = isIntrospectionEnabled
        executor = GraphQLExecutor(schema: schema, resolvers: Resolvers.all)
        context = QueryContext(
            service: service, startedAt: service.monotonicClock.nanoseconds(), cacheBytesMax: cacheBytesMax)
    }

    package func respond(to request: HTTPRequest) async -> HTTPResponse {
        guard let mediaType = Self.negotiate(request.headers.values("Accept").joined(separator: ",")) else {
            return Self.response(
                406, .json, Self.errors("Only application/graphql-response+json and application/json are given."))
        }
        do throws(Refusal) {
            let isReadOnly = request.method == .get || request.method == .head
            let parameters = isReadOnly ? try Self.parameters(ofGet: request) : try Self.parameters(ofPost: request)
            let answer = await executor.execute(
                parameters.query, operationName: parameters.operationName, variables: parameters.variables,
                context: context.next(), isReadOnly: isReadOnly)
            if answer.errors.contains(where: { $0.code == "OPERATION_NOT_ALLOWED" }) {
                return Self.response(405, mediaType, answer.json, headers: ["Allow": "POST"])
            }
            let isRefused = answer.data == nil && mediaType == .graphQL
            return Self.response(isRefused ? 400 : 200, mediaType, answer.json)
        } catch {
            return Self.response(error.status, mediaType, Self.errors(error.message), headers: error.headers)
        }
    }

    /// The counters of the caches, for `/cache/stats`.
    package func cacheStatistics() async -> JSONValue { .object(await MetricsView.caches(context)) }

    /// Forgets manifests; they are immutable, so this only frees memory. Gives how many there were.
    package func clearManifestCache() -> JSONValue {
        let cache = context.service.planner.scanPlanner.loader.cache
        let count = cache.statistics.count
        cache.removeAll()
        return ["cleared": JSONValue(count)]
    }

    // MARK: Requests

    private static func parameters(ofGet request: HTTPRequest) throws(Refusal) -> Parameters {
        guard let query = request.parameter("query"), !query.isEmpty else {
            throw Refusal(status: 400, message: "The parameter query is missing.")
        }
        var object = JSONObject()
        object["query"] = .string(query)
        if let name = request.parameter("operationName"), !name.isEmpty { object["operationName"] = .string(name) }
        for key in ["variables", "extensions"] {
            guard let text = request.parameter(key), !text.isEmpty else { continue }
            do throws(JSONError) {
                object[key] = try JSONValue.parse(text)
            } catch {
                throw Refusal(status: 400, message: "The parameter \(key) is \(error)")
            }
        }
        return try parameters(object)
    }

    private static func parameters(ofPost request: HTTPRequest) throws(Refusal) -> Parameters {
        let type = request.headers["Content-Type"] ?? ""
        let parts = type.split(separator: ";").map { $0.lowercased().filter { !$0.isWhitespace } }
        guard parts.first == "application/json" else {
            throw Refusal(status: 415, message: "The body must be application/json.")
        }
        if let charset = parts.first(where: { $0.hasPrefix("charset=") }), !charset.hasSuffix("utf-8"),
            !charset.hasSuffix("\"utf-8\"")
        {
            throw Refusal(status: 415, message: "The body must be UTF-8.")
        }
        do throws(JSONError) {
            let body = try JSONValue.parse(request.body)
            guard let object = body.object else {
                throw JSONError(body.array == nil ? "expected an object" : "batches are not taken: send one object")
            }
            return try parametersOrJSONError(object)
        } catch {
            throw Refusal(status: 400, message: "The body cannot be read: \(error)")
        }
    }

    private static func parameters(_ object: JSONObject) throws(Refusal) -> Parameters {
        do throws(JSONError) {
            return try parametersOrJSONError(object)
        } catch {
            throw Refusal(status: 400, message: "The request cannot be read: \(error)")
        }
    }

    private static func parametersOrJSONError(_ object: JSONObject) throws(JSONError) -> Parameters {
        let cursor = JSONCursor(.object(object))
        var parameters = Parameters(query: try cursor.member("query").string())
        parameters.operationName = try cursor.optional("operationName")?.string()
        if let variables = try cursor.optional("variables") { parameters.variables = try variables.object() }
        if let extensions = try cursor.optional("extensions") { _ = try extensions.object() }
        return parameters
    }

    // MARK: Responses

    /// The media type the client prefers; `application/json` when it does not say; nil when it takes neither.
    static func negotiate(_ accept: String) -> MediaType? {
        guard accept.contains(where: { !$0.isWhitespace }) else { return .json }
        var best: (quality: Double, type: MediaType)?
        for range in accept.split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.lowercased().filter { !$0.isWhitespace } }
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            let type: MediaType? =
                switch parts.first {
                case MediaType.graphQL.rawValue: .graphQL
                case MediaType.json.rawValue, "application/*", "*/*": .json
                default: nil
                }
            guard let type, quality > 0, quality > best?.quality ?? 0 else { continue }
            best = (quality, type)
        }
        return best?.type
    }

    private static func errors(_ message: String) -> JSONValue {
        ["errors": [GraphQLError(message, code: GraphQLError.badInputCode).json]]
    }

    private static func response(
        _ status: Int, _ type: MediaType, _ body: JSONValue, headers: HTTPHeaders = [:]
    ) -> HTTPResponse {
        var headers = headers
        headers["Content-Type"] = "\(type.rawValue); charset=utf-8"
        headers["Cache-Control"] = "no-store"
        return HTTPResponse(status: status, headers: headers, body: body.serialized())
    }
}
