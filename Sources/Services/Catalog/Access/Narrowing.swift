/// How the scope of a token narrows what its principal may do. A scope never gives anything.
///
/// | scope | narrows to |
/// |---|---|
/// | `catalog`, `PRINCIPAL_ROLE:ALL`, none | – |
/// | `PRINCIPAL_ROLE:reader` (writer, maintainer, admin) | at most that role, on whatever is allowed |
/// | `PRINCIPAL_ROLE:analysts` | the grants of that role, which the principal must have |
/// | `sign` | at most what a writer may do, as clients ask for tokens to sign requests with |
struct Narrowing: Hashable, Sendable {
    var cap: Privilege?
    /// Nothing but what these roles are granted.
    var roles: Set<String>?

    static let none = Narrowing()

    static let allowed =
        "catalog, sign, PRINCIPAL_ROLE:ALL, PRINCIPAL_ROLE:<reader, writer, maintainer, admin or a role one has>"

    init(cap: Privilege? = nil, roles: Set<String>? = nil) {
        self.cap = cap
        self.roles = roles
    }

    /// - Parameter held: the roles of the principal.
    /// - Returns: nil for a scope that is not known, or that asks for a role the principal has not.
    init?(scope: String, held: Set<String>) {
        self.init()
        for word in scope.split(separator: " ") {
            switch word {
            case "catalog", "PRINCIPAL_ROLE:ALL": continue
            case "sign": cap = max(cap ?? .list, .write)
            default:
                guard word.hasPrefix("PRINCIPAL_ROLE:") else { return nil }
                let name = String(word.dropFirst("PRINCIPAL_ROLE:".count))
                if let role = Role(rawValue: name) {
                    cap = max(cap ?? .list, role.privilege)
                } else {
                    guard held.contains(name) else { return nil }
                    roles = (roles ?? []).union([name])
                }
            }
        }
    }

    /// Both hold.
    func and(_ other: Narrowing) -> Narrowing {
        let caps = [cap, other.cap].compactMap { $0 }
        let lists = [roles, other.roles].compactMap { $0 }
        return Narrowing(cap: caps.min(), roles: lists.dropFirst().reduce(lists.first) { $0?.intersection($1) })
    }

    // MARK: - Among the roles of a caller

    private static let capMark = "cap:"
    private static let rolesMark = "only:roles"

    /// Roles that callers are given never hold a colon.
    static func isMark(_ role: String) -> Bool { role.contains(":") }

    var marks: Set<String> {
        var marks: Set<String> = []
        if let cap { marks.insert("\(Self.capMark)\(cap.rawValue)") }
        if roles != nil { marks.insert(Self.rolesMark) }
        return marks
    }

    init(marks: Set<String>) {
        let caps = marks.filter { $0.hasPrefix(Self.capMark) }.compactMap { Int($0.dropFirst(Self.capMark.count)) }
        cap = caps.min().flatMap { Privilege(rawValue: $0) }
        roles = marks.contains(Self.rolesMark) ? marks.filter { !Self.isMark($0) } : nil
    }
}
