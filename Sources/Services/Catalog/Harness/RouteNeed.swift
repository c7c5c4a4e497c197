import IcebergCatalog

/// What a route needs of whoever calls it. It is checked before the handler is called.
///
/// `.read` and the like are needed on what the path names: its table or view, else its namespace (also for a function), else the
/// warehouse. Routes whose body names more say so with `.parts`; all of them are needed.
struct RouteNeed: Sendable {
    /// nil: it takes the request to tell.
    let privilege: Privilege?
    let needs: @Sendable (CatalogCall) throws(CatalogError) -> [Need]

    private init(_ privilege: Privilege) {
        self.privilege = privilege
        needs = { (call) throws(CatalogError) in [Need(privilege, on: try call.object())] }
    }

    private init(_ needs: @escaping @Sendable (CatalogCall) throws(CatalogError) -> [Need]) {
        privilege = nil
        self.needs = needs
    }

    static let list = RouteNeed(.list)
    static let read = RouteNeed(.read)
    static let write = RouteNeed(.write)
    static let maintain = RouteNeed(.maintain)
    static let administer = RouteNeed(.administer)

    /// `maintain` on everything: the request brings metadata that could name whatever lies in the warehouse's buckets.
    static let maintainWarehouse = RouteNeed { _ in [Need(.maintain, on: .warehouse)] }

    static func parts(_ needs: @escaping @Sendable (CatalogCall) throws(CatalogError) -> [Need]) -> RouteNeed {
        RouteNeed(needs)
    }
}

extension CatalogCall {
    /// What the path is about.
    func object() throws(CatalogError) -> Securable {
        if parameters["table"] != nil { return .table(try table()) }
        if parameters["view"] != nil { return .view(try view()) }
        if parameters["namespace"] != nil { return .namespace(try namespace()) }
        return .warehouse
    }
}
