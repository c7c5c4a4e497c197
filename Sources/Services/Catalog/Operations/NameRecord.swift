import Clocks
import IcebergCatalog
import JSONFormat
import ObjectStore

/// What a table or view is called, kept beside its metadata so that it can be found again when the catalog's own bucket
/// is lost: `<location>/metadata/.catalog-name.json`. The point hides it from engines that delete what no metadata names.
///
/// Nothing relies on it while there are registers. It is put, best effort, where there is none when a location is claimed (create,
/// register, rename, move), and follows the register after each of these, a drop and its undoing: what it says of a name may be late,
/// and counts only for the UUID it states.
struct NameRecord: Hashable, Sendable {
    static let fileName = ".catalog-name.json"
    /// What it was called at first.
    private static let formerName = "catalog-name.json"

    let identifier: TableIdentifier
    let uuid: String
    let isDropped: Bool
    let time: Timestamp

    /// Where it lies; one that was kept at first lies at the second.
    static func places(of location: ObjectLocation) throws(ObjectStoreError) -> [ObjectLocation] {
        try [fileName, formerName].map { (name) throws(ObjectStoreError) in
            ObjectLocation(bucket: location.bucket, key: try ObjectKey("\(location.key)/metadata/\(name)"))
        }
    }

    /// - Returns: whether it was written.
    @discardableResult
    func write(
        at location: ObjectLocation, in store: any ObjectStore, _ condition: PutCondition
    ) async -> Bool {
        do throws(ObjectStoreError) {
            let outcome = try await store.put(
                try Self.places(of: location)[0], json.serialized(), condition: condition,
                contentType: "application/json")
            return outcome != .conditionFailed
        } catch {
            return false
        }
    }

    /// The record that writers take the place of, nil for one that cannot be read, and its tag; nil when there is none.
    static func stored(
        at location: ObjectLocation, in store: any ObjectStore
    ) async throws(ObjectStoreError) -> (record: NameRecord?, etag: String)? {
        let object: StoredObject
        do throws(ObjectStoreError) {
            object = try await store.get(try places(of: location)[0], range: nil)
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
        do {
            return (try NameRecord(json: try JSONValue.parse(object.bytes)), object.etag)
        } catch {
            return (nil, object.etag)
        }
    }

    /// nil when there is none that can be read.
    static func read(
        at location: ObjectLocation, in store: any ObjectStore
    ) async throws(CatalogError) -> NameRecord? {
        do {
            for place in try places(of: location) where try await store.head(place) != nil {
                return try NameRecord(json: try JSONValue.parse(try await store.get(place, range: nil).bytes))
            }
            return nil
        } catch let error as ObjectStoreError {
            if error.code == .notFound { return nil }
            throw CatalogError(.serviceUnavailable, error.message)
        } catch {
            return nil
        }
    }
}

extension NameRecord {
    var json: JSONValue {
        [
            "format-version": 1, "identifier": identifier.json, "uuid": .string(uuid), "dropped": .bool(isDropped),
            "timestamp-ms": .integer(time.milliseconds),
        ]
    }

    init(json: JSONValue) throws {
        let cursor = JSONCursor(json)
        identifier = try TableIdentifier(json: try cursor.member("identifier").value)
        uuid = try cursor.member("uuid").string()
        isDropped = try cursor.member("dropped").bool()
        time = Timestamp(milliseconds: try cursor.member("timestamp-ms").integer())
    }
}

extension CatalogService {
    /// Takes away what says the name of a table whose files were deleted. Best effort.
    func removeName(of state: TableState) async {
        guard let place = place(state.location) else { return }
        do {
            guard let record = try await NameRecord.read(at: place, in: warehouse.store),
                record.uuid == state.tableUUID
            else { return }
            try await warehouse.store.delete(place.bucket, try NameRecord.places(of: place).map(\.key))
        } catch {
            return
        }
    }

    /// Says beside the metadata what the register says of a table or view by now, after it has changed. Best effort.
    ///
    /// The register is read after the record that is replaced, if that is still there then: of two who do this, the later
    /// one writes what both have changed.
    ///
    /// - Parameter isEnded: whether the change took it away.
    func recordName(of identifier: TableIdentifier, _ state: RegisterState, isEnded: Bool = false) async {
        guard let owner = state.owner, let place = place(owner.location) else { return }
        do {
            for _ in 0..<CatalogLimits.nameRecordAttemptsMax {
                let known = try await NameRecord.stored(at: place, in: warehouse.store)
                let head = try await tableHead(identifier)
                let isThere = head.state.owner.map { $0 == owner } ?? false
                if !isThere {
                    // Whoever took it away says so.
                    guard isEnded, try await isLast(identifier, owner.uuid, known?.record) else { return }
                }
                let record = NameRecord(
                    identifier: identifier, uuid: owner.uuid, isDropped: !isThere, time: clock.now())
                let condition = known.map { PutCondition.ifMatch($0.etag) } ?? .ifAbsent
                if await record.write(at: place, in: warehouse.store, condition) { return }
            }
        } catch {
            return
        }
    }

    /// Whether a record is of nothing but a table that was called so: another may lie there now, or this one be called
    /// otherwise.
    private func isLast(
        _ identifier: TableIdentifier, _ uuid: String, _ record: NameRecord?
    ) async throws(CatalogError) -> Bool {
        guard let record else { return true }
        guard record.uuid == uuid else {
            // One that ended there lay there after this one, which had put its own record when it was made.
            guard !record.isDropped else { return false }
            return try await tableHead(record.identifier).state.owner?.uuid != record.uuid
        }
        guard record.identifier != identifier else { return true }
        return try await tableHead(record.identifier).state.owner?.uuid != uuid
    }
}
