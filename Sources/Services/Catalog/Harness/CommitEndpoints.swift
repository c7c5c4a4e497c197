import HTTP
import IcebergCatalog
import IcebergSpec
import JSONFormat

extension CatalogHarness {
    var commitEndpoints: [Endpoint] {
        [
            standard(
                .post, "namespaces/{namespace}/tables/{table}", .write, isLight: { isSmall($0) }
            ) { (call) async throws(CatalogError) in
                let change = try Self.change(try call.body(), named: try call.table())
                try await confine(change, call)
                let table = try await service.commit(change, call.context)
                let access = TableAccess(config: tableConfig(table.file.metadata.properties))
                return TableDocument(table: table, snapshots: .all, access: access).response(forms)
            },
            standard(.post, "transactions/commit", .parts(Self.transactionNeeds)) { (call) async throws(CatalogError) in
                var changes: [CatalogService.TableChange] = []
                for item in try Self.items(of: call) { changes.append(try Self.change(item, named: nil)) }
                for change in changes { try await confine(change, call) }
                try await service.commitTransaction(changes, call.context)
                return CatalogReply.empty
            },
        ]
    }

    /// Whether the table of a commit is known, and writing its metadata anew takes a moment.
    private func isSmall(_ call: CatalogCall) -> Bool {
        do throws(CatalogError) {
            return try service.known(try call.table()).map { forms.isReady($0, .all) } ?? false
        } catch {
            return false
        }
    }

    private static func transactionNeeds(_ call: CatalogCall) throws(CatalogError) -> [Need] {
        var needs: [Need] = []
        for item in try items(of: call) {
            let table = try CatalogCall.reading { () throws(JSONError) in try item.member("identifier").value }
            needs.append(Need(.write, on: .table(try TableIdentifier(json: table))))
        }
        return needs
    }

    private static func items(of call: CatalogCall) throws(CatalogError) -> [JSONCursor] {
        let body = try call.body()
        let items = try CatalogCall.reading { () throws(JSONError) in try body.member("table-changes").elements() }
        guard items.count <= CatalogLimits.tablesPerTransactionMax else {
            throw CatalogError(
                .badRequest, "a transaction has at most \(CatalogLimits.tablesPerTransactionMax) tables")
        }
        return items
    }

    /// Reads a `CommitTableRequest`. An update or requirement that is not known refuses it as a whole.
    private static func change(
        _ body: JSONCursor, named path: TableIdentifier?
    ) throws(CatalogError) -> CatalogService.TableChange {
        let identifierJSON = try CatalogCall.reading { () throws(JSONError) in try body.optional("identifier")?.value }
        var identifier = path
        if let identifierJSON {
            let named = try TableIdentifier(json: identifierJSON)
            if let path, path != named {
                throw CatalogError(.badRequest, "the commit is for \(named), but was sent to \(path)")
            }
            identifier = named
        }
        guard let identifier else { throw CatalogError(.badRequest, "a table change needs an \"identifier\"") }
        let (requirementsJSON, updatesJSON) = try CatalogCall.reading {
            () throws(JSONError) -> ([JSONCursor], [JSONCursor]) in
            (try body.optional("requirements")?.elements() ?? [], try body.optional("updates")?.elements() ?? [])
        }
        guard updatesJSON.count <= CatalogLimits.updatesPerCommitMax,
            requirementsJSON.count <= CatalogLimits.updatesPerCommitMax
        else {
            throw CatalogError(
                .badRequest, "a commit has at most \(CatalogLimits.updatesPerCommitMax) updates and requirements")
        }
        return try CatalogCall.parsing { () throws(IcebergError) in
            var requirements: [TableRequirement] = []
            for item in requirementsJSON { requirements.append(try TableRequirement(json: item.value)) }
            var updates: [TableUpdate] = []
            for item in updatesJSON { updates.append(try TableUpdate(json: item.value)) }
            return CatalogService.TableChange(
                identifier: identifier, requirements: requirements, updates: updates)
        }
    }
}
