import Bytes
import HTTP
import IcebergCatalog
import JSONFormat
import ServiceHost

/// `POST /v1/oauth/tokens`: client credentials (RFC 6749 §4.4) and token exchange (RFC 8693).
///
/// Errors have the shape OAuth gives them (RFC 6749 §5.2), not that of the catalog.
extension CatalogAccess {
    private static let formBytesMax = 65_536
    private static let accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
    private static let exchange = "urn:ietf:params:oauth:grant-type:token-exchange"

    private struct Refusal: Error {
        let status: Int
        let code: String
        let description: String

        init(_ code: String, _ description: String) {
            status = code == "invalid_client" ? 401 : 400
            self.code = code
            self.description = description
        }
    }

    func issueToken(_ request: HTTPRequest) async -> HTTPResponse {
        do {
            let form = try Self.form(request.body)
            guard !isOpen else { return Self.granted("development", scope: form["scope"] ?? "catalog") }
            switch form["grant_type"] {
            case "client_credentials": return try await clientCredentials(request, form)
            case Self.exchange: return try await tokenExchange(request, form)
            default: throw Refusal("unsupported_grant_type", "client_credentials and \(Self.exchange) are supported")
            }
        } catch let refusal as Refusal {
            var response = CatalogReply.json(
                ["error": .string(refusal.code), "error_description": .string(refusal.description)],
                status: refusal.status)
            if refusal.status == 401 { response.headers["WWW-Authenticate"] = "Basic" }
            return Self.uncached(response)
        } catch let error as CatalogError {
            return CatalogReply.error(error)
        } catch {
            return CatalogReply.error(CatalogError(.internalError, "\(error)"))
        }
    }

    // MARK: - Grants

    private func clientCredentials(_ request: HTTPRequest, _ form: [String: String]) async throws -> HTTPResponse {
        guard let key = client(of: request, form) else {
            throw Refusal("invalid_client", "the client id or secret is not known here")
        }
        return try await grant(key, Self.principal(key, .none), form)
    }

    /// A token for another one of the same principal, narrowed as the first one is, and further where the scope says so. Clients
    /// renew their tokens so.
    private func tokenExchange(_ request: HTTPRequest, _ form: [String: String]) async throws -> HTTPResponse {
        guard let subject = form["subject_token"] else {
            throw Refusal("invalid_request", "token exchange needs a subject_token")
        }
        for name in ["subject_token_type", "actor_token_type"] {
            guard let type = form[name], type != Self.accessTokenType else { continue }
            throw Refusal("invalid_request", "\(name) must be \(Self.accessTokenType), not \"\(type.prefix(100))\"")
        }
        if let wanted = form["requested_token_type"], wanted != Self.accessTokenType {
            throw Refusal("invalid_request", "only tokens of type \(Self.accessTokenType) are handed out")
        }
        let (key, principal): (AccessKey, Principal)
        do throws(CatalogError) {
            (key, principal) = try await holder(
                of: subject, shownBy: client(of: request, form), actor: form["actor_token"])
        } catch {
            guard error.status < 500 else { throw error }
            throw Refusal("invalid_grant", error.message)
        }
        return try await grant(key, principal, form)
    }

    /// - Parameters:
    ///   - client: who shows the token, when that was proved: it may then have ended.
    ///   - actor: a further token, which has to be good and gives nothing.
    private func holder(
        of token: String, shownBy client: AccessKey?, actor: String?
    ) async throws(CatalogError) -> (key: AccessKey, principal: Principal) {
        if let actor { _ = try await holder(of: actor, endedSince: 0) }
        let found = try await holder(of: token, endedSince: client == nil ? 0 : Self.exchangeGraceSeconds)
        if let client, client.name != found.key.name {
            throw CatalogError(.notAuthorized, "the subject_token is not of the client that shows it")
        }
        return found
    }

    private func grant(
        _ key: AccessKey, _ principal: Principal, _ form: [String: String]
    ) async throws -> HTTPResponse {
        let scope = form["scope"] ?? ""
        guard let narrowing = Narrowing(scope: scope, held: principal.roles) else {
            throw Refusal("invalid_scope", "a scope is one of \(Narrowing.allowed)")
        }
        let token = try await token(for: key, principal.narrowing.and(narrowing))
        return Self.granted(token, scope: scope.isEmpty ? "catalog" : scope)
    }

    private static func granted(_ token: String, scope: String) -> HTTPResponse {
        uncached(
            CatalogReply.json([
                "access_token": .string(token), "token_type": "bearer", "expires_in": .integer(tokenLifetimeSeconds),
                "issued_token_type": .string(accessTokenType), "scope": .string(scope),
            ]))
    }

    private static func uncached(_ response: HTTPResponse) -> HTTPResponse {
        var response = response
        response.headers["Cache-Control"] = "no-store"
        return response
    }

    // MARK: - What comes

    /// From the form, as Iceberg's clients send them, or from HTTP Basic authentication.
    private func client(of request: HTTPRequest, _ form: [String: String]) -> AccessKey? {
        if let secret = form["client_secret"] { return client(form["client_id"], secret: secret) }
        guard let header = request.headers["Authorization"], header.lowercased().hasPrefix("basic "),
            let bytes = Base64.decode(header.dropFirst("basic ".count)),
            let text = String(validating: bytes, as: UTF8.self)
        else { return nil }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return parts.count == 2 ? client(parts[0], secret: parts[1]) : nil
    }

    private static func form(_ body: [UInt8]) throws(Refusal) -> [String: String] {
        guard body.count <= formBytesMax, let text = String(validating: body, as: UTF8.self) else {
            throw Refusal("invalid_request", "a form of at most \(formBytesMax) bytes is expected")
        }
        var form: [String: String] = [:]
        for field in HTTPRequest(method: .post, target: "/?\(text)").query {
            guard form.updateValue(field.value, forKey: field.name) == nil else {
                throw Refusal("invalid_request", "\"\(field.name.prefix(60))\" is there twice")
            }
        }
        return form
    }
}
