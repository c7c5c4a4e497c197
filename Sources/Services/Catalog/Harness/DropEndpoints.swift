import Clocks
import HTTP
import IcebergCatalog
import JSONFormat

extension CatalogHarness {
    var dropEndpoints: [Endpoint] {
        [
            standard(.delete, "namespaces/{namespace}/tables/{table}", .maintain) { (call) async throws(CatalogError) in
                let purge = try call.flag("purgeRequested")
                try await service.dropTable(try call.table(), purge: purge, call.context)
                return CatalogReply.empty
            },
            standard(.post, "namespaces/{namespace}/tables/{table}/unregister", .maintain) {
                (call) async throws(CatalogError) in
                let file = try await service.unregisterTable(try call.table(), call.context)
                return CatalogReply.json(
                    bytes: CatalogReply.document(location: file.location, metadata: file.json, rest: JSONObject()))
            },
            extra(.post, "namespaces/{namespace}/tables/{table}/undrop", .maintain) {
                (call) async throws(CatalogError) in try await undrop(call)
            },
            extra(.post, "namespaces/{namespace}/tables/{table}/register", .maintain) {
                (call) async throws(CatalogError) in try await reregister(call)
            },
            extra(.get, "namespaces/{namespace}/dropped", .list) { (call) async throws(CatalogError) in
                try await listDropped(call)
            },
            extra(.post, "purges", .administer) { (call) async throws(CatalogError) in
                _ = try call.body()
                return Self.reply(try await service.runPurges())
            },
        ]
    }

    private func undrop(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let (name, uuid) = try CatalogCall.reading { () throws(JSONError) -> (String?, String?) in
            (try body.optional("name")?.string(), try body.optional("table_uuid")?.string())
        }
        let table = try await service.undropTable(try call.table(), as: name, uuid: uuid, call.context)
        return await made(table, call)
    }

    private func reregister(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let location = try CatalogCall.reading { () throws(JSONError) in
            try body.optional("metadata-location")?.string()
        }
        guard let location else {
            return await made(try await service.reregisterTable(try call.table(), call.context), call)
        }
        try await call.rights.require(Need(.maintain, on: .warehouse))
        let table = try await service.registerTable(
            try call.table(), metadataLocation: location, overwrite: false, call.context)
        return await made(table, call)
    }

    private func listDropped(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let all = try await service.droppedTables(in: try call.namespace())
        let visible = try await call.rights.visible(all) { .table($0.table.identifier) }
        return CatalogReply.json([
            "dropped": .array(
                visible.map { table, end in
                    [
                        "name": .string(table.identifier.name), "table_uuid": .string(table.state.tableUUID),
                        "metadata_location": .string(table.state.metadataLocation),
                        "dropped_at": .string(table.droppedAt.description),
                        "undrop_until": .string(end.description), "purge": .bool(table.isPurge),
                    ]
                })
        ])
    }

    private static func reply(_ report: PurgeReport) -> HTTPResponse {
        CatalogReply.json([
            "purged": .array(report.purged.map(\.json)), "forgotten": .array(report.forgotten.map(\.json)),
            "files_deleted": JSONValue(report.filesDeleted), "files_kept": JSONValue(report.filesKept),
            "failed": reasons(report.failed), "skipped": reasons(report.skipped),
        ])
    }

    private static func reasons(_ tables: [(table: TableIdentifier, reason: String)]) -> JSONValue {
        .array(tables.map { ["table": $0.table.json, "reason": .string($0.reason)] })
    }
}

extension CatalogCall {
    /// A truth value among the query's parameters; false when it is not there.
    func flag(_ name: String) throws(CatalogError) -> Bool {
        switch request.parameter(name)?.lowercased() {
        case nil, "", "false": return false
        case "true": return true
        case let other?:
            throw CatalogError(.badRequest, "\(name) is true or false, not \"\(other.prefix(20))\"")
        }
    }
}
