import HTTP
import IcebergCatalog
import IcebergSpec
import JSONFormat
import ObjectStore

/// What a client is told with a table so that it can get at its files.
struct TableAccess: Sendable {
    var config: [String: String]
    var credentials: [CredentialVending.Credential] = []
    /// Whether the client is to have its requests signed.
    var isSigned = false

    /// The members of a `LoadTableResult` that say it.
    var members: JSONObject {
        var members = JSONObject()
        members["config"] = JSONValue(config)
        if let credentials = credentialsJSON { members["storage-credentials"] = credentials }
        if isSigned { members["remote-signing-config"] = ["properties": [:], "headers": [:]] }
        return members
    }

    /// Nil where there are none.
    var credentialsJSON: JSONValue? {
        guard !credentials.isEmpty else { return nil }
        return .array(credentials.map { ["prefix": .string($0.prefix), "config": JSONValue($0.config)] })
    }
}

extension CatalogHarness {
    /// How clients ask for access (`X-Iceberg-Access-Delegation`).
    private enum Delegation: String {
        case vendedCredentials = "vended-credentials"
        case remoteSigning = "remote-signing"

        static func asked(_ request: HTTPRequest) -> Set<Delegation> {
            let names = request.headers.values("X-Iceberg-Access-Delegation").flatMap { $0.split(separator: ",") }
            return Set(names.compactMap { name in Delegation(rawValue: name.filter { $0 != " " }) })
        }
    }

    /// Access to a table by the means the client asks for: credentials before signing, where both are possible.
    ///
    /// - Parameter isStaged: the table is not made yet.
    /// - Throws: `.serviceUnavailable` when credentials are asked for and cannot be had.
    func access(
        to identifier: TableIdentifier, _ metadata: TableMetadata, isStaged: Bool = false, _ call: CatalogCall
    ) async throws(CatalogError) -> TableAccess {
        var access = TableAccess(config: tableConfig(metadata.properties))
        let asked = Delegation.asked(call.request)
        func address(_ operation: String, _ isStaged: Bool) async throws(CatalogError) -> String {
            let address = "v1/\(identifier.urlPath)/\(operation)"
            guard isStaged else { return address }
            let token = try await stagedToken(for: identifier, metadata.location)
            return "\(address)?\(StagedPlace.parameter)=\(token)"
        }
        if asked.contains(.vendedCredentials) {
            access.credentials = try await credentials(for: identifier, metadata.location, call)
            // Older clients look for credentials among the settings.
            for credential in access.credentials { access.config.merge(credential.config) { $1 } }
            if access.credentials.contains(where: { $0.config["s3.session-token-expires-at-ms"] != nil }) {
                access.config["client.refresh-credentials-endpoint"] = try await address("credentials", isStaged)
            }
        }
        if asked.contains(.remoteSigning), access.credentials.isEmpty, signer != nil {
            access.isSigned = true
            let endpoint = try await address("sign", isStaged)
            access.config["s3.remote-signing-enabled"] = "true"
            access.config["signer.endpoint"] = endpoint
            access.config["s3.signer.endpoint"] = endpoint
            access.config["s3.signer"] = "S3V4RestSigner"
        }
        return access
    }

    /// The answer to a change that made a table or brought it back.
    func made(_ table: CatalogService.Table, _ call: CatalogCall) async -> HTTPResponse {
        let access = await accessAfterChange(to: table.identifier, table.file.metadata, call)
        return TableDocument(table: table, snapshots: .all, access: access).response(forms)
    }

    /// As `access`, after a change that has taken place: what cannot be had is left out.
    func accessAfterChange(
        to identifier: TableIdentifier, _ metadata: TableMetadata, isStaged: Bool = false, _ call: CatalogCall
    ) async -> TableAccess {
        do {
            return try await access(to: identifier, metadata, isStaged: isStaged, call)
        } catch {
            return TableAccess(config: tableConfig(metadata.properties))
        }
    }

    /// What the caller may have: only reading, where that is all it may do.
    func credentials(
        for identifier: TableIdentifier, _ location: String, _ call: CatalogCall
    ) async throws(CatalogError) -> [CredentialVending.Credential] {
        let canWrite = try await call.rights.allows(Need(.write, on: .table(identifier)))
        let place = try service.warehouse.resolve(location).place
        return try await vending.credentials(
            for: place, location: location, canWrite: canWrite, isUnlimited: call.rights.isUnlimited)
    }

    /// Who is to plan scans is said for all tables by a variable, and for one by its property of the same name.
    func tableConfig(_ properties: [String: String]) -> [String: String] {
        var config = service.warehouse.clientConfig
        if let mode = properties[ScanPlanningMode.key].flatMap({ ScanPlanningMode(rawValue: $0) }) {
            config[ScanPlanningMode.key] = mode.rawValue
        }
        return config
    }
}
