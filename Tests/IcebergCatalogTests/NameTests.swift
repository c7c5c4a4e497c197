import IcebergCatalog
import JSONFormat
import Testing

@Suite struct NameTests {
    @Test(arguments: [[], [""], ["a", ""], ["a\u{1F}b"], ["\u{0}"], [String](repeating: "a", count: 17)])
    func `a namespace that a URL or key could misread cannot be built`(levels: [String]) {
        #expect(throws: CatalogError.self) { try NamespaceName(levels) }
    }

    @Test func `the limit of a namespace's length is exact`() throws {
        let longest = String(repeating: "n", count: NamespaceName.bytesMax)
        #expect(try NamespaceName([longest]).levels == [longest])
        #expect(throws: CatalogError.self) { try NamespaceName([longest + "n"]) }
    }

    @Test func `levels travel in URLs joined by the unit separator`() throws {
        let name = try NamespaceName(["a/b", "ä"])
        #expect(name.urlComponent == "a%2Fb%1F%C3%A4")
        #expect(try NamespaceName(urlComponent: "a/b\u{1F}ä") == name)
        #expect(name.parent?.levels == ["a/b"])
        #expect(name.parent?.parent == nil)
    }

    @Test func `a dotted table name ends in the table`() throws {
        let table = try TableIdentifier(dotted: "a.b.events")
        #expect(table.namespace.levels == ["a", "b"])
        #expect(table.name == "events")
        #expect(throws: CatalogError.self) { try TableIdentifier(dotted: "events") }
        #expect(throws: CatalogError.self) { try TableIdentifier(dotted: "a.") }
    }

    @Test(arguments: CatalogError.Code.allCases)
    func `every error says its status and type in the body clients read`(code: CatalogError.Code) {
        let error = CatalogError(code, "why")
        #expect(error.json["error"]?["code"]?.integer == Int64(error.status))
        #expect(error.json["error"]?["type"]?.string == code.rawValue)
        #expect((400..<600).contains(error.status))
    }
}
