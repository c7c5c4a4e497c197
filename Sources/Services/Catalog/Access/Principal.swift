import ServiceHost

/// Somebody who calls the catalog, and what he was given besides grants on parts of it.
struct Principal: Hashable, Sendable {
    let name: String
    /// On the whole warehouse; nil: nothing.
    let role: Role?
    /// Further roles, which mean what grants to them say.
    let roles: Set<String>
    /// How a token's scope narrows all that, and grants too.
    let narrowing: Narrowing

    /// Everybody may do everything: development without any key or token.
    static let developer = Principal(name: "anonymous", role: .admin)

    init(name: String, role: Role?, roles: Set<String> = [], narrowing: Narrowing = .none) {
        self.name = name
        self.role = narrowing.roles == nil ? role : nil
        self.roles = narrowing.roles.map { $0.intersection(roles) } ?? roles
        self.narrowing = narrowing
    }

    /// - Parameter roles: the highest of reader, writer, maintainer, admin holds for the warehouse; other words are roles that
    ///   grants are given to.
    init(name: String, roles: Set<String>, narrowing: Narrowing) {
        let known = roles.compactMap { Role(rawValue: $0) }
        self.init(
            name: name, role: known.max(), roles: roles.subtracting(known.map(\.rawValue)), narrowing: narrowing)
    }

    /// Bindings and the holders of `ANALYTICS_API_KEY` administer the catalog; what others may do is in the caller's roles.
    init(_ caller: Caller) {
        let isTrusted = caller.kind == .binding || caller.scopes?.routes.contains(.admin) == true
        let roles = isTrusted ? [Role.admin.rawValue] : caller.roles
        self.init(
            name: caller.kind == .binding ? caller.description : caller.name,
            roles: roles.filter { !Narrowing.isMark($0) }, narrowing: Narrowing(marks: roles))
    }

    /// The same as the host knows callers.
    var caller: Caller {
        let role = role.map { [$0.rawValue] } ?? []
        return Caller(kind: .principal, name: name, roles: roles.union(role).union(narrowing.marks))
    }

    /// The highest privilege that `granted` comes to.
    func capped(_ granted: Privilege?) -> Privilege? {
        guard let granted, let cap = narrowing.cap else { return granted }
        return min(granted, cap)
    }
}
