import HTTP
import IcebergCatalog
import JSONFormat

extension CatalogHarness {
    var namespaceEndpoints: [Endpoint] {
        [
            standard(.get, "namespaces", .list) { (call) async throws(CatalogError) in try await listNamespaces(call) },
            standard(.post, "namespaces", .parts(Self.creationNeeds)) { (call) async throws(CatalogError) in
                try await createNamespace(call)
            },
            standard(.get, "namespaces/{namespace}", .list) { (call) async throws(CatalogError) in
                let name = try call.namespace()
                let properties = try await service.namespaceProperties(name)
                return CatalogReply.json(namespaceJSON(name, properties))
            },
            standard(.head, "namespaces/{namespace}", .list) { (call) async throws(CatalogError) in
                _ = try await service.namespaceProperties(try call.namespace())
                return CatalogReply.empty
            },
            standard(.delete, "namespaces/{namespace}", .maintain) { (call) async throws(CatalogError) in
                try await service.dropNamespace(try call.namespace(), call.context)
                return CatalogReply.empty
            },
            standard(.post, "namespaces/{namespace}/properties", .maintain) { (call) async throws(CatalogError) in
                try await updateNamespace(call)
            },
        ]
    }

    private func listNamespaces(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        var parent: NamespaceName?
        if let text = call.request.parameter("parent"), !text.isEmpty { parent = try NamespaceName(urlComponent: text) }
        if let parent { try await call.rights.require(Need(.list, on: .namespace(parent))) }
        let all = try await call.rights.visible(try await service.listNamespaces(under: parent)) { .namespace($0) }
        let (page, next) = try call.page(of: all) { $0.levels.joined(separator: "\u{1F}") }
        return CatalogReply.json([
            "namespaces": .array(page.map { .array($0.levels.map { .string($0) }) }), "next-page-token": next,
        ])
    }

    private func createNamespace(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let name = try Self.newName(body)
        let properties = try CatalogCall.reading { () throws(JSONError) in
            try body.optional("properties")?.stringMap() ?? [:]
        }
        try await service.forgetGrants(in: name, call.context)
        let made = try await service.createNamespace(name, properties: properties, call.context)
        return CatalogReply.json(namespaceJSON(name, made))
    }

    /// A namespace is made in the one above it.
    private static func creationNeeds(_ call: CatalogCall) throws(CatalogError) -> [Need] {
        let parent = try newName(try call.body()).parent
        return [Need(.write, on: parent.map { .namespace($0) } ?? .warehouse)]
    }

    private static func newName(_ body: JSONCursor) throws(CatalogError) -> NamespaceName {
        let levels = try CatalogCall.reading { () throws(JSONError) in try body.member("namespace").elements() }
        return try NamespaceName(jsonLevels: levels.map(\.value))
    }

    private func updateNamespace(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let (removals, updates) = try CatalogCall.reading {
            () throws(JSONError) -> ([String], [String: String]) in
            var removals: [String] = []
            for key in try body.optional("removals")?.elements() ?? [] { removals.append(try key.string()) }
            return (removals, try body.optional("updates")?.stringMap() ?? [:])
        }
        let change = try await service.updateNamespace(
            try call.namespace(), removals: removals, updates: updates, call.context)
        func list(_ keys: [String]) -> JSONValue { .array(keys.map { .string($0) }) }
        return CatalogReply.json([
            "updated": list(change.updated), "removed": list(change.removed), "missing": list(change.missing),
        ])
    }

    private func namespaceJSON(_ name: NamespaceName, _ properties: [String: String]) -> JSONValue {
        ["namespace": .array(name.levels.map { .string($0) }), "properties": JSONValue(properties)]
    }
}
