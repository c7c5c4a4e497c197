import Clocks
import IcebergCatalog
import JSONFormat
import ObjectStore

/// What requests with an `Idempotency-Key` were refused with, so that a repeat is refused the same way, by any replica,
/// even if it could take place by now. (What was done is known from the registers, which keep the key.)
///
/// What a register says counts before a refusal: of attempts under way at the same time one may do what the other finds in
/// its way. A refusal is the object `idempotency/<key>` in the catalog bucket. Only final ones are kept: a commit that lost a
/// race, a failure, or missing rights may be tried again.
struct Refusals: Sendable {
    static let prefix = "idempotency/"

    let documents: CatalogDocuments
    let clock: any WallClock

    /// What a request with this key was refused with before; nil when it was not.
    ///
    /// - Parameter request: method and path, and what tells it from others of the same: a key belongs to one request.
    func refusal(
        _ key: UUID, of request: (name: String, fingerprint: String)
    ) async throws(CatalogError) -> CatalogError? {
        guard let known = try await documents.read(Self.prefix + key.description),
            let (refused, error, time) = Self.parse(known.json), clock.now().milliseconds - time < Self.lifetime
        else { return nil }
        // Refusals that older releases kept have no fingerprint.
        let fingerprint = known.json["fingerprint"]?.string ?? request.fingerprint
        guard refused == request.name, fingerprint == request.fingerprint else {
            return IdempotencyKey.reused(for: refused)
        }
        return error
    }

    /// Keeps a refusal. Best effort: without it a repeat is judged anew.
    func keep(_ error: CatalogError, _ key: UUID, of request: (name: String, fingerprint: String)) async {
        // The request that had the key first is still to be answered as it was.
        guard Self.isFinal(error), !IdempotencyKey.isReuse(error) else { return }
        let json: JSONValue = [
            "request": .string(request.name), "fingerprint": .string(request.fingerprint),
            "status": .integer(Int64(error.status)), "type": .string(error.code.rawValue),
            "message": .string(error.message), "timestamp-ms": .integer(clock.now().milliseconds),
        ]
        do throws(CatalogError) {
            _ = try await documents.write(json, to: Self.prefix + key.description, .ifAbsent)
            try await removeOld()
        } catch {
            return
        }
    }

    /// Keys of version 7 begin with their time, so the oldest are listed first: each refusal kept removes more of them
    /// than it adds.
    private func removeOld() async throws(CatalogError) {
        let oldest = try await documents.list(Self.prefix, limit: CatalogLimits.refusalsRemovedAtOnce)
        let limit = clock.now().milliseconds - Self.lifetime
        let old = oldest.filter { $0.lastModified.milliseconds < limit }
        if !old.isEmpty { try await documents.delete(old.map(\.key)) }
    }

    private static let lifetime = Int64(CatalogLimits.idempotencyMinutes) * 60_000

    private static func isFinal(_ error: CatalogError) -> Bool {
        switch error.code {
        case .noSuchTable, .noSuchNamespace, .noSuchView, .noSuchFunction, .notFound, .alreadyExists,
            .namespaceNotEmpty, .badRequest, .illegalArgument, .unprocessable, .unsupportedOperation:
            error.status < 500
        default: false
        }
    }

    private static func parse(_ json: JSONValue) -> (request: String, error: CatalogError, time: Int64)? {
        guard let request = json["request"]?.string, let status = json["status"]?.integer,
            let code = json["type"]?.string.flatMap({ CatalogError.Code(rawValue: $0) }),
            let message = json["message"]?.string, let time = json["timestamp-ms"]?.integer
        else { return nil }
        return (request, CatalogError(code, message, status: Int(clamping: status)), time)
    }
}
