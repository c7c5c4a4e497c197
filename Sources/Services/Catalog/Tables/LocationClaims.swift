import Clocks
import IcebergCatalog
import ObjectStore

/// Keeps tables from lying within each other: whoever wants a location first claims it, then looks for other claims
/// above and below. A claim is the object `locations/<bucket>/<key>/.claim`.
struct LocationClaims: Sendable {
    typealias Claim = Claims.Claim

    static let marker = ".claim"

    let claims: Claims
    private var uuids: UUIDClaims { UUIDClaims(claims: claims) }
    private var registers: RegisterStore { claims.registers }

    /// Claims `place` for a table or view about to be made, moved or renamed, and a table's UUID with it.
    ///
    /// - Parameter use: of the UUID; nil for views.
    /// - Returns: whether what is kept beside the metadata says so already, should the table come about; else `recordName`
    ///   says so once it has.
    /// - Throws: `.badRequest` when it lies in another table's location, or another's in it; as `UUIDClaims.claim`.
    @discardableResult
    func claim(
        _ place: ObjectLocation, for table: TableIdentifier, uuid: String, as use: UUIDClaims.Use?, head: RegisterHead
    ) async throws(CatalogError) -> Bool {
        guard !place.key.rawValue.split(separator: "/").contains(Substring(Self.marker)) else {
            throw CatalogError(.badRequest, "a table location must not contain a folder \"\(Self.marker)\"")
        }
        let claim = claims.claim(for: table, uuid: uuid, head: head)
        var made: [Claims.Made] = []
        do throws(CatalogError) {
            if let use, let named = try await uuids.claim(uuid, as: use, for: table, head: head) { made.append(named) }
            let object = try location(of: place.key.rawValue, in: place.bucket)
            made.append(try await claims.put(claim, at: object, "the location \(place)") { overlap(place, $0) })
            try await checkAncestors(of: place, for: claim)
            try await checkDescendants(of: place, for: claim)
        } catch {
            for made in made { await claims.withdraw(made) }
            throw error
        }
        return await NameRecord(identifier: table, uuid: uuid, isDropped: false, time: claim.time)
            .write(at: place, in: registers.store, .ifAbsent)
    }

    /// Who claimed this very location last, in force or not.
    func claim(on place: ObjectLocation) async throws(CatalogError) -> Claim? {
        try await claims.read(try location(of: place.key.rawValue, in: place.bucket))?.claim
    }

    /// Whether no other table's claim on this very location is in force.
    func isFree(_ place: ObjectLocation, for table: TableIdentifier, head: RegisterHead) async throws(CatalogError)
        -> Bool
    {
        guard let other = try await claims.read(try location(of: place.key.rawValue, in: place.bucket)) else {
            return true
        }
        return try await !claims.isInForce(other.claim, against: claims.claim(for: table, uuid: "", head: head))
    }

    private func checkAncestors(of place: ObjectLocation, for claim: Claim) async throws(CatalogError) {
        var path = place.key.rawValue[...]
        while let slash = path.lastIndex(of: "/") {
            path = path[..<slash]
            if let other = try await claims.read(try location(of: String(path), in: place.bucket)) {
                try await refuse(other.claim, claim, at: place)
            }
        }
    }

    private func checkDescendants(of place: ObjectLocation, for claim: Claim) async throws(CatalogError) {
        let prefix = "locations/\(place.bucket)/\(place.key)/"
        var after: String?
        repeat {
            let page: ObjectPage
            do {
                page = try await registers.store.list(
                    registers.bucket, prefix: prefix, delimiter: nil, startAfter: after, limit: 1000)
            } catch {
                throw CatalogError(.serviceUnavailable, error.message)
            }
            for object in page.objects where object.key.rawValue != prefix + Self.marker {
                let other = ObjectLocation(bucket: registers.bucket, key: object.key)
                if let other = try await claims.read(other) { try await refuse(other.claim, claim, at: place) }
            }
            after = page.next
        } while after != nil
    }

    /// Throws when `other` is in force and of another table.
    private func refuse(_ other: Claim, _ claim: Claim, at place: ObjectLocation) async throws(CatalogError) {
        guard try await claims.isInForce(other, against: claim) else { return }
        throw overlap(place, other)
    }

    private func overlap(_ place: ObjectLocation, _ other: Claim) -> CatalogError {
        CatalogError(
            .badRequest,
            "the location \(registers.store.uri(of: place)) overlaps with that of the table \(other.table)")
    }

    private func location(of key: String, in bucket: BucketName) throws(CatalogError) -> ObjectLocation {
        do {
            let name = try ObjectKey("locations/\(bucket)/\(key)/\(Self.marker)")
            return ObjectLocation(bucket: registers.bucket, key: name)
        } catch {
            throw CatalogError(.badRequest, error.message)
        }
    }
}
