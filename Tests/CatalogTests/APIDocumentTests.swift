import Foundation
import ObjectStore
import Testing

@testable import Catalog

/// `docs/api/catalog.yaml` and the routes are the same: whatever is served beyond the standard is documented, and nothing else is.
@Suite struct APIDocumentTests {
    @Test func `every route beyond the standard is documented, and no other one`() throws {
        let service = try ServiceFixture().service(MemoryObjectStore())
        let harness = CatalogHarness(service: service, vending: CredentialVending(config: nil))
        let served = harness.endpoints.filter { !$0.isStandard }.map { "\($0.method) /v1/\($0.path)" }
        #expect(Set(try Self.documented()).symmetricDifference(served).sorted() == [])
    }

    /// Method and path of each operation, by the indentation that the document keeps.
    private static func documented() throws -> [String] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let text = try String(contentsOf: root.appending(path: "docs/api/catalog.yaml"), encoding: .utf8)
        var path = ""
        var found: [String] = []
        for line in text.split(separator: "\n") {
            if line.hasPrefix("  /v1/"), line.hasSuffix(":") { path = String(line.dropFirst(2).dropLast()) }
            let methods = ["get", "put", "post", "delete", "head"]
            if let method = methods.first(where: { line == "    \($0):" }) {
                found.append("\(method.uppercased()) \(path)")
            }
        }
        return found
    }
}
