import Foundation
import ObjectStore
import Testing

@testable import Catalog

/// `docs/api/catalog.yaml` and the routes are the same: whatever is served beyond the standard is documented, and nothing else is.
@Suite struct APIDocumentTests {
    @Test func `every route beyond the standard is documented with its query parameters, and no other one`() throws {
        let service = try ServiceFixture().service(MemoryObjectStore())
        let harness = CatalogHarness(service: service, vending: CredentialVending(config: nil))
        var served: [String: Set<String>] = [:]
        for endpoint in harness.endpoints where !endpoint.isStandard {
            served["\(endpoint.method) /v1/\(endpoint.path)"] = Set(try #require(endpoint.parameters))
        }
        let documented = try Self.documented()
        #expect(Set(documented.keys).symmetricDifference(served.keys).sorted() == [])
        for (operation, parameters) in served { #expect(documented[operation] == parameters, "\(operation)") }
    }

    /// Each operation by method and path with its query parameters, by the indentation that the document keeps.
    private static func documented() throws -> [String: Set<String>] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let text = try String(contentsOf: root.appending(path: "docs/api/catalog.yaml"), encoding: .utf8)
        var path = ""
        var operation = ""
        var found: [String: Set<String>] = [:]
        for line in text.split(separator: "\n") {
            if line.hasPrefix("  /v1/"), line.hasSuffix(":") { path = String(line.dropFirst(2).dropLast()) }
            let methods = ["get", "put", "post", "delete", "head"]
            if let method = methods.first(where: { line == "    \($0):" }) {
                operation = "\(method.uppercased()) \(path)"
                found[operation] = []
            }
            if line.hasPrefix("        - {name: "), line.contains(", in: query,") {
                let name = line.dropFirst("        - {name: ".count).prefix { $0 != "," }
                found[operation]?.insert(String(name))
            }
        }
        return found
    }
}
