import IcebergCatalog
import ObjectStore

extension CatalogService {
    /// Sees to it that a table is in the catalog: as it is when it is there; else brought back when it was dropped; else
    /// with the metadata file that its register named last; else with the newest one at its default place.
    ///
    /// - Throws: `.noSuchTable` when no metadata file is to be found.
    package func reregisterTable(_ identifier: TableIdentifier, _ request: Request) async throws(CatalogError) -> Table
    {
        if try await tableExists(identifier) { return try await loadTable(identifier) }
        do {
            return try await undropTable(identifier, request)
        } catch {
            guard error.code == .noSuchTable else { throw error }
        }
        guard let location = try await lastMetadata(of: identifier) else {
            throw CatalogError(
                .noSuchTable,
                "Table does not exist: \(identifier); no metadata file of it is known, nor lies in \(try warehouse.defaultPlace(of: identifier))"
            )
        }
        return try await registerTable(identifier, metadataLocation: location, overwrite: false, request)
    }

    private func lastMetadata(of identifier: TableIdentifier) async throws(CatalogError) -> String? {
        let history = try await registers.history(
            try RegisterChain.table(identifier), limit: CatalogLimits.recoveryEntriesMax)
        let candidates = MetadataCandidates(warehouse: warehouse, wanted: .metadata, uuid: nil)
        if let known = history.lazy.compactMap(\.state?.table?.metadataLocation).first,
            case .whole = try await candidates.judge(known)
        {
            return known
        }
        let folder = try warehouse.resolve("\(try warehouse.defaultPlace(of: identifier))/metadata").place
        for (location, _) in try await candidates.listed(in: folder).prefix(CatalogLimits.recoveryEntriesMax) {
            if case .whole = try await candidates.judge(location) { return location }
        }
        return nil
    }
}
