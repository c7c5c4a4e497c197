import Bytes
import Checksums
import HTTP
import IcebergCatalog

/// An `Idempotency-Key` and the request it was sent with: a key belongs to one request.
package struct IdempotencyKey: Hashable, Sendable {
    let name: String
    /// What tells requests apart; nil where nobody knows: in entries of older releases, and of callers inside this program.
    let fingerprint: String?
    /// What this request was refused with, or that the key is that of another one, which was refused: it takes no effect any
    /// more, but is answered as a repeat of what a register holds.
    var refusal: CatalogError?

    /// Refuses a request whose key was used by another one before.
    ///
    /// - Parameter known: the key as that request sent it.
    func requireSameRequest(as known: IdempotencyKey) throws(CatalogError) {
        guard let fingerprint, let other = known.fingerprint, other != fingerprint else { return }
        throw Self.reused(for: other.split(separator: " ").prefix(2).joined(separator: " "))
    }

    /// - Parameter request: method and path of the one that had the key first.
    static func reused(for request: String) -> CatalogError {
        CatalogError(.badRequest, "\(reuse): \(request)")
    }

    /// Whether a request was refused for its key alone.
    static func isReuse(_ error: CatalogError) -> Bool {
        error.code == .badRequest && error.message.hasPrefix(reuse)
    }

    private static let reuse = "the Idempotency-Key was used for another request"
}

extension HTTPRequest {
    /// Method, path and a hash of these, the query and the body. Cost: SHA-256 of the body.
    var fingerprint: String {
        let digest = Digest.sha256(Digest.sha256(body) + Array("\(method) \(target)".utf8))
        return "\(method) \(path.prefix(200)) \(Hexadecimal.encode(digest.prefix(16)))"
    }
}
