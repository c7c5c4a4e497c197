import Bytes
import Clocks
import Foundation
import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore
import ServiceHost
import Synchronization
import Testing

@testable import Catalog

private final class SteppedClock: WallClock {
    private let milliseconds = Mutex<Int64>(1_700_000_000_000)
    func now() -> Timestamp { Timestamp(milliseconds: milliseconds.withLock { $0 }) }
    func step(seconds: Int64) { milliseconds.withLock { $0 += seconds * 1000 } }
}

/// `POST /v1/oauth/tokens`, and what the tokens are good for.
@Suite struct OAuthTests {
    private let clock = SteppedClock()
    private let store = MemoryObjectStore()
    private let access: CatalogAccess

    init() throws {
        access = try Self.access(
            store, clock, keys: KeyRing(fixed: [.named("etl", "etl-secret", ["writer", "night"])]))
    }

    private static func access(
        _ store: MemoryObjectStore, _ clock: SteppedClock, keys: KeyRing
    ) throws -> CatalogAccess {
        CatalogAccess(
            tokens: [.named("token-1", "static", ["reader"])], clients: [.named("me", "a secret:+&", ["admin"])],
            keys: keys, signingKey: SigningKey(store: store, bucket: try BucketName("analytics-catalog")), clock: clock)
    }

    private func ask(
        _ fields: [String: String], basic: String? = nil
    ) async throws -> (status: Int, json: JSONValue) {
        let form = fields.map { "\($0.key)=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
        return try await ask(form: form, basic: basic)
    }

    private func ask(form: String, basic: String? = nil) async throws -> (status: Int, json: JSONValue) {
        var headers: HTTPHeaders = [:]
        if let basic { headers["Authorization"] = "Basic " + Base64.encode(Array(basic.utf8)) }
        let request = HTTPRequest(
            method: .post, target: "/v1/oauth/tokens", headers: headers, body: Array(form.utf8))
        let response = await access.issueToken(request)
        #expect(response.headers["Cache-Control"] == "no-store")
        return (response.status, try JSONValue.parse(response.body))
    }

    private func token(_ scope: String? = nil, secret: String = "etl-secret", id: String = "etl") async throws -> String
    {
        var form = ["grant_type": "client_credentials", "client_id": id, "client_secret": secret]
        form["scope"] = scope
        let answer = try await ask(form)
        #expect(answer.status == 200, "\(answer.json)")
        return try #require(answer.json["access_token"]?.string)
    }

    private func exchanged(_ subject: String, scope: String? = nil, basic: String? = nil) async throws -> (
        status: Int, json: JSONValue
    ) {
        var form = [
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": subject,
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        ]
        form["scope"] = scope
        return try await ask(form, basic: basic)
    }

    private func principal(_ token: String, of access: CatalogAccess? = nil) async throws(CatalogError) -> Principal {
        let request = HTTPRequest(method: .get, target: "/", headers: ["Authorization": "Bearer \(token)"])
        return Principal(try await (access ?? self.access).caller(of: request))
    }

    @Test func `client credentials are taken from the form and from Basic authentication`() async throws {
        let form = try await ask([
            "grant_type": "client_credentials", "client_id": "me", "client_secret": "a secret:+&", "scope": "catalog",
        ])
        #expect(form.status == 200)
        #expect(form.json["token_type"]?.string == "bearer")
        #expect(form.json["expires_in"]?.integer == 3600)
        #expect(form.json["scope"]?.string == "catalog")
        let basic = try await ask(["grant_type": "client_credentials"], basic: "me:a secret:+&")
        let token = try #require(basic.json["access_token"]?.string)
        #expect(try await principal(token) == Principal(name: "me", role: .admin))
    }

    static let wrong: [(String, Int, String)] = [
        ("", 400, "unsupported_grant_type"),
        ("grant_type=password&username=u&password=p", 400, "unsupported_grant_type"),
        ("grant_type=client_credentials", 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=etl&client_secret=no", 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=me&client_secret=etl-secret", 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=token-1&client_secret=static", 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=etl&client_id=etl&client_secret=etl-secret", 400, "invalid_request"),
        ("grant_type=client_credentials&client_id=etl&client_secret=etl-secret&scope=all", 400, "invalid_scope"),
        (
            "grant_type=client_credentials&client_id=etl&client_secret=etl-secret&scope=PRINCIPAL_ROLE:day", 400,
            "invalid_scope"
        ),
        ("grant_type=urn:ietf:params:oauth:grant-type:token-exchange", 400, "invalid_request"),
        ("grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=x", 400, "invalid_grant"),
        (
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=static&actor_token=x", 400,
            "invalid_grant"
        ),
        (
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=static"
                + "&subject_token_type=urn:ietf:params:oauth:token-type:saml2", 400, "invalid_request"
        ),
        (
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=static"
                + "&requested_token_type=urn:ietf:params:oauth:token-type:jwt", 400, "invalid_request"
        ),
        (String(repeating: "a", count: 65_537), 400, "invalid_request"),
    ]

    @Test(arguments: wrong)
    func `what is wrong is refused as OAuth says it`(form: String, status: Int, error: String) async throws {
        let answer = try await ask(form: form)
        #expect(answer.status == status)
        #expect(answer.json["error"]?.string == error)
        #expect(answer.json["access_token"] == nil)
    }

    static let scopes: [(String?, Privilege?, Set<String>)] = [
        (nil, .write, ["night"]), ("catalog", .write, ["night"]), ("PRINCIPAL_ROLE:ALL", .write, ["night"]),
        ("PRINCIPAL_ROLE:reader", .read, ["night"]), ("PRINCIPAL_ROLE:admin", .write, ["night"]),
        ("catalog PRINCIPAL_ROLE:reader", .read, ["night"]), ("PRINCIPAL_ROLE:night", nil, ["night"]),
        ("sign", .write, ["night"]),
    ]

    @Test(arguments: scopes)
    func `a scope narrows and never gives`(scope: String?, privilege: Privilege?, roles: Set<String>) async throws {
        let principal = try await principal(try await token(scope))
        #expect(principal.name == "etl")
        #expect(principal.capped(principal.role?.privilege) == privilege)
        #expect(principal.roles == roles)
    }

    @Test func `an exchanged token is narrowed as the first one, and more where asked for`() async throws {
        let first = try await token("PRINCIPAL_ROLE:reader")
        let again = try await exchanged(first, scope: "PRINCIPAL_ROLE:admin")
        let second = try await principal(try #require(again.json["access_token"]?.string))
        #expect(second.capped(second.role?.privilege) == .read)
        let narrowed = try await exchanged(try await token(), scope: "PRINCIPAL_ROLE:night")
        let third = try await principal(try #require(narrowed.json["access_token"]?.string))
        #expect(third.role == nil)
        let configured = try await exchanged("static")
        #expect(try await principal(try #require(configured.json["access_token"]?.string)).role == .reader)
    }

    @Test func `a token ends after an hour, and is then exchanged only by the client itself`() async throws {
        let token = try await token()
        clock.step(seconds: 3599)
        _ = try await principal(token)
        clock.step(seconds: 1)
        let error = await #expect(throws: CatalogError.self) { try await principal(token) }
        #expect(error?.code == .authenticationTimeout)
        #expect(try await exchanged(token).status == 400)
        #expect(try await exchanged(token, basic: "me:a secret:+&").status == 400)
        #expect(try await exchanged(token, basic: "etl:etl-secret").status == 200)
        clock.step(seconds: 86_400)
        #expect(try await exchanged(token, basic: "etl:etl-secret").status == 400)
    }

    @Test func `a token ends with the key it was handed out for`() async throws {
        let path = "/tmp/catalog-keys-\(Foundation.UUID().uuidString)"
        defer { unlink(path) }
        func write(_ secrets: [String]) throws {
            let entries = secrets.map { secret in
                let digest = Hexadecimal.encode(AccessKey(plain: secret, scopes: .write).digest)
                return #"{"name":"rotated","sha256":"\#(digest)","scopes":{"roles":["writer"]}}"#
            }
            try Data("[\(entries.joined(separator: ","))]".utf8).write(to: URL(filePath: path))
        }
        try write(["old"])
        let ring = KeyRing(fixed: [], path: path, hasRoles: true)
        ring.reload()
        let access = try Self.access(store, clock, keys: ring)
        let old = try await access.token(for: try #require(access.client("rotated", secret: "old")), .none)
        #expect(try await principal(old, of: access).role == .writer)
        // Both keys are in force while clients change over.
        try write(["old", "new"])
        #expect(ring.reload())
        #expect(try await principal(old, of: access).role == .writer)
        let new = try await access.token(for: try #require(access.client("rotated", secret: "new")), .none)
        try write(["new"])
        #expect(ring.reload())
        #expect(try await principal(new, of: access).role == .writer)
        let error = await #expect(throws: CatalogError.self) { try await principal(old, of: access) }
        #expect(error?.code == .notAuthorized)
        #expect(access.client("rotated", secret: "old") == nil)
    }

    @Test func `another replica knows a token, and no changed one is taken`() async throws {
        let token = try await token()
        let replica = try Self.access(store, clock, keys: KeyRing(fixed: [.named("etl", "etl-secret", ["writer"])]))
        #expect(try await principal(token, of: replica).role == .writer)
        let parts = token.split(separator: ".").map(String.init)
        let forged = #"{"sub":"me","key":"x","exp":99999999999}"#
        let texts = [
            parts[0], parts[0] + ".", "." + parts[1], token + ".x", "\(parts[1]).\(parts[0])",
            "\(Base64.encode(Array(forged.utf8), alphabet: .urlSafe)).\(parts[1])",
            "\(parts[0]).\(parts[1].dropLast(2))",
            String(repeating: "a", count: 9000) + "." + parts[1],
        ]
        for text in texts {
            let error = await #expect(throws: CatalogError.self, "\(text.prefix(80))") { try await principal(text) }
            #expect(error?.code == .notAuthorized)
        }
    }
}
