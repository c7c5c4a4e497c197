import Bytes
import Clocks
import IcebergCatalog
import JSONFormat

/// A token that was handed out for a key: whose it is, until when, and how it is narrowed. Every replica can read it, and none
/// has to remember it.
///
/// `<base64url of a JSON object>.<base64url of its signature>`. It names the key it was handed out for by a signature of
/// the key's hash, so that it ends with the key, and tells nothing of it.
struct AccessToken: Hashable, Sendable {
    static let bytesMax = 8192

    let name: String
    /// Of the key.
    let mark: String
    /// In seconds since 1970.
    let end: Int64
    let narrowing: Narrowing

    func sealed(with key: SigningKey) async throws(CatalogError) -> String {
        var object = JSONObject()
        object["sub"] = .string(name)
        object["key"] = .string(mark)
        object["exp"] = .integer(end)
        if let cap = narrowing.cap { object["cap"] = .integer(Int64(cap.rawValue)) }
        if let roles = narrowing.roles { object["roles"] = .array(roles.sorted().map { .string($0) }) }
        let payload = JSONValue.object(object).serialized()
        let signature = try await key.signature(of: payload, for: "access token")
        return "\(Base64.encode(payload, alphabet: .urlSafe)).\(Base64.encode(signature, alphabet: .urlSafe))"
    }

    /// The token, whether it has ended or not; nil for what was not sealed with this key.
    static func open(_ text: String, with key: SigningKey) async throws(CatalogError) -> AccessToken? {
        guard text.utf8.count <= bytesMax else { return nil }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let payload = Base64.decode(parts[0]), let signature = Base64.decode(parts[1]),
            !payload.isEmpty, try await key.isSignature(signature, of: payload, for: "access token")
        else { return nil }
        do throws(JSONError) {
            return try AccessToken(JSONCursor(try JSONValue.parse(payload)))
        } catch {
            return nil
        }
    }

    init(name: String, mark: String, end: Int64, narrowing: Narrowing) {
        self.name = name
        self.mark = mark
        self.end = end
        self.narrowing = narrowing
    }

    private init(_ cursor: JSONCursor) throws(JSONError) {
        name = try cursor.member("sub").string()
        mark = try cursor.member("key").string()
        end = try cursor.member("exp").integer()
        var narrowing = Narrowing.none
        if let cap = try cursor.optional("cap") {
            guard let known = Privilege(rawValue: try cap.integer(as: Int.self)) else { throw cap.fail("no privilege") }
            narrowing.cap = known
        }
        if let list = try cursor.optional("roles") {
            var roles: Set<String> = []
            for role in try list.elements() { roles.insert(try role.string()) }
            narrowing.roles = roles
        }
        self.narrowing = narrowing
    }
}
