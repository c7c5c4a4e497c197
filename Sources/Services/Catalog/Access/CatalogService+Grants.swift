import IcebergCatalog

/// Grants: who may do what with a part of the catalog. Like all state they are a register, so that every replica goes by
/// what was acknowledged last.
extension CatalogService {
    /// At least one read of the store.
    func grants() async throws(CatalogError) -> (table: GrantTable, version: Int64) {
        let head = try await registers.head(.grants)
        return (head.state.grants ?? GrantTable(), head.version)
    }

    /// Where grants on a thing are kept.
    ///
    /// - Throws: when there is no such thing.
    func place(of object: Securable) async throws(CatalogError) -> GrantTable.Place {
        switch object {
        case .warehouse: return GrantTable.Place(object: object, uuid: nil)
        case .namespace(let name):
            guard try await namespaceHead(name).state != .absent else { throw object.absence }
            return GrantTable.Place(object: object, uuid: nil)
        case .table(let name):
            guard let table = try await tableHead(name).state.table else { throw object.absence }
            return GrantTable.Place(object: object, uuid: table.tableUUID)
        case .view(let name):
            guard let view = try await tableHead(name).state.view else { throw object.absence }
            return GrantTable.Place(object: object, uuid: view.viewUUID)
        }
    }

    /// Puts `roles` in the place of what was granted on a thing before. Durable with the register's next version.
    ///
    /// - Parameter version: of the register, that the change is made on top of; nil: of whichever there is.
    /// - Returns: the version made.
    func setGrants(
        _ roles: [Grantee: Role], on object: Securable, onto version: Int64?, _ request: Request
    ) async throws(CatalogError) -> Int64 {
        let place = try await place(of: object)
        return try await changeGrants("grant", onto: version, request) { table in
            for uuid in table.uuids(of: object) where uuid != place.uuid {
                table.set([:], at: GrantTable.Place(object: object, uuid: uuid))
            }
            table.set(roles, at: place)
        }
    }

    /// Removes what was granted on a namespace that is no more, before one of its name is made.
    func forgetGrants(in namespace: NamespaceName, _ request: Request) async throws(CatalogError) {
        guard try await namespaceHead(namespace).state == .absent else { return }
        _ = try await changeGrants("forget-grants", onto: nil, request) { $0.remove(namespace: namespace) }
    }

    /// Has grants follow a table or view to another name. They hold for its UUID only, so they are put there before it moves; what they
    /// leave behind, at the old name or, when it is not moved, at the other, means nothing from then on and is taken away.
    ///
    /// - Parameter move: to the other name. It throws when that is not certain to have happened.
    func withGrants(
        from source: Securable, to destination: Securable, _ request: Request,
        _ move: () async throws(CatalogError) -> Void
    ) async throws(CatalogError) {
        guard try await !grants().table.uuids(of: source).isEmpty, let uuid = try await uuid(of: source) else {
            return try await move()
        }
        let place = GrantTable.Place(object: source, uuid: uuid)
        let other = GrantTable.Place(object: destination, uuid: place.uuid)
        // A version of its own even if nothing is new: who takes away what an earlier move left there sees that he is late.
        _ = try await changeGrants("move-grants", onto: nil, request, isEmptyChangeMade: true) { table in
            let roles = table.roles(at: place)
            if !roles.isEmpty { table.set(roles, at: other) }
        }
        do {
            try await move()
        } catch {
            // Of an unknown outcome both stay: one of them will hold.
            if error.status < 500 { await forgetGrants(at: [place, other]) }
            throw error
        }
        await forgetGrants(at: [place, other])
    }

    /// Removes what was granted on tables and views that are not at these places, if it can: it means nothing there, but counts.
    func forgetGrants(at places: [GrantTable.Place]) async {
        do {
            let (table, version) = try await grants()
            var gone: [GrantTable.Place] = []
            for place in places where !table.roles(at: place).isEmpty {
                if try await uuid(of: place.object) != place.uuid { gone.append(place) }
            }
            guard !gone.isEmpty else { return }
            _ = try await changeGrants("forget-grants", onto: version, Request()) { table in
                for place in gone { table.set([:], at: place) }
            }
        } catch {
            // Another change came between, or the store fails: they stay, and hold for nothing.
        }
    }

    /// Of the table or view that has the name; nil where there is none.
    private func uuid(of object: Securable) async throws(CatalogError) -> String? {
        switch object {
        case .warehouse, .namespace: nil
        case .table(let name): try await tableHead(name).state.table?.tableUUID
        case .view(let name): try await tableHead(name).state.view?.viewUUID
        }
    }

    private func changeGrants(
        _ operation: String, onto version: Int64?, _ request: Request, isEmptyChangeMade: Bool = false,
        _ change: (inout GrantTable) -> Void
    ) async throws(CatalogError) -> Int64 {
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let head = try await registers.settledHead(.grants)
            guard version == nil || version == head.version else { break }
            let before = head.state.grants ?? GrantTable()
            var table = before
            change(&table)
            guard table.count <= CatalogLimits.grantsMax else {
                throw CatalogError(
                    .unprocessable, "the catalog has at most \(CatalogLimits.grantsMax) grants; grant to roles instead")
            }
            guard isEmptyChangeMade || table != before else { return head.version }
            let outcome = try await registers.advance(
                head, to: .grants(table), operation: operation, idempotencyKey: request.idempotencyKey)
            if case .advanced(let made) = outcome { return made.version }
        }
        throw Self.lost("the permissions")
    }
}
