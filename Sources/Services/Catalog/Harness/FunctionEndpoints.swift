import HTTP
import IcebergCatalog
import JSONFormat

extension CatalogHarness {
    var functionEndpoints: [Endpoint] {
        [
            standard(.get, "namespaces/{namespace}/functions", .list) { (call) async throws(CatalogError) in
                try await listFunctions(call)
            },
            standard(.get, "namespaces/{namespace}/functions/{function}", .read) { (call) async throws(CatalogError) in
                Self.document(try await service.loadFunction(try call.function()))
            },
            extra(.put, "namespaces/{namespace}/functions/{function}", .write) { (call) async throws(CatalogError) in
                let limit = CatalogLimits.functionBytesMax
                guard call.request.body.count <= limit else {
                    throw CatalogError(.badRequest, "the metadata of a function has at most \(limit) bytes")
                }
                return Self.document(
                    try await service.putFunction(try call.function(), try call.body().value, call.context))
            },
            extra(.delete, "namespaces/{namespace}/functions/{function}", .maintain) {
                (call) async throws(CatalogError) in
                try await service.dropFunction(try call.function(), call.context)
                return CatalogReply.empty
            },
        ]
    }

    private func listFunctions(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let namespace = try call.namespace()
        _ = try await service.namespaceProperties(namespace)
        // Whoever may see the namespace for a table in it alone may load none of its functions.
        let mayLoad = try await call.rights.allows(Need(.read, on: .namespace(namespace)))
        let functions = mayLoad ? try await service.listFunctions(in: namespace) : []
        let (page, next) = try call.page(of: functions) { $0.name }
        let identifiers = page.map { JSONValue.array(($0.namespace.levels + [$0.name]).map { .string($0) }) }
        return CatalogReply.json(["identifiers": .array(identifiers), "next-page-token": next])
    }

    private static func document(_ function: FunctionState) -> HTTPResponse {
        CatalogReply.json(["metadata": function.metadata])
    }
}

extension CatalogCall {
    fileprivate func function() throws(CatalogError) -> TableIdentifier {
        try TableIdentifier(try namespace(), parameters["function"] ?? "")
    }
}
