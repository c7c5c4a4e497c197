import HTTP
import IcebergCatalog
import ServiceHost
import Telemetry

extension CatalogHarness {
    /// The routes of the worker: each operation with and without the warehouse's name as prefix.
    func routes(access: CatalogAccess, isOpen: Bool) -> Router {
        var router = Router()
        router.authenticator = { request in
            guard AccessPolicy.bearerToken(request) != nil, !access.isOpen else { return nil }
            do throws(CatalogError) {
                return try await access.caller(of: request)
            } catch {
                throw ServiceError(
                    status: error.status, type: error.code.rawValue, error.message,
                    headers: error.status == 401 ? ["WWW-Authenticate": "Bearer"] : [:])
            }
        }
        router.on(.post, "/v1/oauth/tokens", access: .open, isAudited: true) { context in
            await access.issueToken(context.request)
        }
        let harness = self
        let config = standard(.get, "config", .list) { (call) async throws(CatalogError) in
            try harness.configuration(call)
        }
        add(config, under: "/v1/", to: &router, isOpen)
        for endpoint in endpoints {
            for prefix in ["/v1/", "/v1/\(service.warehouse.name)/"] {
                add(endpoint, under: prefix, to: &router, isOpen)
            }
        }
        return router
    }

    private func add(_ endpoint: Endpoint, under prefix: String, to router: inout Router, _ isOpen: Bool) {
        let template = prefix + endpoint.path
        let names = template.split(separator: "/").filter { $0.hasPrefix("{") }.map {
            String($0.dropFirst().dropLast())
        }
        let isShort = endpoint.brief != nil || endpoint.isLight != nil
        router.on(endpoint.method, template, access: .open, isShort: isShort) { context in
            guard isOpen || !context.caller.isAnonymous else {
                return CatalogReply.error(
                    CatalogError(.notAuthorized, "a bearer token is needed: \"Authorization: Bearer …\""))
            }
            var parameters: [String: String] = [:]
            for name in names { parameters[name] = context.parameter(name) }
            let principal = context.caller.isAnonymous ? Principal.developer : Principal(context.caller)
            let origin = RequestOrigin(
                principal: String(principal.name.prefix(200)), address: context.clientAddress,
                requestID: context.requestID)
            let call = CatalogCall(context.request, parameters, rights: Rights(principal: principal, service: service))
            let work: @Sendable () async -> HTTPResponse = {
                await RequestOrigin.$current.withValue(origin) { await respond(endpoint, call, context) }
            }
            guard isShort else { return await work() }
            do throws(CatalogError) {
                if let response = try await endpoint.brief?(call) { return response }
            } catch {
                return failure(error, context)
            }
            // Away from the thread that serves all connections.
            let isLight = endpoint.isLight?(call) == true
            return await Task.detached(executorPreference: isLight ? workLoop : nil, operation: work).value
        }
    }

    private func respond(_ endpoint: Endpoint, _ call: CatalogCall, _ context: RequestContext) async -> HTTPResponse {
        do throws(CatalogError) {
            do throws(CatalogError) {
                try await authorize(endpoint, call)
            } catch {
                logRefusal(error, endpoint, call, context)
                throw error
            }
            return ContentCoding.apply(to: try await perform(endpoint, call), for: call.request)
        } catch {
            return failure(error, context)
        }
    }

    private func failure(_ error: CatalogError, _ context: RequestContext) -> HTTPResponse {
        if error.status >= 500 { context.logger.error("request failed", ["error": "\(error)"]) }
        return CatalogReply.error(error)
    }

    /// Of calls that change nothing: those that do are in the audit log anyway, done or refused.
    private func logRefusal(
        _ error: CatalogError, _ endpoint: Endpoint, _ call: CatalogCall, _ context: RequestContext
    ) {
        guard endpoint.method == .get || endpoint.method == .head, error.status < 500 else { return }
        context.logger.audit(
            "\(endpoint.method) \(endpoint.path)",
            [
                "request_id": context.requestID, "who": context.caller.description, "from": context.clientAddress,
                "target": context.request.path, "status": error.status, "outcome": "refused",
            ])
    }
}
