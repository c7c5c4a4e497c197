import Clocks
import Configuration
import ObjectStore
import ServiceHost

/// The variables of the catalog worker, besides those of every worker.
package struct CatalogConfiguration: ConfigurationSection, Sendable {
    let objectStore: ObjectStoreConfiguration
    /// A plain word: clients take a name like `s3://…` for something else.
    let warehouse: String
    /// Besides the source and the processed bucket.
    let otherBuckets: [BucketName]
    let tokens: [AccessKey]
    let clients: [AccessKey]
    let vendsCredentials: Bool
    let signsRequests: Bool
    /// How long temporary credentials hold.
    let credentialsSeconds: Int
    /// Cloudflare's API; nil where it is not used.
    let r2Account: String?
    let r2Token: Secret?
    let r2API: EndpointURL?
    /// The security token service of the store; nil where it is not used.
    let tokenService: EndpointURL?
    let role: String?
    let prices: StoragePrices
    /// Nil: clients do as they please.
    let scanPlanning: ScanPlanningMode?
    let dropRetentionHours: Int

    /// Of the registers of tables.
    let registerRetention: RegisterRetention

    package init(from reader: inout ConfigurationReader) {
        objectStore = reader.section()
        prices = StoragePrices(from: &reader)
        warehouse = reader.parsed(
            "CATALOG_WAREHOUSE", default: "analytics", allowed: "1 to 63 letters, digits, - and _",
            "name of the one warehouse"
        ) { text in Self.isPlainWord(text) ? text : nil }
        let buckets = reader.list(
            "CATALOG_WAREHOUSE_BUCKETS", "buckets tables may lie in, besides SOURCE_BUCKET and PROCESSED_BUCKET")
        otherBuckets = Self.buckets(buckets, &reader)
        let tokenTexts = reader.secretList(
            "CATALOG_TOKENS",
            "bearer tokens of clients, besides ANALYTICS_API_KEY; admin, or <role>=<token> for reader, writer, maintainer"
        )
        tokens = tokenTexts.map { Self.token($0) }
        let clientTexts = reader.secretList(
            "CATALOG_CLIENTS",
            "OAuth clients, each id:secret or <role>=id:secret, for POST /v1/oauth/tokens")
        clients = Self.clients(clientTexts, &reader)
        let isDevelopment = reader.deploymentEnvironment() == .development
        vendsCredentials = reader.bool(
            "CATALOG_VEND_CREDENTIALS", default: isDevelopment,
            "hand the store's own credentials to clients that ask for vended credentials")
        signsRequests = reader.bool(
            "CATALOG_REMOTE_SIGNING", default: true,
            "sign requests to an S3 store for clients that ask for it, within a table and what they may do with it")
        credentialsSeconds = reader.int(
            "CATALOG_CREDENTIALS_SECONDS", in: 900...43_200, default: 3_600,
            "how long temporary credentials hold; they are handed out again while half of that is left")
        r2Account = reader.optionalString(
            "R2_ACCOUNT_ID", "account whose API makes temporary credentials of R2, narrowed to a table")
        r2Token = reader.secret("R2_API_TOKEN", "token of that API, with the rights to be handed on")
        r2API = reader.url(
            "R2_API_URL", "where that API is; unset: https://api.cloudflare.com/client/v4")
        tokenService = reader.url(
            "CATALOG_STS_URL", "security token service of the store, which makes credentials narrowed to a table")
        role = reader.optionalString("CATALOG_STS_ROLE", "ARN of the role that these credentials are of")
        if (r2Account == nil) != (r2Token == nil) {
            reader.refuse("R2_API_TOKEN", "and R2_ACCOUNT_ID are set both or neither")
        }
        if (tokenService == nil) != (role == nil) {
            reader.refuse("CATALOG_STS_ROLE", "and CATALOG_STS_URL are set both or neither")
        }
        scanPlanning = reader.optionalParsed(
            "CATALOG_SCAN_PLANNING", allowed: ScanPlanningMode.allCases.map(\.rawValue).joined(separator: " | "),
            "where clients must plan scans; the table property scan-planning-mode goes before it"
        ) { ScanPlanningMode(rawValue: $0) }
        dropRetentionHours = reader.int(
            "CATALOG_DROP_RETENTION_HOURS", in: 0...CatalogLimits.dropRetentionHoursMax,
            default: CatalogLimits.dropRetentionHours,
            "how long a dropped table can be brought back; the files of a purged one are deleted then")
        registerRetention = RegisterRetention(
            versions: Int64(
                reader.int(
                    "CATALOG_REGISTER_KEEP_VERSIONS", in: Int(RegisterRetention.versionsMin)...1_000_000_000,
                    default: 1_000, "newest commits of a table whose register entries are kept, whatever their age")),
            days: Int64(
                reader.int(
                    "CATALOG_REGISTER_KEEP_DAYS", in: 1...36_500, default: 30,
                    "how long register entries beyond those are kept")))
    }

    private static func isPlainWord(_ text: String) -> Bool {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
            default: false
            }
        }
        // Names of this API's own paths would hide them.
        return isPlain && (1...63).contains(text.utf8.count)
            && ![
                "namespaces", "tables", "config", "oauth", "transactions", "schemas", "permissions", "audit", "events",
            ].contains(text)
    }

    private static func buckets(_ texts: [String], _ reader: inout ConfigurationReader) -> [BucketName] {
        var buckets: [BucketName] = []
        for text in texts {
            do {
                buckets.append(try BucketName(text))
            } catch {
                reader.refuse("CATALOG_WAREHOUSE_BUCKETS", error.message)
            }
        }
        return buckets
    }

    private static func token(_ text: Secret) -> AccessKey {
        let (role, token) = roleAndRest(text)
        let key = AccessKey(plain: token, scopes: .write)
        return AccessKey(name: "token-\(key.name)", digest: key.digest, scopes: .write, roles: [role.rawValue])
    }

    private static func clients(_ texts: [Secret], _ reader: inout ConfigurationReader) -> [AccessKey] {
        var clients: [AccessKey] = []
        for (index, text) in texts.enumerated() {
            let (role, rest) = roleAndRest(text)
            let parts = rest.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2 else {
                reader.refuse("CATALOG_CLIENTS", "entry \(index + 1) is not of the form id:secret")
                continue
            }
            let digest = AccessKey(plain: parts[1], scopes: .write).digest
            clients.append(AccessKey(name: parts[0], digest: digest, scopes: .write, roles: [role.rawValue]))
        }
        return clients
    }

    /// `reader=…`; without a role before it, admin.
    private static func roleAndRest(_ text: Secret) -> (role: Role, rest: String) {
        let parts = text.revealed.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let role = Role(rawValue: String(parts[0])) else { return (.admin, text.revealed) }
        return (role, String(parts[1]))
    }

    /// What clients are told of planning and of the object store: nothing for a local one, whose locations say it all.
    var clientConfig: [String: String] {
        var config: [String: String] = [:]
        config[ScanPlanningMode.key] = scanPlanning?.rawValue
        guard case .s3(let s3) = objectStore.place else { return config }
        config["s3.endpoint"] = s3.endpoint
        config["s3.path-style-access"] = s3.addressing == .path ? "true" : "false"
        config["s3.region"] = s3.region
        config["client.region"] = s3.region
        return config
    }

    /// Where credentials for clients come from: temporary ones where they can be had, else the store's own where
    /// these may be handed out.
    var credentialSource: CredentialVending.Source {
        guard case .s3(let s3) = objectStore.place else { return .none }
        if let r2Account, let r2Token {
            return .r2(
                TemporaryAccessAPI(
                    endpoint: r2API?.text ?? "https://api.cloudflare.com/client/v4", account: r2Account,
                    token: r2Token.revealed, parentAccessKeyID: s3.credentials.accessKeyID))
        }
        if let tokenService, let role {
            return .tokenService(
                SecurityTokenService(
                    endpoint: tokenService.text, region: s3.region, role: role, credentials: s3.credentials))
        }
        guard vendsCredentials else { return .none }
        var config = [
            "s3.access-key-id": s3.credentials.accessKeyID, "s3.secret-access-key": s3.credentials.secretAccessKey,
        ]
        if let token = s3.credentials.sessionToken { config["s3.session-token"] = token }
        return .own(config)
    }

    /// Signs for clients, where that is possible and wanted.
    func signer(clock: any WallClock) -> StoreRequestSigner? {
        guard signsRequests, case .s3(let s3) = objectStore.place else { return nil }
        return StoreRequestSigner(s3, clock: clock)
    }
}
