import IcebergCatalog
import ObjectStore

/// Keeps two tables from having one UUID, by which grants, dropped tables and names found again after a loss are told apart: whoever
/// makes, registers, renames or brings back a table claims its UUID with its location. A claim is the object `uuids/<uuid>`.
struct UUIDClaims: Sendable {
    enum Use: Hashable, Sendable {
        /// Of a table that is made: no other may ever have had it.
        case new
        /// Of one that was there before: none but it may have it now.
        case known
    }

    let claims: Claims

    /// - Returns: nil for metadata of version 1 without a UUID: there is nothing to tell tables apart by.
    /// - Throws: `.badRequest` for a new table, else `.alreadyExists`, when another table has the UUID. Its name is not told: it may be
    ///   one that the sender may not see.
    func claim(
        _ uuid: String, as use: Use, for table: TableIdentifier, head: RegisterHead
    ) async throws(CatalogError) -> Claims.Made? {
        guard !uuid.isEmpty else { return nil }
        let object: ObjectLocation
        do throws(ObjectStoreError) {
            object = ObjectLocation(bucket: claims.registers.bucket, key: try ObjectKey("uuids/\(uuid)"))
        } catch {
            throw CatalogError(.badRequest, error.message)
        }
        let refusal =
            use == .new
            ? CatalogError(.badRequest, "Cannot make \(table): the UUID \(uuid) is, or was, that of another table")
            : CatalogError(.alreadyExists, "\(table): there is another table with the UUID \(uuid)")
        let claim = claims.claim(for: table, uuid: uuid, head: head)
        if use == .new, let other = try await claims.read(object)?.claim, other.table != table, !other.isWithdrawn {
            throw refusal
        }
        return try await claims.put(claim, at: object, "the UUID \(uuid)") { _ in refusal }
    }
}
