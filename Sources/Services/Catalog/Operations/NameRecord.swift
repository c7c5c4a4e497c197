import Clocks
import IcebergCatalog
import JSONFormat
import ObjectStore

/// What a table or view is called, kept beside its metadata so that it can be found again when the catalog's own bucket
/// is lost: `<location>/metadata/catalog-name.json`.
///
/// Nothing relies on it while there are registers. It is put when a location is claimed (create, register, rename, move) and when
/// something is dropped, best effort: what it says of a name may be late, and counts only for the UUID it states.
struct NameRecord: Hashable, Sendable {
    static let fileName = "catalog-name.json"

    let identifier: TableIdentifier
    let uuid: String
    let isDropped: Bool
    let time: Timestamp

    static func place(of location: ObjectLocation) throws(ObjectStoreError) -> ObjectLocation {
        ObjectLocation(bucket: location.bucket, key: try ObjectKey("\(location.key)/metadata/\(fileName)"))
    }

    func write(at location: ObjectLocation, in store: any ObjectStore) async {
        do throws(ObjectStoreError) {
            _ = try await store.put(
                try Self.place(of: location), json.serialized(), condition: .always, contentType: "application/json")
        } catch {
            return
        }
    }

    /// nil when there is none that can be read.
    static func read(
        at location: ObjectLocation, in store: any ObjectStore
    ) async throws(CatalogError) -> NameRecord? {
        do {
            let object = try await store.get(try place(of: location), range: nil)
            return try NameRecord(json: try JSONValue.parse(object.bytes))
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
            let object = try NameRecord.place(of: place)
            try await warehouse.store.delete(object.bucket, [object.key])
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
