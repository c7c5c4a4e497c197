import IcebergCatalog

/// A privilege on one thing.
struct Need: Hashable, Sendable {
    let privilege: Privilege
    let object: Securable

    init(_ privilege: Privilege, on object: Securable) {
        self.privilege = privilege
        self.object = object
    }
}

/// What the sender of one request may do.
struct Rights: Sendable {
    let principal: Principal

    /// Whether nothing is forbidden, now and later.
    var isUnlimited: Bool { principal.capped(principal.role?.privilege) == .administer }

    func allows(_ need: Need) async throws(CatalogError) -> Bool {
        // The lists of the warehouse show what may be seen.
        if need == Need(.list, on: .warehouse) { return true }
        guard let held = principal.capped(principal.role?.privilege) else { return false }
        return held >= need.privilege
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
}
