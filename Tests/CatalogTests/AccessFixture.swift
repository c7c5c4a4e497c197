import Clocks
import ObjectStore
import ServiceHost

@testable import Catalog

extension CatalogAccess {
    /// Tokens, and secrets by client id, that mean admin.
    init(tokens: [String], clients: [String: String], clock: any WallClock = SystemClock()) {
        do {
            let signingKey = SigningKey(store: MemoryObjectStore(), bucket: try BucketName("analytics-catalog"))
            self.init(
                tokens: tokens.map { .named("token", $0, ["admin"]) },
                clients: clients.map { .named($0.key, $0.value, ["admin"]) }, keys: KeyRing(fixed: []),
                signingKey: signingKey, clock: clock)
        } catch {
            preconditionFailure("\(error)")
        }
    }
}

extension AccessKey {
    static func named(_ name: String, _ plain: String, _ roles: Set<String>) -> AccessKey {
        AccessKey(name: name, digest: AccessKey(plain: plain, scopes: .write).digest, scopes: .write, roles: roles)
    }
}
