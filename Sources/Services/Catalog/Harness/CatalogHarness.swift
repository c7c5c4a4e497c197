import HTTP
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat

/// The REST catalog over HTTP: knows headers, paths and status codes, and nothing of registers.
package struct CatalogHarness: Sendable {
    typealias Handler = @Sendable (CatalogCall) async throws(CatalogError) -> HTTPResponse
    typealias BriefHandler = @Sendable (CatalogCall) async throws(CatalogError) -> HTTPResponse?

    /// One operation, at `/v1/<path>` and `/v1/<warehouse>/<path>`.
    struct Endpoint: Sendable {
        let method: HTTPMethod
        let path: String
        /// Whether `GET /v1/config` tells clients of it: those of the standard, and no others.
        let isStandard: Bool
        let need: RouteNeed
        /// The query parameters it takes; nil for operations of the standard, whose clients may send more.
        let parameters: [String]?
        let handler: Handler
        /// Answers what takes no more than a look at the store and memory; nil leaves a call to `handler`.
        var brief: BriefHandler?
        /// Whether a call computes little and mostly waits for the store: it is then answered on the harness's loop.
        var isLight: (@Sendable (CatalogCall) -> Bool)?

        /// Whether a call changes the catalog; one that only looks is not kept from being repeated.
        var isMutation: Bool { method != .get && method != .head && need.privilege.map { $0 >= .write } ?? true }
    }

    let service: CatalogService
    let vending: CredentialVending
    package var costs = CostSources()
    /// Reads manifests, which never change, through the service's cache.
    let loader: ManifestLoader
    let planning: ScanPlanning
    /// Signs requests to the store for clients; nil where it does not.
    let signer: StoreRequestSigner?
    let reports: MetricsReports
    let feed: EventFeed
    let forms = TableForms()
    /// Where calls that compute little wait for the store; nil for where tasks usually run.
    package var workLoop: (any TaskExecutor)?
    /// Ends the waiting for events.
    package var isStopping: @Sendable () -> Bool = { false }

    package init(
        service: CatalogService, vending: CredentialVending, signer: StoreRequestSigner? = nil,
        reports: MetricsReports = MetricsReports()
    ) {
        self.reports = reports
        self.service = service
        self.vending = vending
        self.signer = signer
        let key = SigningKey(store: service.registers.store, bucket: service.registers.bucket)
        feed = EventFeed(service: service, key: key)
        loader = service.loader
        planning = ScanPlanning(loader: loader, key: key)
    }

    /// Every operation but `config` and `oauth/tokens`, which have no prefix.
    var endpoints: [Endpoint] {
        [
            namespaceEndpoints,
            tableEndpoints,
            viewEndpoints,
            dropEndpoints,
            functionEndpoints,
            commitEndpoints,
            planEndpoints,
            credentialEndpoints,
            metricsEndpoints,
            maintenanceEndpoints,
            operationEndpoints,
            schemaEndpoints,
            permissionEndpoints,
            historyEndpoints,
        ].flatMap(\.self)
    }

    /// - Parameter need: what it takes to call it; a row of `RouteAccessTests` says the same.
    func standard(
        _ method: HTTPMethod, _ path: String, _ need: RouteNeed, brief: BriefHandler? = nil,
        isLight: (@Sendable (CatalogCall) -> Bool)? = nil, _ handler: @escaping Handler
    ) -> Endpoint {
        Endpoint(
            method: method, path: path, isStandard: true, need: need, parameters: nil, handler: handler, brief: brief,
            isLight: isLight)
    }

    /// - Parameter parameters: of the query; a call with another one is refused, since it would be answered as if that did
    ///   not matter.
    func extra(
        _ method: HTTPMethod, _ path: String, _ need: RouteNeed, parameters: [String] = [],
        _ handler: @escaping Handler
    ) -> Endpoint {
        Endpoint(
            method: method, path: path, isStandard: false, need: need, parameters: parameters, handler: handler)
    }

    /// Answers a call of an endpoint, if its sender may make it.
    func answer(_ endpoint: Endpoint, _ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        try await authorize(endpoint, call)
        return try await perform(endpoint, call)
    }

    /// Answers a call that its sender may make.
    func perform(_ endpoint: Endpoint, _ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        if let allowed = endpoint.parameters { try call.requireParameters(among: allowed) }
        guard endpoint.isMutation, let key = try call.idempotencyKey() else { return try await endpoint.handler(call) }
        let request = (name: "\(call.request.method) \(call.request.path)", fingerprint: call.request.fingerprint)
        if let refusal = try await service.refusals.refusal(key, of: request) {
            return try await answer(endpoint, call, refusedWith: refusal)
        }
        do {
            return try await endpoint.handler(call)
        } catch {
            guard error.status < 500, !IdempotencyKey.isReuse(error) else { throw error }
            // What is in its way may be its own effect: another attempt at this very request, at another replica.
            do throws(CatalogError) {
                return try await answer(endpoint, call, refusedWith: error)
            } catch {
                await service.refusals.keep(error, key, of: request)
                throw error
            }
        }
    }

    /// Answers a call that was refused: as what it did, when another attempt at it took place; else with the refusal.
    private func answer(
        _ endpoint: Endpoint, _ call: CatalogCall, refusedWith refusal: CatalogError
    ) async throws(CatalogError) -> HTTPResponse {
        var repeated = call
        repeated.refusal = refusal
        do {
            return try await endpoint.handler(repeated)
        } catch {
            throw error.status < 500 ? refusal : error
        }
    }

    /// - Throws: when what the endpoint needs is not allowed to the sender.
    func authorize(_ endpoint: Endpoint, _ call: CatalogCall) async throws(CatalogError) {
        for need in try endpoint.need.needs(call) { try await call.rights.require(need) }
    }

    /// `GET /v1/config`: what this service can do, exactly; clients refuse to call what is not listed.
    func configuration(_ call: CatalogCall) throws(CatalogError) -> HTTPResponse {
        if let asked = call.request.parameter("warehouse"), !asked.isEmpty, asked != service.warehouse.name {
            throw CatalogError(
                .noSuchWarehouse, "Warehouse not found: \(asked.prefix(100)); this is \"\(service.warehouse.name)\"")
        }
        let listed = endpoints.filter(\.isStandard).map { JSONValue.string("\($0.method) /v1/{prefix}/\($0.path)") }
        return CatalogReply.json([
            "defaults": JSONValue(service.warehouse.clientConfig),
            "overrides": [:],
            "endpoints": .array(listed),
            "idempotency-key-lifetime": .string(CatalogLimits.idempotencyLifetime),
        ])
    }
}
