import IcebergCatalog
import ServiceHost

/// Somebody who calls the catalog, and what he was given besides grants on parts of it.
struct Principal: Hashable, Sendable {
    let name: String
    /// On the whole warehouse; nil: nothing.
    let role: Role?

    /// Everybody may do everything: development without any key or token.
    static let developer = Principal(name: "anonymous", role: .admin)

    init(name: String, role: Role?) {
        self.name = name
        self.role = role
    }

    /// Bindings and the holders of `ANALYTICS_API_KEY` administer the catalog; for all others `CatalogAccess` has said in
    /// the caller's roles what they may do.
    init(_ caller: Caller) {
        switch caller.kind {
        case .anonymous: self.init(name: caller.name, role: nil)
        case .binding, .key: self.init(name: caller.description, role: .admin)
        case .principal: self.init(name: caller.name, role: caller.roles.compactMap { Role(rawValue: $0) }.max())
        }
    }
}

/// Who made a change, from where, in which request: kept with the change.
package struct RequestOrigin: Hashable, Sendable {
    package let principal: String
    package let address: String
    package let requestID: String

    package init(principal: String, address: String, requestID: String) {
        self.principal = principal
        self.address = address
        self.requestID = requestID
    }
}
