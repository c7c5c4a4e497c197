import GraphQLFormat
import JSONFormat
import Testing

private struct Refusal: GraphQLPresentableError {
    var graphQLMessage: String { "refused" }
    var graphQLCode: String { "NO" }
}

private struct Secret: Error {}

@Suite struct ExecutorTests {
    static let sdl = """
        type Query {
          hello(name: String = "world", shout: Boolean! = false): String!
          item(id: ID!): Item
          items: [Item!]
          holes: [Int]
          fails: Int
          secret: Int
          strict: Strict
          long: Long
          echo(input: In!): JSON
          color: Color
          wrong: Int
        }
        type Strict { must: Int! may: Int }
        type Item { id: ID! name: String price: Float next: Item }
        input In { a: Int! b: [String!] = ["d"] c: Color }
        enum Color { RED GREEN }
        scalar Long
        scalar JSON
        """

    func executor() throws -> GraphQLExecutor<Void> {
        GraphQLExecutor(
            schema: try GraphQLSchema(sdl: Self.sdl),
            resolvers: [
                "Query.hello": { request in
                    let name = request.arguments["name"]?.string ?? "nobody"
                    let isLoud = request.arguments["shout"]?.bool == true
                    return .json(.string("hello \(isLoud ? name.uppercased() : name)"))
                },
                "Query.item": { request in .object(request.arguments["id"]?.string ?? "") },
                "Item.id": { request in .json(.string(request.source as? String ?? "plain")) },
                "Query.items": { _ in .json([["id": "1", "name": "a"], ["id": "2", "price": 2]]) },
                "Query.holes": { _ in .json([1, nil, 3]) },
                "Query.fails": { _ in throw Refusal() },
                "Query.secret": { _ in throw Secret() },
                "Query.strict": { _ in .json(["must": nil, "may": 1]) },
                "Query.long": { _ in .json(.integer(9_007_199_254_740_993)) },
                "Query.echo": { request in .json(request.arguments["input"] ?? .null) },
                "Query.color": { _ in .json("RED") },
                "Query.wrong": { _ in .json("text") },
            ])
    }

    static let answers: [(String, String)] = [
        ("{ hello }", #"{"data":{"hello":"hello world"}}"#),
        (
            "{ a: hello(name: \"x\", shout: true) b: hello(name: null) }",
            #"{"data":{"a":"hello X","b":"hello nobody"}}"#
        ),
        ("{ item(id: 5) { id __typename } }", #"{"data":{"item":{"id":"5","__typename":"Item"}}}"#),
        ("{ holes long color }", #"{"data":{"holes":[1,null,3],"long":9007199254740993,"color":"RED"}}"#),
        (
            "{ hello @skip(if: true) color @include(if: false) holes @include(if: true) }",
            #"{"data":{"holes":[1,null,3]}}"#
        ),
        (
            "{ ...F } fragment F on Query { item(id: 1) { name } item(id: 1) { id } }",
            #"{"data":{"item":{"name":null,"id":"1"}}}"#
        ),
        ("{ echo(input: {a: 1}) }", #"{"data":{"echo":{"a":1,"b":["d"]}}}"#),
        ("{ echo(input: {a: 1, b: \"x\", c: GREEN}) }", #"{"data":{"echo":{"a":1,"b":["x"],"c":"GREEN"}}}"#),
        (
            "{ fails hello }",
            #"{"errors":[{"message":"refused","locations":[{"line":1,"column":3}],"path":["fails"],"extensions":{"code":"NO"}}],"data":{"fails":null,"hello":"hello world"}}"#
        ),
        (
            "{ secret }",
            #"{"errors":[{"message":"Internal error.","locations":[{"line":1,"column":3}],"path":["secret"],"extensions":{"code":"INTERNAL_SERVER_ERROR"}}],"data":{"secret":null}}"#
        ),
        (
            "{ strict { may must } }",
            #"{"errors":[{"message":"Cannot return null for the non-nullable field must.","locations":[{"line":1,"column":16}],"path":["strict","must"],"extensions":{"code":"INTERNAL_SERVER_ERROR"}}],"data":{"strict":null}}"#
        ),
        (
            "{ __type(name: \"Color\") { kind enumValues { name } } }",
            #"{"data":{"__type":{"kind":"ENUM","enumValues":[{"name":"RED"},{"name":"GREEN"}]}}}"#
        ),
        ("{ __type(name: \"Nope\") { kind } }", #"{"data":{"__type":null}}"#),
    ]

    @Test(arguments: answers) func `an operation has its answer`(text: String, expected: String) async throws {
        let response = try await executor().execute(text, context: ())
        #expect(response.json.serializedString() == expected)
    }

    @Test func `a list element that must not be null nulls the list`() async throws {
        let response = try await executor().execute("{ items { name price } wrong }", context: ())
        #expect(response.json["data"]?["items"]?.array?.count == 2)
        #expect(response.json["data"]?["wrong"] == .null)
        #expect(response.errors.map(\.message) == ["Int cannot represent this value."])
    }

    static let variables: [(String, String, String?)] = [
        (#"{"a": 5}"#, "hello 5", "Variable \"$a\" got invalid value: String cannot represent value: 5 at \"$a\"."),
        (#"{"a": "x"}"#, "hello x", nil), (#"{}"#, "hello dflt", nil), (#"{"a": null}"#, "hello nobody", nil),
    ]

    @Test(arguments: variables) func `variables are coerced`(given: String, expected: String, error: String?)
        async throws
    {
        let object = try #require(try JSONValue.parse(given).object)
        let response = try await executor().execute(
            "query ($a: String = \"dflt\") { hello(name: $a) }", variables: object, context: ())
        #expect(response.errors.first?.message == error)
        if error == nil { #expect(response.json["data"]?["hello"]?.string == expected) }
    }

    @Test func `an operation is chosen by its name`() async throws {
        let text = "query A { hello } query B { color }"
        let executor = try executor()
        #expect(await executor.execute(text, operationName: "B", context: ()).json["data"] == ["color": "RED"])
        #expect(await executor.execute(text, context: ()).data == nil)
        #expect(await executor.execute(text, operationName: "C", context: ()).data == nil)
    }
}
