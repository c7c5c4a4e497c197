import Clocks
import IcebergCatalog
import IcebergData
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore

extension CatalogService {
    struct ManifestRebuild: Sendable {
        var isDryRun = false
        /// Whether the result is committed although it may not be the table as it was.
        var isForced = false
        var milliseconds = CatalogLimits.operationMillisecondsDefault
    }

    struct RebuiltManifests: Sendable {
        let plan: RebuildPlan
        /// After the commit; nil when nothing was committed.
        let table: Table?
    }

    /// Lists the files of a table anew where its manifests are lost or wrong, in one commit.
    ///
    /// The manifests and the metadata file are put first, under names nobody knows; the next version of the register makes the
    /// effect durable, on the very state that was looked at. Nothing is deleted.
    ///
    /// - Throws: `.noSuchTable`; `.notFound` when the metadata file itself is gone; `.commitFailed` when others commit
    ///   faster than the table can be looked at; `.serviceUnavailable`.
    func rebuildManifests(
        _ identifier: TableIdentifier, _ wanted: ManifestRebuild, _ request: Request
    ) async throws(CatalogError) -> RebuiltManifests {
        let chain = try RegisterChain.table(identifier)
        for _ in 0..<CatalogLimits.rebuildAttemptsMax {
            let head = try await registers.settledHead(chain)
            if let done = try await repeated(identifier, head, request) {
                return RebuiltManifests(plan: RebuildPlan(), table: done)
            }
            guard let state = head.state.table else { throw Self.noSuchTable(identifier) }
            let base = try await files.readPresent(state.metadataLocation)
            let plan: RebuildPlan
            do throws(DataError) {
                plan = try await TableRebuild(
                    base.metadata, store: warehouse.store, milliseconds: wanted.milliseconds
                ).plan()
            } catch {
                throw CatalogError(error.code == .store ? .serviceUnavailable : .badRequest, error.description)
            }
            guard let operation = plan.operation, !wanted.isDryRun, plan.isCertain || wanted.isForced else {
                return RebuiltManifests(plan: plan, table: nil)
            }
            let file = try await write(operation, on: base)
            let next = TableState(
                metadataLocation: file.location, tableUUID: state.tableUUID, location: file.metadata.location)
            let outcome = try await registers.advance(
                head, to: .table(next), operation: "rebuild-manifests", idempotencyKey: request.idempotencyKey)
            guard case .advanced(let made) = outcome else {
                await files.discard(file)
                continue
            }
            return RebuiltManifests(plan: plan, table: Table(identifier: identifier, head: made, file: file))
        }
        throw Self.lost("the table \(identifier)")
    }

    /// Puts the manifests, the list, and a metadata file that names them.
    private func write(
        _ operation: RebuildManifests, on base: StoredMetadata
    ) async throws(CatalogError) -> StoredMetadata {
        let metadata: TableMetadata
        do {
            let prepared = try await operation.prepare(
                base: base.metadata, loader: ManifestLoader(store: warehouse.store), now: clock.now())
            for object in prepared.objects {
                _ = try await warehouse.store.putIfAbsentProved(object.location, object.bytes)
            }
            metadata = try base.metadata.applying(
                prepared.updates, at: clock.now(), previousMetadataFile: base.location)
        } catch let error as ObjectStoreError {
            throw CatalogError(.serviceUnavailable, error.message)
        } catch let error as IcebergError {
            throw CatalogError(error)
        } catch {
            throw CatalogError(.internalError, "\(error)")
        }
        return try await files.write(metadata, after: base.location)
    }
}

extension CatalogService.RebuiltManifests {
    func json(_ wanted: CatalogService.ManifestRebuild) -> JSONValue {
        var object = JSONObject([
            .init(key: "rebuilt", value: .bool(table != nil)), .init(key: "dry-run", value: .bool(wanted.isDryRun)),
        ])
        for member in plan.json.object?.members ?? [] { object[member.key] = member.value }
        object["snapshot-id"] = table?.file.metadata.currentSnapshotID.map { JSONValue($0) } ?? .null
        object["metadata-location"] = table.map { .string($0.file.location) } ?? .null
        if table == nil, plan.operation != nil, !wanted.isDryRun {
            object["message"] =
                "nothing was committed, since the result may not be the table as it was: see doubts; {\"force\":true} commits it"
        }
        return .object(object)
    }
}
