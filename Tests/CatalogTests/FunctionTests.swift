import HTTP
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// Functions: listed and loaded as the standard has it, put and dropped as this catalog has it.
@Suite struct FunctionTests {
    let client: HarnessClient

    init() async throws {
        let fixture = try ServiceFixture()
        client = HarnessClient(try fixture.service(try await fixture.store()))
    }

    private static let functions = "/v1/namespaces/analytics/functions"
    private static let uuid = "42fd3f91-bc10-41c1-8a52-92b57dd0a9b2"

    static func metadata(
        id: String = "int", type: String = "\"int\"", returns: String = "\"int\"", kind: String = "udf",
        current: Int = 1, uuid: String = uuid, sql: String = "x + 1"
    ) -> String {
        """
        {"function-uuid":"\(uuid)","format-version":1,"definitions":[{"definition-id":"\(id)",
          "parameters":[{"name":"x","type":\(type)}],"return-type":\(returns),"function-type":"\(kind)",
          "versions":[{"version-id":1,"timestamp-ms":1734507000123,
            "representations":[{"type":"sql","dialect":"trino","sql":"\(sql)"}]}],
          "current-version-id":\(current)}],
         "definition-log":[{"timestamp-ms":1734507000123,
          "definition-versions":[{"definition-id":"\(id)","version-id":1}]}]}
        """
    }

    @Test func `a function that was put is listed and loaded, replaced, and dropped`() async throws {
        #expect(await client.send(.put, "\(Self.functions)/add_one", Self.metadata()).status == 200)
        let loaded = await client.send(.get, "\(Self.functions)/add_one")
        #expect(loaded.json["metadata"] == (try JSONValue.parse(Array(Self.metadata().utf8))))
        let listed = await client.send(.get, Self.functions)
        #expect(listed.json["identifiers"] == [["analytics", "add_one"]])
        #expect(await client.send(.delete, "/v1/namespaces/analytics").errorType == "NamespaceNotEmptyException")
        let next = Self.metadata(sql: "x + 2")
        #expect(await client.send(.put, "\(Self.functions)/add_one", next).status == 200)
        let stranger = Self.metadata(uuid: "8a7fa39a-6d8f-4a2f-9d8d-3f3a8f3c2a10")
        #expect(await client.send(.put, "\(Self.functions)/add_one", stranger).status == 409)
        #expect(await client.send(.delete, "\(Self.functions)/add_one").status == 204)
        let gone = await client.send(.get, "\(Self.functions)/add_one")
        #expect(gone.status == 404)
        #expect(gone.errorType == "NoSuchFunctionException")
        #expect(await client.send(.get, "/v1/namespaces/none/functions").errorType == "NoSuchNamespaceException")
        #expect(await client.send(.get, "/v1/namespaces/none/functions/f").errorType == "NoSuchNamespaceException")
    }

    static let accepted = [
        metadata(id: "list<int>", type: #"{"type":"list","element":"int"}"#),
        metadata(id: "map<string,int>", type: #"{"type":"map","key":"string","value":"int"}"#),
        metadata(
            id: "struct<id:int,name:string>",
            type: #"{"type":"struct","fields":[{"name":"id","type":"int"},{"name":"name","type":"string"}]}"#),
        metadata(returns: #"{"type":"struct","fields":[{"name":"id","type":"int"}]}"#, kind: "udtf"),
    ]

    @Test(arguments: accepted)
    func `the id of a definition is made of its parameters`(metadata: String) async {
        #expect(await client.send(.put, "\(Self.functions)/f", metadata).status == 200)
    }

    static let refused = [
        "{}", metadata(id: "long"), metadata(type: #""in t""#), metadata(kind: "udtf"), metadata(kind: "macro"),
        metadata(current: 2), metadata(uuid: "x"),
        metadata(id: "list<int>", type: #"{"type":"set","element":"int"}"#),
    ]

    @Test(arguments: refused)
    func `metadata that does not hold together is refused`(metadata: String) async {
        let answer = await client.send(.put, "\(Self.functions)/f", metadata)
        #expect(answer.status == 400)
        #expect(answer.errorMessage?.isEmpty == false)
    }
}
