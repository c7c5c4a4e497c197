import Clocks
import HTTP
import IcebergCatalog
import IcebergSpec

/// Where the files lie that clients are given access to: of a table that is there, is staged, or was dropped.
extension CatalogHarness {
    /// A staged table's token, for as long as it may take to make the table.
    func stagedToken(for identifier: TableIdentifier, _ location: String) async throws(CatalogError) -> String {
        let end = Timestamp(milliseconds: service.clock.now().milliseconds + CatalogLimits.stagedMilliseconds)
        return try await StagedPlace(identifier: identifier, location: location, end: end)
            .sealed(with: planning.key)
    }

    /// Where the files of a table lie that is there, or is staged.
    func location(of identifier: TableIdentifier, _ call: CatalogCall) async throws(CatalogError) -> String {
        do throws(CatalogError) {
            return try await service.loadTable(identifier).file.metadata.location
        } catch {
            guard error.code == .noSuchTable, let token = call.request.parameter(StagedPlace.parameter),
                let staged = try await StagedPlace.open(
                    token, for: identifier, now: service.clock.now(), with: planning.key),
                try await service.isFree(staged.location, for: identifier)
            else { throw error }
            return staged.location
        }
    }
}

extension CatalogService {
    /// Whether no other table has claimed the location.
    func isFree(_ location: String, for identifier: TableIdentifier) async throws(CatalogError) -> Bool {
        guard let claim = try await claims.claim(on: try warehouse.resolve(location).place) else { return true }
        return claim.table == identifier
    }

    /// Where a table lay that was dropped, while it can be brought back: clients drop a table, and then look at or delete
    /// its files.
    func locationBeforeDrop(of identifier: TableIdentifier) async throws(CatalogError) -> String? {
        let head = try await registers.settledHead(try RegisterChain.table(identifier))
        guard head.state == .absent, let (state, operation) = try await lastEnd(before: head),
            Self.dropOperations.contains(operation), let dropped = head.entry?.time,
            clock.now().milliseconds - dropped.milliseconds < dropRetentionMilliseconds,
            let claim = try await claims.claim(on: try warehouse.resolve(state.location).place),
            claim.table == identifier, claim.tableUUID == state.tableUUID
        else { return nil }
        return state.location
    }
}
