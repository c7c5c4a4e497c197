import Bytes
import Clocks
import HTTP
import IcebergCatalog
import IcebergSpec

/// Where a staged table is to lie. Nothing is kept of a staged table, and its files are written before it is made: the
/// addresses at which its client asks for access to them carry this, signed.
///
/// Layout, in base64url: signature (16 bytes) · end in milliseconds, a line feed, the location. The signature also covers
/// the table's name.
struct StagedPlace: Hashable, Sendable {
    static let parameter = "staged"
    private static let purpose = "staged-table"

    let identifier: TableIdentifier
    let location: String
    let end: Timestamp

    private var text: [UInt8] { Array("\(end.milliseconds)\n\(location)".utf8) }
    private var signed: [UInt8] { Array("\(identifier.urlPath)\n".utf8) + text }

    func sealed(with key: SigningKey) async throws(CatalogError) -> String {
        Base64.encode(try await key.signature(of: signed, for: Self.purpose) + text, alphabet: .urlSafe)
    }

    /// - Returns: nil for what this catalog has not said of this table, or what is over.
    static func open(
        _ token: String, for identifier: TableIdentifier, now: Timestamp, with key: SigningKey
    ) async throws(CatalogError) -> StagedPlace? {
        guard token.utf8.count <= CatalogLimits.stagedTokenBytesMax, let bytes = Base64.decode(token),
            let text = String(validating: bytes.dropFirst(SigningKey.signatureByteCount), as: UTF8.self),
            let line = text.firstIndex(of: "\n"), let milliseconds = Int64(text[..<line])
        else { return nil }
        let place = StagedPlace(
            identifier: identifier, location: String(text[text.index(after: line)...]),
            end: Timestamp(milliseconds: milliseconds))
        let signature = Array(bytes.prefix(SigningKey.signatureByteCount))
        guard try await key.isSignature(signature, of: place.signed, for: purpose), now < place.end else { return nil }
        return place
    }
}

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
