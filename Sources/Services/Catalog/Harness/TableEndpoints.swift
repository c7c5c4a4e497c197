import HTTP
import IcebergCatalog
import IcebergSpec
import JSONFormat

extension CatalogHarness {
    var tableEndpoints: [Endpoint] {
        [
            standard(.get, "namespaces/{namespace}/tables", .list) { (call) async throws(CatalogError) in
                try await listTables(call)
            },
            standard(.post, "namespaces/{namespace}/tables", .write) { (call) async throws(CatalogError) in
                try await createTable(call)
            },
            standard(.post, "namespaces/{namespace}/register", .maintainWarehouse) {
                (call) async throws(CatalogError) in
                try await registerTable(call)
            },
            standard(
                .get, "namespaces/{namespace}/tables/{table}", .read,
                brief: { (call) async throws(CatalogError) in try await loadKnownTable(call) }
            ) { (call) async throws(CatalogError) in
                try await loadTable(call)
            },
            standard(.head, "namespaces/{namespace}/tables/{table}", .list) { (call) async throws(CatalogError) in
                let table = try call.table()
                guard try await service.tableExists(table) else { throw ObjectKind.table.missing(table) }
                return CatalogReply.empty
            },
            standard(.post, "tables/rename", .parts(Self.renameNeeds)) { (call) async throws(CatalogError) in
                try await renameTable(call)
            },
        ]
    }

    private func listTables(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let namespace = try call.namespace()
        _ = try await service.namespaceProperties(namespace)
        let tables = try await call.rights.visible(try await service.listTables(in: namespace)) { .table($0) }
        let (page, next) = try call.page(of: tables) { $0.name }
        return CatalogReply.json(["identifiers": .array(page.map(\.json)), "next-page-token": next])
    }

    private func loadTable(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let snapshots = try Self.snapshots(call)
        let table = try await service.loadTable(try call.table())
        let access = try await access(to: table.identifier, table.file.metadata, call)
        let document = TableDocument(table: table, snapshots: snapshots, access: access)
        return document.response(to: call.request, forms)
    }

    /// The table, when its metadata has been read before and giving it away is copying a little.
    private func loadKnownTable(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse? {
        let snapshots = try Self.snapshots(call)
        let identifier = try call.table()
        guard call.rights.allowsOutright(Need(.read, on: .table(identifier))),
            call.request.headers["X-Iceberg-Access-Delegation"] == nil,
            let table = try await service.loadKnownTable(identifier), forms.isReady(table.file, snapshots)
        else { return nil }
        let access = try await access(to: identifier, table.file.metadata, call)
        let document = TableDocument(table: table, snapshots: snapshots, access: access)
        let response = document.response(to: call.request, forms)
        return response.body.count < ContentCoding.bodyBytesMin ? response : nil
    }

    private static func snapshots(_ call: CatalogCall) throws(CatalogError) -> TableDocument.Snapshots {
        let form = call.request.parameter("snapshots") ?? TableDocument.Snapshots.all.rawValue
        guard let snapshots = TableDocument.Snapshots(rawValue: form.lowercased()) else {
            throw CatalogError(.badRequest, "snapshots must be \"all\" or \"refs\", not \"\(form.prefix(20))\"")
        }
        return snapshots
    }

    private func createTable(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let (name, isStaged) = try CatalogCall.reading { () throws(JSONError) -> (String, Bool) in
            (try body.member("name").string(), try body.optional("stage-create")?.bool() ?? false)
        }
        let identifier = try TableIdentifier(try call.namespace(), name)
        try await confine(
            try CatalogCall.reading { () throws(JSONError) in try body.optional("location")?.string() }, of: identifier,
            call)
        let creation = CatalogService.Creation(creation: try Self.creation(body), isStaged: isStaged)
        let (metadata, table) = try await service.createTable(identifier, creation, call.context)
        if let table { return await made(table, call) }
        let access = await accessAfterChange(to: identifier, metadata, isStaged: true, call)
        return CatalogReply.json(
            bytes: TableForms.document(location: nil, metadata: metadata, access))
    }

    /// Takes the standard body, and the relaxed one: schema without ids, bare list as partition spec.
    private static func creation(_ body: JSONCursor) throws(CatalogError) -> TableCreation {
        let schemaJSON = try CatalogCall.reading { () throws(JSONError) in try body.member("schema").value }
        var creation = TableCreation(
            schema: try CatalogCall.parsing { () throws(IcebergError) in try Schema(relaxed: schemaJSON) })
        try CatalogCall.reading { () throws(JSONError) in
            creation.location = try body.optional("location")?.string()
            creation.properties = try body.optional("properties")?.stringMap() ?? [:]
        }
        let spec = try CatalogCall.reading { () throws(JSONError) in try body.optional("partition-spec")?.value }
        let order = try CatalogCall.reading { () throws(JSONError) in try body.optional("write-order")?.value }
        try CatalogCall.parsing { () throws(IcebergError) in
            if let spec { creation.partitionSpec = try UnboundPartitionSpec(relaxed: spec) }
            if let order { creation.sortOrder = try SortOrder(json: order) }
        }
        return creation
    }

    private func registerTable(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let (name, location, overwrite) = try CatalogCall.reading {
            () throws(JSONError) -> (String, String, Bool) in
            (
                try body.member("name").string(), try body.member("metadata-location").string(),
                try body.optional("overwrite")?.bool() ?? false
            )
        }
        let identifier = try TableIdentifier(try call.namespace(), name)
        let table = try await service.registerTable(
            identifier, metadataLocation: location, overwrite: overwrite, call.context)
        return await made(table, call)
    }

    private func renameTable(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let (source, destination) = try call.renaming()
        try await service.withGrants(from: .table(source), to: .table(destination), call.context) {
            () async throws(CatalogError) in
            try await service.renameTable(source, to: destination, call.context)
        }
        return CatalogReply.empty
    }

    /// The name goes from one place to another: it is taken away here, and something new is there.
    private static func renameNeeds(_ call: CatalogCall) throws(CatalogError) -> [Need] {
        let (source, destination) = try call.renaming()
        return [Need(.maintain, on: .table(source)), Need(.write, on: .namespace(destination.namespace))]
    }
}
