import Clocks
import IcebergCatalog
import IcebergSpec
import ObjectStore

/// Tables whose metadata is there already.
extension CatalogService {
    /// Takes an existing metadata file as a table, in the place of the present one with `overwrite`.
    ///
    /// - Throws: `.alreadyExists` where a table has the name, or another one this table's UUID; `.badRequest` for metadata
    ///   that commits could not have made.
    package func registerTable(
        _ identifier: TableIdentifier, metadataLocation: String, overwrite: Bool, _ request: Request
    ) async throws(CatalogError) -> Table {
        _ = try await namespaceProperties(identifier.namespace)
        let location = try warehouse.resolve(metadataLocation).uri
        if request.idempotencyKey != nil {
            // What came after it may have left the file behind, or the table a name.
            let head = try await registers.settledHead(try RegisterChain.table(identifier))
            if let done = try await repeated(identifier, head, request) { return done }
        }
        try await checkRegistration(of: try await files.readPresent(location).metadata, as: identifier)
        return try await registerFile(identifier, location, overwrite: overwrite, request)
    }

    /// As `registerTable`, of a file that is known to be the table's.
    func registerFile(
        _ identifier: TableIdentifier, _ location: String, overwrite: Bool, _ request: Request
    ) async throws(CatalogError) -> Table {
        let chain = try RegisterChain.table(identifier)
        return try await tableLocks.withLock(chain) { () async throws(CatalogError) -> Table in
            try await self.register(identifier, location, overwrite: overwrite, chain, request)
        }
    }

    private func register(
        _ identifier: TableIdentifier, _ location: String, overwrite: Bool, _ chain: RegisterChain, _ request: Request
    ) async throws(CatalogError) -> Table {
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let head = try await registers.settledHead(chain)
            if let done = try await repeated(identifier, head, request) { return done }
            if !(overwrite && head.state.table != nil) { try requireFree(head, identifier, for: .table) }
            if let made = try await take(location, as: identifier, on: head, request) { return made }
        }
        throw Self.lost("the table \(identifier)")
    }

    /// Makes an existing metadata file the table, with the register's next version.
    ///
    /// - Returns: nil when another writer was first; nothing took place.
    func take(
        _ location: String, as identifier: TableIdentifier, on head: RegisterHead, _ request: Request
    ) async throws(CatalogError) -> Table? {
        // Only now: a commit that was first may have deleted it as one of the table's old files.
        let file = try await files.readPresent(location)
        try gate.requireOwnFolders(of: file.metadata)
        let uuid = file.metadata.tableUUID?.description ?? ""
        let place = try warehouse.resolve(file.metadata.location).place
        let drops = try await openDrops(of: uuid, as: identifier)
        guard let held = try await hold(drops, as: identifier, on: head) else { return nil }
        let isRecorded: Bool
        do throws(CatalogError) {
            isRecorded = try await claims.claim(place, for: identifier, uuid: uuid, as: .known, head: head)
        } catch {
            try await release(held, since: drops)
            throw error
        }
        let state = RegisterState.table(
            TableState(
                metadataLocation: file.location, tableUUID: uuid, location: file.metadata.location))
        let outcome = try await registers.advance(
            head, to: state, operation: "register", idempotencyKey: request.idempotencyKey)
        guard case .advanced(let made) = outcome else { return nil }
        try await finishReturn(of: held, since: drops, as: identifier, made)
        if !isRecorded { await recordName(of: identifier, made.state) }
        return Table(identifier: identifier, head: made, file: file)
    }

    // MARK: - What is registered

    /// Holds metadata that a client brings to what commits are held to, as far as the metadata itself tells.
    private func checkRegistration(
        of metadata: TableMetadata, as identifier: TableIdentifier
    ) async throws(CatalogError) {
        try gate.check(registered: metadata)
        let uuid = metadata.tableUUID?.description ?? ""
        let folders = TableFolders(of: [metadata], in: warehouse)
        for snapshot in metadata.snapshots {
            guard let list = snapshot.manifestList else { continue }
            do throws(CatalogError) {
                try folders.checkMetadata(list, "the manifest list of snapshot \(snapshot.snapshotID)")
            } catch {
                guard try await isInOwnClaim(list, uuid) else { throw error }
            }
        }
        guard !uuid.isEmpty else { return }
        if let other = try await liveTable(uuid, besides: identifier, toleratesDamage: true) {
            throw CatalogError(
                .alreadyExists, "Cannot register \(identifier): the table with the UUID \(uuid) is \(other) now")
        }
        _ = try await openDrops(of: uuid, as: identifier)
    }

    /// Whether a file lies where the table once lay: it may have been moved.
    private func isInOwnClaim(_ path: String, _ uuid: String) async throws(CatalogError) -> Bool {
        let file = try warehouse.resolve(path).place
        var folder = file.key.rawValue[...]
        while !uuid.isEmpty, let slash = folder.lastIndex(of: "/") {
            folder = folder[..<slash]
            let place: ObjectLocation
            do throws(ObjectStoreError) {
                place = ObjectLocation(bucket: file.bucket, key: try ObjectKey(String(folder)))
            } catch {
                return false
            }
            if let claim = try await claims.claim(on: place) { return claim.tableUUID == uuid }
        }
        return false
    }

    /// The table that has this UUID, if one but `identifier` has. Cost: a read or two for each table of the catalog.
    ///
    /// - Parameter toleratesDamage: whether a register that cannot be read is judged by its newest version that can;
    ///   otherwise it is `.serviceUnavailable`.
    func liveTable(
        _ uuid: String, besides identifier: TableIdentifier, toleratesDamage: Bool
    ) async throws(CatalogError) -> TableIdentifier? {
        for table in try await registeredTables() where table.identifier != identifier {
            var state = table.state
            if let problem = table.problem {
                guard toleratesDamage else {
                    throw CatalogError(
                        .serviceUnavailable, "whether it is \(table.identifier) cannot be told: \(problem)")
                }
                let history = try await registers.history(table.chain, limit: CatalogLimits.recoveryEntriesMax)
                state = history.lazy.compactMap(\.state).first?.table
            }
            if state?.tableUUID == uuid { return table.identifier }
        }
        return nil
    }
}

extension CommitGate {
    /// Refuses metadata that no commits could have made.
    ///
    /// - Throws: `.badRequest`.
    fileprivate func check(registered metadata: TableMetadata) throws(CatalogError) {
        for schema in metadata.schemas { try SchemaCheck.check(schema) }
        do { try metadata.checkDefaults() } catch { throw CatalogError(error) }
        guard metadata.lastSequenceNumber >= 0 else {
            throw CatalogError(
                .badRequest, "last-sequence-number is \(metadata.lastSequenceNumber); allowed is 0 and above")
        }
        let limit = clock.now().milliseconds + CatalogLimits.snapshotAheadMillisecondsMax
        guard metadata.lastUpdatedMilliseconds <= limit else {
            throw CatalogError(
                .badRequest,
                "last-updated-ms is \(metadata.lastUpdatedMilliseconds), more than "
                    + "\(CatalogLimits.snapshotAheadMillisecondsMax / 60_000) minutes ahead of this clock: every later commit would be refused"
            )
        }
        for snapshot in metadata.snapshots {
            let id = snapshot.snapshotID
            guard id > 0 else { throw CatalogError(.badRequest, "a snapshot id is above 0, not \(id)") }
            guard snapshot.sequenceNumber >= 0 else {
                throw CatalogError(
                    .badRequest,
                    "snapshot \(id) has the sequence number \(snapshot.sequenceNumber); allowed is 0 and above")
            }
            guard snapshot.timestampMilliseconds <= limit else {
                throw CatalogError(
                    .badRequest,
                    "snapshot \(id) is of \(snapshot.timestampMilliseconds) ms, more than "
                        + "\(CatalogLimits.snapshotAheadMillisecondsMax / 60_000) minutes ahead of this clock")
            }
        }
    }
}
