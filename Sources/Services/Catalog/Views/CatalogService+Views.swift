import Clocks
import IcebergCatalog
import IcebergSpec

/// Views: metadata files like those of tables (specification: "Iceberg View Spec"), named by the same registers.
extension CatalogService {
    /// A known view: its register and its metadata.
    package struct View: Sendable {
        let identifier: TableIdentifier
        let head: RegisterHead
        package let file: StoredView
    }

    /// What a new view is to be.
    package struct ViewCreation: Sendable {
        var schema: Schema
        var version: ViewVersion
        /// nil: the catalog chooses.
        var location: String?
        var properties: [String: String]

        package init(
            schema: Schema, version: ViewVersion, location: String? = nil, properties: [String: String] = [:]
        ) {
            self.schema = schema
            self.version = version
            self.location = location
            self.properties = properties
        }
    }

    /// The views directly in `namespace`, sorted.
    package func listViews(in namespace: NamespaceName) async throws(CatalogError) -> [TableIdentifier] {
        try await identifiers(of: .view, in: namespace)
    }

    /// The view as it is now: every change acknowledged before, by whichever replica, is seen.
    ///
    /// - Throws: `.noSuchView`, also where the name is a table's.
    package func loadView(_ identifier: TableIdentifier) async throws(CatalogError) -> View {
        try await view(identifier, at: try await tableHead(identifier))
    }

    package func viewExists(_ identifier: TableIdentifier) async throws(CatalogError) -> Bool {
        try await tableHead(identifier).state.view != nil
    }

    /// Makes a view. First the metadata file is written, then the register's next version makes it durable.
    ///
    /// - Throws: `.alreadyExists` where a view or table has the name, `.noSuchNamespace`, `.badRequest`.
    package func createView(
        _ identifier: TableIdentifier, _ wanted: ViewCreation, _ request: Request
    ) async throws(CatalogError) -> View {
        _ = try await namespaceProperties(identifier.namespace)
        let properties = try gate.admit(wanted.properties)
        try SchemaCheck.check(wanted.schema)
        let given = try wanted.location.map { (text) throws(CatalogError) in try warehouse.resolve(text).uri }
        let chain = try RegisterChain.table(identifier)
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let head = try await registers.settledHead(chain)
            if let done = try await repeatedView(identifier, head, request) { return done }
            try requireFree(head, identifier, for: .view)
            let location: String
            if let given { location = given } else { location = try await defaultLocation(identifier, head) }
            let metadata = try newMetadata(wanted, properties: properties, location: location)
            try gate.requireOwnFolders(of: metadata)
            let isRecorded = try await claim(metadata, for: identifier, head)
            let file = try await views.write(metadata, after: nil)
            if let made = try await publish(file, as: identifier, on: head, operation: "create-view", request) {
                if !isRecorded { await recordName(of: identifier, made.head.state) }
                return made
            }
            await views.discard(file)
        }
        throw Self.lost("the view \(identifier)")
    }

    /// Takes an existing metadata file as a view.
    ///
    /// - Throws: `.alreadyExists`, `.noSuchNamespace`; `.notFound`, `.badRequest` for a file that is no view's.
    package func registerView(
        _ identifier: TableIdentifier, metadataLocation: String, _ request: Request
    ) async throws(CatalogError) -> View {
        _ = try await namespaceProperties(identifier.namespace)
        let location = try warehouse.resolve(metadataLocation).uri
        let chain = try RegisterChain.table(identifier)
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let head = try await registers.settledHead(chain)
            if let done = try await repeatedView(identifier, head, request) { return done }
            try requireFree(head, identifier, for: .view)
            let file = try await views.read(location)
            try gate.requireOwnFolders(of: file.metadata)
            let isRecorded = try await claim(file.metadata, for: identifier, head)
            if let made = try await publish(file, as: identifier, on: head, operation: "register-view", request) {
                if !isRecorded { await recordName(of: identifier, made.head.state) }
                return made
            }
        }
        throw Self.lost("the view \(identifier)")
    }

    /// Drops a view: its register says "absent" from its next version on. Its metadata files stay.
    package func dropView(_ identifier: TableIdentifier, _ request: Request) async throws(CatalogError) {
        let ended = try await end(
            try RegisterChain.table(identifier), "the view \(identifier)", operation: "drop-view", request
        ) { (head) throws(CatalogError) in
            guard head.state.view != nil else { throw ObjectKind.view.missing(identifier) }
        }
        guard let ended else { return }
        await recordName(of: identifier, ended.last.state, isEnded: true)
        if let uuid = ended.last.state.view?.viewUUID {
            await forgetGrants(at: [GrantTable.Place(object: .view(identifier), uuid: uuid)])
        }
    }

    package func renameView(
        _ source: TableIdentifier, to destination: TableIdentifier, _ request: Request
    ) async throws(CatalogError) {
        try await rename(.view, source, to: destination, request)
    }

    // MARK: - Parts

    func view(_ identifier: TableIdentifier, at head: RegisterHead) async throws(CatalogError) -> View {
        guard let state = head.state.view else { throw ObjectKind.view.missing(identifier) }
        do {
            return View(identifier: identifier, head: head, file: try await views.read(state.metadataLocation))
        } catch {
            guard error.code == .notFound || error.code == .badRequest else { throw error }
            throw CatalogError(.internalError, "the metadata of \(identifier) cannot be read: \(error.message)")
        }
    }

    /// The view as the request with this key made it, when it was here before and its answer got lost.
    func repeatedView(
        _ identifier: TableIdentifier, _ head: RegisterHead, _ request: Request
    ) async throws(CatalogError) -> View? {
        guard let key = request.idempotencyKey, let done = try await registers.entry(madeBy: key, upTo: head),
            let state = done.state.view
        else { return nil }
        return View(identifier: identifier, head: head, file: try await views.read(state.metadataLocation))
    }

    private func newMetadata(
        _ wanted: ViewCreation, properties: [String: String], location: String
    ) throws(CatalogError) -> ViewMetadata {
        do {
            return try ViewMetadata.new(
                location: location, schema: wanted.schema, version: wanted.version, properties: properties,
                uuid: UUID.random(), at: clock.now())
        } catch {
            guard error.code == .invalid else { throw CatalogError(error) }
            throw CatalogError(.illegalArgument, "\(error)")
        }
    }

    /// - Returns: as `LocationClaims.claim`.
    func claim(
        _ metadata: ViewMetadata, for identifier: TableIdentifier, _ head: RegisterHead
    ) async throws(CatalogError) -> Bool {
        let place = try warehouse.resolve(metadata.location).place
        return try await claims.claim(place, for: identifier, uuid: metadata.viewUUID.description, as: nil, head: head)
    }

    /// Makes `file` the view: the register's next version makes it durable.
    ///
    /// - Returns: nil when another writer was first; nothing took place.
    private func publish(
        _ file: StoredView, as identifier: TableIdentifier, on head: RegisterHead, operation: String,
        _ request: Request
    ) async throws(CatalogError) -> View? {
        let outcome = try await registers.advance(
            head, to: .view(ViewState(file)), operation: operation, idempotencyKey: request.idempotencyKey)
        guard case .advanced(let made) = outcome else { return nil }
        try await undoWithoutNamespace(identifier, made)
        return View(identifier: identifier, head: made, file: file)
    }
}
