import HTTP
import IcebergCatalog
import IcebergSpec
import JSONFormat

/// How clients get at the files of tables: with credentials, or with signatures.
extension CatalogHarness {
    var credentialEndpoints: [Endpoint] {
        [
            standard(.get, "namespaces/{namespace}/tables/{table}/credentials", .read) {
                (call) async throws(CatalogError) in
                let identifier = try call.table()
                let credentials = try await credentials(
                    for: identifier, try await location(of: identifier, call), call)
                let access = TableAccess(config: [:], credentials: credentials)
                var response = CatalogReply.json(["storage-credentials": access.credentialsJSON ?? []])
                response.headers["Cache-Control"] = "no-store"
                return response
            },
            standard(.post, "namespaces/{namespace}/tables/{table}/sign", .read) {
                (call) async throws(CatalogError) in try await sign(call)
            },
        ]
    }

    private func sign(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let identifier = try call.table()
        let (location, writing) = try await signable(identifier, call)
        guard let signer else {
            throw CatalogError(.badRequest, "this catalog signs no requests: its store is no S3, or signing is off")
        }
        let request = try StoreRequest(body, endpoint: signer.endpoint)
        let place = try service.warehouse.resolve(location).place
        let need = try StoreRequestRules(place: place).need(of: request)
        try await call.rights.require(Need(need == .write ? writing : need, on: .table(identifier)))
        let signed = try signer.sign(request)
        var headers = JSONObject()
        for header in signed.headers { headers[header.name] = [.string(header.value)] }
        var response = CatalogReply.json(["uri": .string(signed.uri), "headers": .object(headers)])
        response.headers["Cache-Control"] = "no-store"
        return response
    }

    /// Where requests are signed for a table, and what it takes to change anything there.
    private func signable(
        _ identifier: TableIdentifier, _ call: CatalogCall
    ) async throws(CatalogError) -> (location: String, writing: Privilege) {
        do throws(CatalogError) {
            return (try await location(of: identifier, call), .write)
        } catch {
            guard error.code == .noSuchTable,
                let location = try await service.locationBeforeDrop(of: identifier)
            else { throw error }
            return (location, .maintain)
        }
    }
}
