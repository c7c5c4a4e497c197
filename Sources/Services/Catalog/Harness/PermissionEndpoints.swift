import HTTP
import IcebergCatalog
import JSONFormat
import ServiceHost

/// `GET` and `PUT` of what is granted on the warehouse, a namespace, a table or a view.
extension CatalogHarness {
    static let grantsOfOnePlaceMax = 1_000

    var permissionEndpoints: [Endpoint] {
        [
            "", "namespaces/{namespace}/", "namespaces/{namespace}/tables/{table}/",
            "namespaces/{namespace}/views/{view}/",
        ].flatMap { place in
            [
                extra(.get, place + "permissions", .administer) { (call) async throws(CatalogError) in
                    try await permissions(call)
                },
                extra(.put, place + "permissions", .administer) { (call) async throws(CatalogError) in
                    let roles = try Self.roles(try call.body())
                    _ = try await service.setGrants(
                        roles, on: try call.object(), onto: try call.grantsVersion(), call.context)
                    return try await permissions(call)
                },
            ]
        }
    }

    /// What is granted at the place itself, what comes to it from around, and the version of the permissions as `ETag`.
    private func permissions(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let object = try call.object()
        let place = try await service.place(of: object)
        let (table, version) = try await service.grants()
        var around = object == .warehouse ? [] : [Securable.warehouse]
        around += object.namespaces.map { .namespace($0) }.filter { $0 != object }
        let inherited = around.flatMap { source in
            Self.list(table.roles(at: GrantTable.Place(object: source, uuid: nil)), from: source)
        }
        var response = CatalogReply.json([
            "permissions": .array(Self.list(table.roles(at: place), from: nil)), "inherited": .array(inherited),
        ])
        response.headers["ETag"] = "\"\(version)\""
        return response
    }

    private static func list(_ roles: [Grantee: Role], from source: Securable?) -> [JSONValue] {
        roles.sorted { $0.key < $1.key }.map { grantee, role in
            var object = JSONObject()
            grantee.write(to: &object)
            object["role"] = .string(role.rawValue)
            if let source { object["from"] = .object(source.json) }
            return .object(object)
        }
    }

    private static func roles(_ body: JSONCursor) throws(CatalogError) -> [Grantee: Role] {
        try CatalogCall.reading { () throws(JSONError) in
            let list = try body.member("permissions")
            let elements = try list.elements()
            guard elements.count <= grantsOfOnePlaceMax else {
                throw list.fail("at most \(grantsOfOnePlaceMax) permissions are given on one thing")
            }
            var roles: [Grantee: Role] = [:]
            for element in elements {
                let grantee = try Grantee(element)
                guard grantee.isNamed else { throw element.fail(Grantee.allowed) }
                guard roles.updateValue(try Role(element.member("role")), forKey: grantee) == nil else {
                    throw element.fail("the same principal or role is there twice")
                }
            }
            return roles
        }
    }
}

extension Grantee {
    static let allowed =
        "a principal has 1 to 200 printable characters; \(KeyFile.allowedRoles), and is not reader, writer, maintainer or admin"

    var isNamed: Bool {
        switch self {
        case .principal(let name):
            (1...200).contains(name.utf8.count) && !name.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
        case .role(let name): KeyFile.isRole(name) && Role(rawValue: name) == nil
        }
    }
}

extension CatalogCall {
    /// `If-Match`: the version of the permissions that a change is made on top of.
    fileprivate func grantsVersion() throws(CatalogError) -> Int64? {
        guard let text = request.headers["If-Match"], text != "*" else { return nil }
        guard let version = Int64(text.filter { $0 != "\"" }) else {
            throw CatalogError(.badRequest, "If-Match holds the ETag of the permissions, such as \"3\"")
        }
        return version
    }
}
