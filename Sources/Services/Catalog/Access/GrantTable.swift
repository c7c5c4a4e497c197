import IcebergCatalog
import JSONFormat

/// Whom something is granted to.
enum Grantee: Hashable, Comparable, Sendable {
    case principal(String)
    /// Whoever has that role, besides reader, writer, maintainer and admin.
    case role(String)

    private var order: (Int, String) {
        switch self {
        case .principal(let name): (0, name)
        case .role(let name): (1, name)
        }
    }

    static func < (left: Grantee, right: Grantee) -> Bool { left.order < right.order }
}

/// All grants of the catalog: the state of the one register `grants/warehouse`.
///
/// What is granted on a namespace holds for all below it. A grant on a table or view holds for the one with that UUID: it outlives
/// neither a drop, but for an undrop, nor does it fall to another one of the same name.
package struct GrantTable: Hashable, Sendable {
    struct Place: Hashable, Sendable {
        let object: Securable
        /// Of a table or view.
        let uuid: String?
    }

    private(set) var places: [Place: [Grantee: Role]] = [:]

    var count: Int { places.values.reduce(0) { $0 + $1.count } }

    func roles(at place: Place) -> [Grantee: Role] { places[place] ?? [:] }

    mutating func set(_ roles: [Grantee: Role], at place: Place) { places[place] = roles.isEmpty ? nil : roles }

    /// The highest role that one of `grantees` has at that very place.
    func role(of grantees: Set<Grantee>, at place: Place) -> Role? {
        guard let roles = places[place] else { return nil }
        return grantees.compactMap { roles[$0] }.max()
    }

    /// The UUIDs for which a table or view of that name has grants, now or before.
    func uuids(of object: Securable) -> [String] {
        places.keys.filter { $0.object == object }.compactMap(\.uuid)
    }

    /// Whether one of `grantees` has something on what lies below a namespace.
    func reaches(below namespace: NamespaceName, _ grantees: Set<Grantee>) -> Bool {
        places.contains { place, roles in
            place.object.lies(in: namespace) && !grantees.isDisjoint(with: roles.keys)
        }
    }

    /// What is known of a namespace and all in it, which a new one of that name must not begin with.
    mutating func remove(namespace: NamespaceName) {
        places = places.filter { $0.key.object != .namespace(namespace) && !$0.key.object.lies(in: namespace) }
    }
}

extension Securable {
    /// The namespaces around it, outermost first.
    var namespaces: [NamespaceName] {
        switch self {
        case .warehouse: []
        case .namespace(let name): (name.parent.map { Securable.namespace($0).namespaces } ?? []) + [name]
        case .table(let name), .view(let name): Securable.namespace(name.namespace).namespaces
        }
    }

    /// Whether it is in a namespace, at whatever depth.
    func lies(in namespace: NamespaceName) -> Bool {
        self != .namespace(namespace) && namespaces.contains(namespace)
    }
}

// MARK: - JSON

extension GrantTable {
    var json: JSONValue {
        var grants: [JSONValue] = []
        for (place, roles) in places.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            for (grantee, role) in roles.sorted(by: { $0.key < $1.key }) {
                var object = place.object.json
                if let uuid = place.uuid { object["uuid"] = .string(uuid) }
                grantee.write(to: &object)
                object["role"] = .string(role.rawValue)
                grants.append(.object(object))
            }
        }
        return ["kind": "grants", "grants": .array(grants)]
    }

    init(_ cursor: JSONCursor) throws(JSONError) {
        for grant in try cursor.member("grants").elements() {
            let place = Place(
                object: try Securable(grant),
                uuid: try grant.optional("uuid").map { (c) throws(JSONError) in try c.string() })
            places[place, default: [:]][try Grantee(grant)] = try Role(grant.member("role"))
        }
    }
}

extension Grantee {
    func write(to object: inout JSONObject) {
        switch self {
        case .principal(let name): object["principal"] = .string(name)
        case .role(let name): object["principal_role"] = .string(name)
        }
    }

    init(_ cursor: JSONCursor) throws(JSONError) {
        let (principal, role) = (try cursor.optional("principal"), try cursor.optional("principal_role"))
        switch (principal, role) {
        case (let principal?, nil): self = .principal(try principal.string())
        case (nil, let role?): self = .role(try role.string())
        default: throw cursor.fail("either \"principal\" or \"principal_role\" is expected")
        }
    }
}

extension Role {
    init(_ cursor: JSONCursor) throws(JSONError) {
        guard let role = Role(rawValue: try cursor.string()) else {
            throw cursor.fail("a role is one of \(Role.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        self = role
    }
}

extension Securable {
    /// `on`, and where it is not the warehouse `namespace` and `name`.
    var json: JSONObject {
        var object = JSONObject()
        switch self {
        case .warehouse: object["on"] = "warehouse"
        case .namespace(let name):
            object["on"] = "namespace"
            object["namespace"] = .array(name.levels.map { .string($0) })
        case .table(let name), .view(let name):
            if case .table = self { object["on"] = "table" } else { object["on"] = "view" }
            object["namespace"] = .array(name.namespace.levels.map { .string($0) })
            object["name"] = .string(name.name)
        }
        return object
    }

    init(_ cursor: JSONCursor) throws(JSONError) {
        let kind = try cursor.member("on")
        if try kind.string() == "warehouse" {
            self = .warehouse
            return
        }
        do throws(CatalogError) {
            let levels = try CatalogCall.reading { () throws(JSONError) in try cursor.member("namespace").elements() }
            let namespace = try NamespaceName(jsonLevels: levels.map(\.value))
            let name = cursor.value["name"]?.string ?? ""
            switch kind.value.string {
            case "namespace": self = .namespace(namespace)
            case "table": self = .table(try TableIdentifier(namespace, name))
            case "view": self = .view(try TableIdentifier(namespace, name))
            default: throw CatalogError(.badRequest, "nothing is granted on that")
            }
        } catch {
            throw cursor.fail(error.message)
        }
    }
}
