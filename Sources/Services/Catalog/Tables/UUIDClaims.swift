import IcebergCatalog
import ObjectStore

/// Keeps two tables from having one UUID: whoever registers metadata claims its UUID first, then looks through all tables. A claim
/// is the object `uuids/<uuid>`.
struct UUIDClaims: Sendable {
    let claims: Claims

    /// Runs `body` with the UUID claimed for a table about to be made; takes the claim back when that fails.
    ///
    /// - Parameter uuid: nil for metadata of version 1 without one: there is nothing to tell tables apart by.
    /// - Throws: `.alreadyExists` when another table has the claim.
    func claiming<Value>(
        _ uuid: String?, for table: TableIdentifier, head: RegisterHead,
        _ body: () async throws(CatalogError) -> Value
    ) async throws(CatalogError) -> Value {
        guard let uuid else { return try await body() }
        let object: ObjectLocation
        do throws(ObjectStoreError) {
            object = ObjectLocation(bucket: claims.registers.bucket, key: try ObjectKey("uuids/\(uuid)"))
        } catch {
            throw CatalogError(.badRequest, error.message)
        }
        let made = try await claims.put(
            claims.claim(for: table, uuid: uuid, head: head), at: object, "the UUID \(uuid)"
        ) { other in
            CatalogError(
                .alreadyExists,
                "Cannot register \(table): the table with the UUID \(uuid) is registered as \(other.table)")
        }
        do throws(CatalogError) {
            return try await body()
        } catch {
            await claims.withdraw(made)
            throw error
        }
    }
}
