import Clocks
import IcebergCatalog
import IcebergSpec
import ObjectStore

extension CatalogService {
    /// The tables directly in `namespace`, sorted.
    package func listTables(in namespace: NamespaceName) async throws(CatalogError) -> [TableIdentifier] {
        try await identifiers(of: .table, in: namespace)
    }

    /// The table as it is now: every commit acknowledged before, by whichever replica, is seen.
    package func loadTable(_ identifier: TableIdentifier) async throws(CatalogError) -> Table {
        var head = try await tableHead(identifier)
        for _ in 1..<CatalogLimits.commitAttemptsMax {
            do {
                return try await table(identifier, at: head)
            } catch {
                guard error.code == .internalError else { throw error }
                // Commits may have left the file behind, and deleted it, since the register was read.
                let newer = try await tableHead(identifier)
                guard newer.version != head.version else { throw error }
                head = newer
            }
        }
        return try await table(identifier, at: head)
    }

    /// The table as it is now, as `loadTable`; nil when its metadata is not in memory.
    func loadKnownTable(_ identifier: TableIdentifier) async throws(CatalogError) -> Table? {
        let head = try await tableHead(identifier)
        guard let state = head.state.table else { throw Self.noSuchTable(identifier) }
        return files.known(state.metadataLocation).map { Table(identifier: identifier, head: head, file: $0) }
    }

    /// The table's metadata as this process knows it, which may be out of date; nil when it is not in memory.
    func known(_ identifier: TableIdentifier) throws(CatalogError) -> StoredMetadata? {
        let state = registers.remembered(try RegisterChain.table(identifier))?.state.table
        return state.flatMap { files.known($0.metadataLocation) }
    }

    package func tableExists(_ identifier: TableIdentifier) async throws(CatalogError) -> Bool {
        try await tableHead(identifier).state.table != nil
    }

    /// What a new table is to be, as the request says it.
    package struct Creation: Sendable {
        var creation: TableCreation
        var isStaged: Bool

        package init(creation: TableCreation, isStaged: Bool) {
            self.creation = creation
            self.isStaged = isStaged
        }
    }

    /// Makes a table. First the metadata file is written, then the register's first live version makes it durable.
    package func createTable(
        _ identifier: TableIdentifier, _ wanted: Creation, _ request: Request
    ) async throws(CatalogError) -> (metadata: TableMetadata, table: Table?) {
        _ = try await namespaceProperties(identifier.namespace)
        let chain = try RegisterChain.table(identifier)
        var creation = wanted.creation
        creation.properties = try gate.admit(creation.properties)
        try SchemaCheck.check(creation.schema, takesIDs: false)
        if let location = creation.location { creation.location = try warehouse.resolve(location).uri }
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let head = try await registers.settledHead(chain)
            if let done = try await repeated(identifier, head, request) { return (done.file.metadata, done) }
            try requireFree(head, identifier, for: .table)
            let metadata = try await newMetadata(identifier, creation, head)
            try gate.requireOwnFolders(of: metadata)
            if wanted.isStaged {
                try await files.prepareFolder(of: metadata)
                return (metadata, nil)
            }
            do throws(CatalogError) {
                if let made = try await publish(metadata, as: identifier, on: head, operation: "create", request) {
                    return (made.file.metadata, made)
                }
            } catch {
                // Another table took the default location meanwhile: the client did not ask for just that one.
                guard error.code == .badRequest, creation.location == nil else { throw error }
                creation.location = try scatteredLocation(identifier)
            }
        }
        throw Self.lost("the table \(identifier)")
    }

    /// Renames a table, for every reader at one instant.
    package func renameTable(
        _ source: TableIdentifier, to destination: TableIdentifier, _ request: Request
    ) async throws(CatalogError) {
        try await rename(.table, source, to: destination, request)
    }

    // MARK: - Parts

    func tableHead(_ identifier: TableIdentifier) async throws(CatalogError) -> RegisterHead {
        try await registers.head(try RegisterChain.table(identifier))
    }

    func table(_ identifier: TableIdentifier, at head: RegisterHead) async throws(CatalogError) -> Table {
        guard let state = head.state.table else { throw Self.noSuchTable(identifier) }
        do {
            return Table(identifier: identifier, head: head, file: try await files.read(state.metadataLocation))
        } catch {
            guard error.code == .notFound || error.code == .badRequest else { throw error }
            throw CatalogError(.internalError, "the metadata of \(identifier) cannot be read: \(error.message)")
        }
    }

    static func noSuchTable(_ identifier: TableIdentifier) -> CatalogError {
        ObjectKind.table.missing(identifier)
    }

    /// The table as the request with this key made it, when it was here before and its answer got lost.
    func repeated(
        _ identifier: TableIdentifier, _ head: RegisterHead, _ request: Request
    ) async throws(CatalogError) -> Table? {
        guard let key = request.idempotencyKey, let done = try await registers.entry(madeBy: key, upTo: head),
            let state = done.state.table
        else { return nil }
        do {
            return Table(identifier: identifier, head: head, file: try await files.read(state.metadataLocation))
        } catch {
            // Later commits may have deleted the file; the table as it is now holds the change as well.
            guard error.code == .notFound, head.state.table != nil else { throw error }
            return try await table(identifier, at: head)
        }
    }

    /// Claims the location, writes the metadata file, then makes it the table with the register's next version: that
    /// put makes the effect durable.
    ///
    /// - Returns: nil when another writer was first; nothing took place.
    func publish(
        _ metadata: TableMetadata, as identifier: TableIdentifier, on head: RegisterHead, operation: String,
        _ request: Request
    ) async throws(CatalogError) -> Table? {
        let uuid = metadata.tableUUID?.description ?? ""
        let place = try warehouse.resolve(metadata.location).place
        let isRecorded = try await claims.claim(place, for: identifier, uuid: uuid, as: .new, head: head)
        let file = try await files.write(metadata, after: nil)
        let state = TableState(metadataLocation: file.location, tableUUID: uuid, location: metadata.location)
        let outcome = try await registers.advance(
            head, to: .table(state), operation: operation, idempotencyKey: request.idempotencyKey)
        guard case .advanced(let made) = outcome else {
            // Who registers what lies at a table's default place may have found this very file.
            let winner = try await registers.entry(head.chain, head.version + 1)
            if winner?.state.table?.metadataLocation != file.location { await files.discard(file) }
            return nil
        }
        try await undoWithoutNamespace(identifier, made)
        if !isRecorded { await recordName(of: identifier, made.state) }
        return Table(identifier: identifier, head: made, file: file)
    }

    private func newMetadata(
        _ identifier: TableIdentifier, _ creation: TableCreation, _ head: RegisterHead
    ) async throws(CatalogError) -> TableMetadata {
        if let location = creation.location { return try creation.metadata(location: location, at: clock.now()) }
        let location = try await defaultLocation(identifier, head)
        return try creation.metadata(location: location, at: clock.now())
    }
}
