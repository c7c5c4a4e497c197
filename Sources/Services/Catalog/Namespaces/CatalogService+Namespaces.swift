import IcebergCatalog

extension CatalogService {
    /// The namespaces directly under `parent`, or at the top, sorted; with those whose register is damaged.
    package func listNamespaces(under parent: NamespaceName?) async throws(CatalogError) -> [NamespaceName] {
        if let parent { _ = try await namespaceProperties(parent) }
        let depth = (parent?.levels.count ?? 0) + 1
        var found: [NamespaceName] = []
        for segment in try await segments(below: RegisterChain.namespacesPrefix) {
            guard let name = RegisterChain.namespace(ofSegment: segment), name.levels.count == depth,
                name.parent == parent, try await isListed(name)
            else { continue }
            found.append(name)
        }
        return found.sorted()
    }

    /// - Throws: `.noSuchNamespace`.
    package func namespaceProperties(_ name: NamespaceName) async throws(CatalogError) -> [String: String] {
        guard let properties = try await namespaceHead(name).state.namespaceProperties else {
            throw Self.noSuchNamespace(name)
        }
        return properties
    }

    /// Makes a namespace; its parent must exist. Durable with the register's next version.
    package func createNamespace(
        _ name: NamespaceName, properties: [String: String], _ request: Request
    ) async throws(CatalogError) -> [String: String] {
        try checkCount(properties)
        let chain = try RegisterChain.namespace(name)
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            if let parent = name.parent, try await namespaceHead(parent).state == .absent {
                throw Self.noParent(parent)
            }
            let head = try await registers.settledHead(chain)
            if let key = request.idempotencyKey, let done = try await registers.entry(madeBy: key, upTo: head),
                let properties = done.state.namespaceProperties
            {
                return properties
            }
            guard head.state == .absent else {
                throw CatalogError(.alreadyExists, "Namespace already exists: \(name)")
            }
            let state = RegisterState.namespace(properties: properties)
            let outcome = try await registers.advance(
                head, to: state, operation: "create", idempotencyKey: request.idempotencyKey)
            guard case .advanced(let made) = outcome else { continue }
            try await undoWithoutParent(name, made)
            return properties
        }
        throw Self.lost("the namespace \(name)")
    }

    /// Drops an empty namespace.
    ///
    /// The register says "absent" first and the tables are counted again after: a table made at the same moment is
    /// seen here, or its maker sees the namespace gone; one of the two gives way.
    package func dropNamespace(_ name: NamespaceName, _ request: Request) async throws(CatalogError) {
        let ended = try await end(
            try RegisterChain.namespace(name), "the namespace \(name)", operation: "drop", request
        ) { (head) async throws(CatalogError) in
            guard head.state != .absent else { throw Self.noSuchNamespace(name) }
            try await self.requireEmpty(name)
        }
        guard let ended else { return }
        do {
            try await requireEmpty(name)
        } catch {
            _ = try await registers.advance(ended.made, to: ended.last.state, operation: RegisterEntry.undoing.end)
            throw error
        }
    }

    /// What a change of properties did.
    package struct PropertiesChange: Sendable {
        package var updated: [String] = []
        package var removed: [String] = []
        package var missing: [String] = []
    }

    package func updateNamespace(
        _ name: NamespaceName, removals: [String], updates: [String: String], _ request: Request
    ) async throws(CatalogError) -> PropertiesChange {
        if let both = removals.first(where: { updates[$0] != nil }) {
            throw CatalogError(.unprocessable, "the property \"\(both)\" is to be both updated and removed")
        }
        let chain = try RegisterChain.namespace(name)
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let head = try await registers.settledHead(chain)
            if let key = request.idempotencyKey, let done = try await registers.change(madeBy: key, upTo: head),
                done.entry.state.namespaceProperties != nil
            {
                let before = try await registers.entry(chain, done.version - 1)?.state.namespaceProperties ?? [:]
                return Self.changed(before, removals, updates).change
            }
            guard let current = head.state.namespaceProperties else { throw Self.noSuchNamespace(name) }
            let (properties, change) = Self.changed(current, removals, updates)
            try checkCount(properties)
            let outcome = try await registers.advance(
                head, to: .namespace(properties: properties), operation: "update-properties",
                idempotencyKey: request.idempotencyKey)
            if case .advanced = outcome { return change }
        }
        throw Self.lost("the namespace \(name)")
    }

    private static func changed(
        _ properties: [String: String], _ removals: [String], _ updates: [String: String]
    ) -> (properties: [String: String], change: PropertiesChange) {
        var properties = properties
        var change = PropertiesChange(updated: updates.keys.sorted())
        for key in Set(removals).sorted() {
            if properties.removeValue(forKey: key) == nil {
                change.missing.append(key)
            } else {
                change.removed.append(key)
            }
        }
        return (properties.merging(updates) { $1 }, change)
    }

    // MARK: - Parts

    func namespaceHead(_ name: NamespaceName) async throws(CatalogError) -> RegisterHead {
        try await registers.head(try RegisterChain.namespace(name))
    }

    /// One that is damaged does not take the others out of a listing with it.
    private func isListed(_ name: NamespaceName) async throws(CatalogError) -> Bool {
        do throws(CatalogError) {
            return try await namespaceHead(name).state != .absent
        } catch {
            guard error.code == .internalError else { throw error }
            return true
        }
    }

    /// Not 404, which the specification does not have for it.
    private static func noParent(_ parent: NamespaceName) -> CatalogError {
        CatalogError(.badRequest, "the namespace above it does not exist: \(parent)")
    }

    static func noSuchNamespace(_ name: NamespaceName) -> CatalogError {
        CatalogError(.noSuchNamespace, "Namespace does not exist: \(name)")
    }

    private func checkCount(_ properties: [String: String]) throws(CatalogError) {
        guard properties.count <= CatalogLimits.namespacePropertiesMax else {
            throw CatalogError(
                .badRequest, "a namespace has at most \(CatalogLimits.namespacePropertiesMax) properties")
        }
    }

    private func requireEmpty(_ name: NamespaceName) async throws(CatalogError) {
        if let first = try await names(in: name).first {
            throw CatalogError(
                .namespaceNotEmpty,
                "Namespace \(name) is not empty: it holds the \(first.kind.rawValue.lowercased()) \(first.identifier.name)"
            )
        }
        if let function = try await listFunctions(in: name).first {
            throw CatalogError(
                .namespaceNotEmpty, "Namespace \(name) is not empty: it holds the function \(function.name)")
        }
        if let child = try await children(of: name).first {
            throw CatalogError(.namespaceNotEmpty, "Namespace \(name) is not empty: it holds the namespace \(child)")
        }
    }

    private func children(of parent: NamespaceName) async throws(CatalogError) -> [NamespaceName] {
        var found: [NamespaceName] = []
        for segment in try await segments(below: RegisterChain.namespacesPrefix) {
            guard let name = RegisterChain.namespace(ofSegment: segment), name.parent == parent,
                try await isListed(name)
            else { continue }
            found.append(name)
        }
        return found
    }

    private func undoWithoutParent(_ name: NamespaceName, _ made: RegisterHead) async throws(CatalogError) {
        guard let parent = name.parent, try await namespaceHead(parent).state == .absent else { return }
        _ = try await registers.advance(made, to: .absent, operation: RegisterEntry.undoing.creation)
        throw Self.noParent(parent)
    }
}
