import Bytes
import Clocks
import IcebergCatalog

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
