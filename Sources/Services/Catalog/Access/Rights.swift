import IcebergCatalog
import Synchronization

/// A privilege on one thing.
struct Need: Hashable, Sendable {
    let privilege: Privilege
    let object: Securable

    init(_ privilege: Privilege, on object: Securable) {
        self.privilege = privilege
        self.object = object
    }
}

/// What the sender of one request may do: what its role for the warehouse allows, and what it, or a role it has, was granted.
///
/// Where the role for the warehouse decides, the store is not asked. Else the grants are read once for the request.
struct Rights: Sendable {
    let principal: Principal
    private let service: CatalogService
    private let grantees: Set<Grantee>
    private let known = Known()

    private final class Known: Sendable {
        let grants = Mutex<GrantTable?>(nil)
    }

    init(principal: Principal, service: CatalogService) {
        self.principal = principal
        self.service = service
        let own: Set<Grantee> = principal.narrowing.roles == nil ? [.principal(principal.name)] : []
        grantees = own.union(principal.roles.map { .role($0) })
    }

    /// Whether nothing is forbidden, now and later.
    var isUnlimited: Bool { principal.capped(principal.role?.privilege) == .administer }

    /// Whether the role for the warehouse allows it, for which nothing is read.
    func allowsOutright(_ need: Need) -> Bool {
        principal.capped(principal.role?.privilege).map { $0 >= need.privilege } ?? false
    }

    func allows(_ need: Need) async throws(CatalogError) -> Bool {
        // The lists of the warehouse show what may be seen.
        if need == Need(.list, on: .warehouse) { return true }
        if allowsOutright(need) { return true }
        guard let highest = principal.capped(.administer), highest >= need.privilege else { return false }
        let grants = try await grants()
        let around = [Securable.warehouse] + need.object.namespaces.map { .namespace($0) }
        for object in around {
            let place = GrantTable.Place(object: object, uuid: nil)
            if suffices(grants.role(of: grantees, at: place), need) { return true }
        }
        if case .namespace(let name) = need.object {
            // A namespace may be seen by whoever may see something in it.
            return need.privilege == .list && grants.reaches(below: name, grantees)
        }
        let promising = grants.uuids(of: need.object).filter { uuid in
            suffices(grants.role(of: grantees, at: GrantTable.Place(object: need.object, uuid: uuid)), need)
        }
        return try await promising.isEmpty ? false : isPresent(need.object, promising)
    }

    /// - Throws: what the absence of the thing would throw, when it may not be seen; `.forbidden` when no more than that
    ///   may be done with it.
    func require(_ need: Need) async throws(CatalogError) {
        guard try await !allows(need) else { return }
        guard try await allows(Need(.list, on: need.object)) else { throw need.object.absence }
        throw CatalogError(
            .forbidden, "\"\(need.privilege.name)\" on \(need.object) is not allowed to \(principal.name)")
    }

    /// Those of a list that may be seen.
    func visible<Element: Sendable>(
        _ all: [Element], as object: @Sendable (Element) -> Securable
    ) async throws(CatalogError) -> [Element] {
        guard !isUnlimited else { return all }
        var seen: [Element] = []
        for element in all where try await allows(Need(.list, on: object(element))) { seen.append(element) }
        return seen
    }

    // MARK: -

    private func suffices(_ role: Role?, _ need: Need) -> Bool {
        principal.capped(role?.privilege).map { $0 >= need.privilege } ?? false
    }

    /// Whether the table or view of that name is one of these.
    private func isPresent(_ object: Securable, _ uuids: [String]) async throws(CatalogError) -> Bool {
        do throws(CatalogError) {
            return try await service.place(of: object).uuid.map { uuids.contains($0) } ?? false
        } catch {
            guard error.status == 404 else { throw error }
            return false
        }
    }

    private func grants() async throws(CatalogError) -> GrantTable {
        if let table = known.grants.withLock({ $0 }) { return table }
        let table = try await service.grants().table
        known.grants.withLock { $0 = table }
        return table
    }
}
