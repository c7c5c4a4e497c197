import Clocks
import IcebergCatalog
import JSONFormat
import ObjectStore

/// What a table or view is called, kept beside its metadata so that it can be found again when the catalog's own bucket
/// is lost: `<location>/metadata/.catalog-name.json`. The point hides it from engines that delete what no metadata names.
///
/// Nothing relies on it while there are registers. It is put when a location is claimed (create, register, rename, move) and when
/// something is dropped, best effort: what it says of a name may be late, and counts only for the UUID it states.
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

    func write(at location: ObjectLocation, in store: any ObjectStore) async {
        do throws(ObjectStoreError) {
            _ = try await store.put(
                try Self.places(of: location)[0], json.serialized(), condition: .always, contentType: "application/json"
            )
        } catch {
            return
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

    /// Says beside the metadata that what lay there was dropped, so that it does not come back by itself.
    func recordDrop(of identifier: TableIdentifier, _ state: RegisterState) async {
        guard let owner = state.owner, let place = place(owner.location) else { return }
        await NameRecord(identifier: identifier, uuid: owner.uuid, isDropped: true, time: clock.now())
            .write(at: place, in: warehouse.store)
    }
}
