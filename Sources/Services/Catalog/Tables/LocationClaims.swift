import Clocks
import Failpoints
import IcebergCatalog
import JSONFormat
import ObjectStore

/// Keeps tables from lying within each other: whoever wants a location first claims it, then looks for other claims
/// above and below. Of two tables that overlap, at least one sees the other.
///
/// A claim is the object `locations/<bucket>/<key>/.claim`. It is never deleted; it counts as long as its table exists,
/// or may be about to.
struct LocationClaims: Sendable {
    static let marker = ".claim"

    let registers: RegisterStore

    /// Who claims a location.
    struct Claim: Hashable, Sendable {
        let table: TableIdentifier
        let tableUUID: String
        /// The version of the table's register on top of which the claimer is about to write.
        let registerVersion: Int64
        var time: Timestamp
    }

    /// Claims `place` for a table about to be made, moved or renamed.
    ///
    /// - Throws: `.badRequest` when it lies in another table's location, or another's in it.
    func claim(_ place: ObjectLocation, for table: TableIdentifier, uuid: String, head: RegisterHead)
        async throws(CatalogError)
    {
        guard !place.key.rawValue.split(separator: "/").contains(Substring(Self.marker)) else {
            throw CatalogError(.badRequest, "a table location must not contain a folder \"\(Self.marker)\"")
        }
        let claim = Claim(
            table: table, tableUUID: uuid, registerVersion: head.version, time: registers.clock.now())
        let made = try await put(claim, at: place)
        do throws(CatalogError) {
            try await checkAncestors(of: place, for: claim)
            try await checkDescendants(of: place, for: claim)
        } catch {
            await withdraw(made)
            throw error
        }
        await NameRecord(identifier: table, uuid: uuid, isDropped: false, time: claim.time)
            .write(at: place, in: registers.store)
    }

    /// Who claimed this very location last, in force or not.
    func claim(on place: ObjectLocation) async throws(CatalogError) -> Claim? {
        try await read(try location(of: place.key.rawValue, in: place.bucket))?.claim
    }

    /// Whether no other table's claim on this very location is in force.
    func isFree(_ place: ObjectLocation, for table: TableIdentifier, head: RegisterHead) async throws(CatalogError)
        -> Bool
    {
        guard let other = try await read(try location(of: place.key.rawValue, in: place.bucket)) else { return true }
        let claim = Claim(table: table, tableUUID: "", registerVersion: head.version, time: registers.clock.now())
        return try await !isInForce(other.claim, against: claim)
    }

    /// A claim as it was put, and what it took the place of.
    private struct MadeClaim {
        let claim: Claim
        let object: ObjectLocation
        let etag: String
        let previous: Claim?
    }

    /// Takes back a claim that was refused, so that it refuses nobody else. Should this fail, it ends by its age.
    private func withdraw(_ made: MadeClaim) async {
        var substitute = made.claim
        substitute.time = Timestamp(microseconds: 0)
        let bytes = (made.previous ?? substitute).json.serialized()
        do {
            _ = try await registers.store.put(
                made.object, bytes, condition: .ifMatch(made.etag), contentType: "application/json")
        } catch {
            return
        }
    }

    private func put(_ claim: Claim, at place: ObjectLocation) async throws(CatalogError) -> MadeClaim {
        let object = try location(of: place.key.rawValue, in: place.bucket)
        for _ in 0..<4 {
            let current = try await read(object)
            if let current { try await refuse(current.claim, claim, at: place) }
            let condition = current.map { PutCondition.ifMatch($0.etag) } ?? .ifAbsent
            do {
                Failpoint.catalogBeforeClaim.pass()
                let outcome = try await registers.store.put(
                    object, claim.json.serialized(), condition: condition, contentType: "application/json")
                Failpoint.catalogAfterClaim.pass()
                if case .stored(let etag) = outcome {
                    return MadeClaim(claim: claim, object: object, etag: etag, previous: current?.claim)
                }
            } catch {
                // Whether it was written or not, nothing but this claim can have changed.
                throw CatalogError(.serviceUnavailable, "claiming the location \(place): \(error.message)")
            }
        }
        throw CatalogError(.commitFailed, "others are claiming the location \(place) at the same time")
    }

    private func checkAncestors(of place: ObjectLocation, for claim: Claim) async throws(CatalogError) {
        var path = place.key.rawValue[...]
        while let slash = path.lastIndex(of: "/") {
            path = path[..<slash]
            if let other = try await read(try location(of: String(path), in: place.bucket)) {
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
                if let other = try await read(other) { try await refuse(other.claim, claim, at: place) }
            }
            after = page.next
        } while after != nil
    }

    /// Throws when `other` is in force and of another table.
    private func refuse(_ other: Claim, _ claim: Claim, at place: ObjectLocation) async throws(CatalogError) {
        guard try await isInForce(other, against: claim) else { return }
        throw CatalogError(
            .badRequest,
            "the location \(registers.store.uri(of: place)) overlaps with that of the table \(other.table)")
    }

    private func isInForce(_ other: Claim, against claim: Claim) async throws(CatalogError) -> Bool {
        // Makers of the same table are told apart by its register.
        guard other.table != claim.table else { return false }
        let head = try await registers.head(try RegisterChain.table(other.table))
        if head.state.owner?.uuid == other.tableUUID { return true }
        let age = claim.time.microseconds - other.time.microseconds
        return head.version <= other.registerVersion && age < CatalogLimits.locationClaimSeconds * 1_000_000
    }

    // MARK: - Objects

    private func location(of key: String, in bucket: BucketName) throws(CatalogError) -> ObjectLocation {
        do {
            let name = try ObjectKey("locations/\(bucket)/\(key)/\(Self.marker)")
            return ObjectLocation(bucket: registers.bucket, key: name)
        } catch {
            throw CatalogError(.badRequest, error.message)
        }
    }

    private func read(_ object: ObjectLocation) async throws(CatalogError) -> (claim: Claim, etag: String)? {
        do {
            let stored = try await registers.store.get(object, range: nil)
            let json = try JSONValue.parse(stored.bytes)
            return (try Claim(json: json), stored.etag)
        } catch let error as ObjectStoreError {
            if error.code == .notFound { return nil }
            throw CatalogError(.serviceUnavailable, error.message)
        } catch {
            throw CatalogError(.internalError, "the claim \(object) is damaged: \(error)")
        }
    }
}

extension LocationClaims.Claim {
    var json: JSONValue {
        [
            "table": table.json, "table-uuid": .string(tableUUID), "register-version": .integer(registerVersion),
            "timestamp-ms": .integer(time.milliseconds),
        ]
    }

    init(json: JSONValue) throws {
        let cursor = JSONCursor(json)
        table = try TableIdentifier(json: try cursor.member("table").value)
        tableUUID = try cursor.member("table-uuid").string()
        registerVersion = try cursor.member("register-version").integer()
        time = Timestamp(milliseconds: try cursor.member("timestamp-ms").integer())
    }
}
