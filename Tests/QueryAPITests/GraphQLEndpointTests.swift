import HTTP
import JSONFormat
import Testing

@testable import QueryAPI

/// The audits of GraphQL over HTTP that say MUST or SHOULD, and the refusals.
@Suite(.serialized) struct GraphQLEndpointTests {
    struct Call: Sendable {
        var method = HTTPMethod.post
        var target = "/graphql"
        var accept: String?
        var contentType: String? = "application/json"
        var body = #"{"query":"{ __typename }"}"#
        let status: Int
        var type = "application/json; charset=utf-8"
    }

    static let modern = "application/graphql-response+json"
    static let modernType = "application/graphql-response+json; charset=utf-8"

    static let calls: [Call] = [
        Call(status: 200), Call(accept: "*/*", status: 200), Call(accept: "application/json", status: 200),
        Call(accept: modern, status: 200, type: modernType),
        Call(accept: "\(modern), application/json;q=0.9", status: 200, type: modernType),
        Call(accept: "\(modern);q=0.1, application/json", status: 200), Call(accept: "text/html", status: 406),
        Call(contentType: nil, status: 415), Call(contentType: "text/plain", status: 415),
        Call(contentType: "application/json; charset=utf-8", status: 200),
        Call(contentType: "application/json; charset=iso-8859-1", status: 415),
        Call(body: "{", status: 400), Call(body: "[]", status: 400), Call(body: "{}", status: 400),
        Call(body: "", status: 400),
        Call(body: #"{"query":{}}"#, status: 400),
        Call(body: #"{"query":"{ __typename }","variables":[]}"#, status: 400),
        Call(body: #"{"query":"{ __typename }","variables":"x"}"#, status: 400),
        Call(body: #"{"query":"{ __typename }","extensions":1}"#, status: 400),
        Call(body: #"{"query":"{ __typename }","operationName":1}"#, status: 400),
        Call(body: #"{"query":"{ __typename }","variables":null,"operationName":null,"extensions":null}"#, status: 200),
        Call(body: #"{"query":"{"}"#, status: 200), Call(body: #"{"query":"{ nope }"}"#, status: 200),
        Call(accept: modern, body: #"{"query":"{"}"#, status: 400, type: modernType),
        Call(accept: modern, body: #"{"query":"{ nope }"}"#, status: 400, type: modernType),
        Call(
            accept: modern,
            body: #"{"query":"query Q($a: Int!) { __typename @skip(if: false) } query R { __typename }"}"#, status: 400,
            type: modernType),
        Call(method: .get, target: "/graphql?query=%7B__typename%7D", contentType: nil, body: "", status: 200),
        Call(
            method: .get, target: "/graphql?query=%7B__typename%7D&variables=%7B%7D", contentType: nil, body: "",
            status: 200),
        Call(
            method: .get, target: "/graphql?query=%7B__typename%7D&variables=x", contentType: nil, body: "", status: 400
        ),
        Call(method: .get, target: "/graphql", contentType: nil, body: "", status: 400),
    ]

    @Test func `calls have their status and media type`() async throws {
        let fixture = try await TableFixture()
        let endpoint = try GraphQLEndpoint(service: fixture.service)
        for call in Self.calls {
            var headers = HTTPHeaders()
            if let accept = call.accept { headers["Accept"] = accept }
            if let type = call.contentType { headers["Content-Type"] = type }
            let response = await endpoint.respond(
                to: HTTPRequest(method: call.method, target: call.target, headers: headers, body: Array(call.body.utf8))
            )
            #expect(response.status == call.status, "\(call)")
            #expect(response.headers["Content-Type"] == call.type, "\(call)")
            let body = try JSONValue.parse(response.body)
            #expect(body["data"] != nil || body["errors"]?.array?.isEmpty == false, "\(call)")
        }
        await fixture.close()
    }

    @Test func `one request runs only so many queries`() async throws {
        let fixture = try await TableFixture()
        let endpoint = try GraphQLEndpoint(service: fixture.service)
        let count = QueryContext.queriesPerRequestMax + 2
        let fields = (0..<count).map { "a\($0): sql(query: \"SELECT \($0) AS n\") { rowCount }" }
        // The budget is of each request alone.
        for _ in 0..<2 {
            let body: JSONValue = ["query": .string("{ analytics { \(fields.joined(separator: " ")) } }")]
            let response = await endpoint.respond(
                to: HTTPRequest(
                    method: .post, target: "/graphql", headers: ["Content-Type": "application/json"],
                    body: body.serialized()))
            let errors = try #require(try JSONValue.parse(response.body)["errors"]?.array)
            #expect(!errors.isEmpty)
            #expect(errors.allSatisfy { $0["message"]?.string?.contains("at most 16 queries") == true })
        }
        await fixture.close()
    }

    @Test func `introspection can be switched off`() async throws {
        let fixture = try await TableFixture()
        for (isEnabled, query) in [
            (true, "{ __schema { types { name } } }"), (false, "{ __schema { types { name } } }"),
        ] {
            let endpoint = try GraphQLEndpoint(service: fixture.service, isIntrospectionEnabled: isEnabled)
            let body: JSONValue = ["query": .string(query)]
            let response = await endpoint.respond(
                to: HTTPRequest(
                    method: .post, target: "/graphql", headers: ["Content-Type": "application/json"],
                    body: body.serialized()))
            #expect(try JSONValue.parse(response.body)["errors"].map { _ in true } ?? false == !isEnabled)
        }
        await fixture.close()
    }
}
