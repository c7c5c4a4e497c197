import HTTP
import IcebergCatalog
import IcebergSpec
import JSONFormat

extension CatalogHarness {
    var viewEndpoints: [Endpoint] {
        [
            standard(.get, "namespaces/{namespace}/views", .list) { (call) async throws(CatalogError) in
                try await listViews(call)
            },
            standard(.post, "namespaces/{namespace}/views", .write) { (call) async throws(CatalogError) in
                try await createView(call)
            },
            standard(.post, "namespaces/{namespace}/register-view", .maintainWarehouse) {
                (call) async throws(CatalogError) in
                try await registerView(call)
            },
            standard(.get, "namespaces/{namespace}/views/{view}", .read) { (call) async throws(CatalogError) in
                Self.document(try await service.loadView(try call.view()))
            },
            standard(.post, "namespaces/{namespace}/views/{view}", .write) { (call) async throws(CatalogError) in
                let change = try Self.viewChange(try call.body(), named: try call.view())
                try await confine(change, call)
                return Self.document(try await service.commit(change, call.context))
            },
            standard(.head, "namespaces/{namespace}/views/{view}", .list) { (call) async throws(CatalogError) in
                let view = try call.view()
                guard try await service.viewExists(view) else { throw ObjectKind.view.missing(view) }
                return CatalogReply.empty
            },
            standard(.delete, "namespaces/{namespace}/views/{view}", .maintain) { (call) async throws(CatalogError) in
                try await service.dropView(try call.view(), call.context)
                return CatalogReply.empty
            },
            standard(.post, "views/rename", .parts(Self.renameNeeds)) { (call) async throws(CatalogError) in
                let (source, destination) = try call.renaming()
                try await service.withGrants(from: .view(source), to: .view(destination), call.context) {
                    () async throws(CatalogError) in
                    try await service.renameView(source, to: destination, call.context)
                }
                return CatalogReply.empty
            },
        ]
    }

    private func listViews(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let namespace = try call.namespace()
        _ = try await service.namespaceProperties(namespace)
        let views = try await call.rights.visible(try await service.listViews(in: namespace)) { .view($0) }
        let (page, next) = try call.page(of: views) { $0.name }
        return CatalogReply.json(["identifiers": .array(page.map(\.json)), "next-page-token": next])
    }

    private static func renameNeeds(_ call: CatalogCall) throws(CatalogError) -> [Need] {
        let (source, destination) = try call.renaming()
        return [Need(.maintain, on: .view(source)), Need(.write, on: .namespace(destination.namespace))]
    }

    private func createView(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let name = try CatalogCall.reading { () throws(JSONError) in try body.member("name").string() }
        let identifier = try TableIdentifier(try call.namespace(), name)
        let creation = try Self.viewCreation(body)
        try await confine(creation.location, of: identifier, call)
        return Self.document(try await service.createView(identifier, creation, call.context))
    }

    private static func viewCreation(_ body: JSONCursor) throws(CatalogError) -> CatalogService.ViewCreation {
        let (schema, version, location, properties) = try CatalogCall.reading {
            () throws(JSONError) -> (JSONValue, JSONValue, String?, [String: String]) in
            (
                try body.member("schema").value, try body.member("view-version").value,
                try body.optional("location")?.string(), try body.optional("properties")?.stringMap() ?? [:]
            )
        }
        return try CatalogCall.parsing { () throws(IcebergError) in
            CatalogService.ViewCreation(
                schema: try Schema(relaxed: schema), version: try ViewVersion(json: version), location: location,
                properties: properties)
        }
    }

    private func registerView(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let (name, location) = try CatalogCall.reading { () throws(JSONError) -> (String, String) in
            (try body.member("name").string(), try body.member("metadata-location").string())
        }
        let identifier = try TableIdentifier(try call.namespace(), name)
        return Self.document(
            try await service.registerView(identifier, metadataLocation: location, call.context))
    }

    /// Reads a `CommitViewRequest`. An update or requirement that is not known refuses it as a whole.
    private static func viewChange(
        _ body: JSONCursor, named path: TableIdentifier
    ) throws(CatalogError) -> CatalogService.ViewChange {
        let (identifierJSON, requirementsJSON, updatesJSON) = try CatalogCall.reading {
            () throws(JSONError) -> (JSONValue?, [JSONCursor], [JSONCursor]) in
            (
                try body.optional("identifier")?.value, try body.optional("requirements")?.elements() ?? [],
                try body.member("updates").elements()
            )
        }
        if let identifierJSON {
            let named = try TableIdentifier(json: identifierJSON)
            guard named == path else {
                throw CatalogError(.badRequest, "the commit is for \(named), but was sent to \(path)")
            }
        }
        guard max(updatesJSON.count, requirementsJSON.count) <= CatalogLimits.updatesPerCommitMax else {
            throw CatalogError(
                .badRequest, "a commit has at most \(CatalogLimits.updatesPerCommitMax) updates and requirements")
        }
        return try CatalogCall.parsing { () throws(IcebergError) in
            var requirements: [ViewRequirement] = []
            for item in requirementsJSON { requirements.append(try ViewRequirement(json: item.value)) }
            var updates: [ViewUpdate] = []
            for item in updatesJSON { updates.append(try ViewUpdate(json: item.value)) }
            return CatalogService.ViewChange(identifier: path, requirements: requirements, updates: updates)
        }
    }

    /// The `LoadViewResult`: the metadata as it lies on the store.
    private static func document(_ view: CatalogService.View) -> HTTPResponse {
        var rest = JSONObject()
        rest["config"] = [:]
        return CatalogReply.json(
            bytes: CatalogReply.document(location: view.file.location, metadata: view.file.json, rest: rest))
    }
}
