import Clocks
import Failpoints
import IcebergCatalog
import JSONFormat
import ObjectStore

/// What a table is to have for itself, as objects of the catalog bucket: whoever wants it puts a claim first, and then looks for
/// others who have it. Of two at the same time at least one sees the other.
///
/// A claim is never deleted; it counts as long as its table exists, or may be about to.
struct Claims: Sendable {
    let registers: RegisterStore

    /// Who claims something.
    struct Claim: Hashable, Sendable {
        let table: TableIdentifier
        let tableUUID: String
        /// The version of the table's register on top of which the claimer is about to write.
        let registerVersion: Int64
        var time: Timestamp

        var isWithdrawn: Bool { time.microseconds == 0 }
    }

    /// A claim as it was put, and what it took the place of.
    struct Made {
        let claim: Claim
        let object: ObjectLocation
        let etag: String
        let previous: Claim?
    }

    func claim(for table: TableIdentifier, uuid: String, head: RegisterHead) -> Claim {
        Claim(table: table, tableUUID: uuid, registerVersion: head.version, time: registers.clock.now())
    }

    /// - Parameters:
    ///   - what: is claimed, for people.
    ///   - refusal: what is thrown for a claim of another table that is in force.
    func put(
        _ claim: Claim, at object: ObjectLocation, _ what: String, refusal: (Claim) -> CatalogError
    ) async throws(CatalogError) -> Made {
        for _ in 0..<4 {
            let current = try await read(object)
            if let current, try await isInForce(current.claim, against: claim) { throw refusal(current.claim) }
            let condition = current.map { PutCondition.ifMatch($0.etag) } ?? .ifAbsent
            do {
                Failpoint.catalogBeforeClaim.pass()
                let outcome = try await registers.store.put(
                    object, claim.json.serialized(), condition: condition, contentType: "application/json")
                Failpoint.catalogAfterClaim.pass()
                if case .stored(let etag) = outcome {
                    return Made(claim: claim, object: object, etag: etag, previous: current?.claim)
                }
            } catch {
                // Whether it was written or not, nothing but this claim can have changed.
                throw CatalogError(.serviceUnavailable, "claiming \(what): \(error.message)")
            }
        }
        throw CatalogError(.commitFailed, "others are claiming \(what) at the same time")
    }

    /// Takes back a claim that was refused, so that it refuses nobody else. Should this fail, it ends by its age.
    func withdraw(_ made: Made) async {
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

    func isInForce(_ other: Claim, against claim: Claim) async throws(CatalogError) -> Bool {
        // Makers of the same table are told apart by its register.
        guard other.table != claim.table else { return false }
        let head = try await registers.head(try RegisterChain.table(other.table))
        if head.state.owner?.uuid == other.tableUUID { return true }
        let age = claim.time.microseconds - other.time.microseconds
        return head.version <= other.registerVersion && age < CatalogLimits.locationClaimSeconds * 1_000_000
    }

    func read(_ object: ObjectLocation) async throws(CatalogError) -> (claim: Claim, etag: String)? {
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

extension Claims.Claim {
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
