import Batching
import Clocks
import Failpoints
import Files
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore
import Synchronization
import Telemetry

/// The table as it is: loaded, made where there is none, read for how far the log is in it.
extension TableCommitter {
    func loadInput() async throws(CommitError) -> CommitMachine.Input {
        do throws(CommitError) {
            try Failpoint.committerBeforeReadBack.pass(failingWith: Self.failpointFailure)
            try await load()
            let input = CommitMachine.Input.loaded(watermark: try watermark(), mark: try mark())
            try Failpoint.committerAfterReadBack.pass(failingWith: Self.failpointFailure)
            succeeded(in: .loading)
            return input
        } catch {
            try report(error, during: .loading)
            return .loadFailed
        }
    }

    func load() async throws(CommitError) {
        do throws(CatalogError) {
            table = try await catalog.loadTable(configuration.table)
        } catch {
            guard [.noSuchTable, .noSuchNamespace, .notFound].contains(error.code) else {
                throw CommitError(.unavailable, error.description)
            }
            table = try await create()
        }
    }

    /// Makes namespace and table; that another does so at the same time is no failure.
    func create() async throws(CommitError) -> LoadedTable {
        let creation: TableCreation
        do throws(IcebergError) {
            creation = try configuration.shape.creation(location: configuration.location)
        } catch {
            throw CommitError(.failed, error.description)
        }
        do throws(CatalogError) {
            for levels in 1...configuration.table.namespace.levels.count {
                let namespace = try NamespaceName(Array(configuration.table.namespace.levels.prefix(levels)))
                guard try await !catalog.namespaceExists(namespace) else { continue }
                do throws(CatalogError) {
                    try await catalog.createNamespace(namespace, properties: [:])
                } catch  where error.code == .alreadyExists {
                    continue
                }
            }
            do throws(CatalogError) {
                let made = try await make(creation)
                hasMadeTable = true
                logger.info("made the table", ["table": configuration.table.description])
                return made
            } catch  where error.code == .alreadyExists {
                return try await catalog.loadTable(configuration.table)
            }
        } catch {
            throw CommitError(.unavailable, "the table cannot be made: \(error)")
        }
    }

    /// Some catalogs choose where tables lie, and refuse any other place.
    func make(_ creation: TableCreation) async throws(CatalogError) -> LoadedTable {
        do throws(CatalogError) {
            return try await catalog.createTable(configuration.table, creation)
        } catch {
            guard creation.location != nil,
                [.badRequest, .unprocessable, .unsupportedOperation, .forbidden].contains(error.code)
            else { throw error }
            var creation = creation
            creation.location = nil
            let made = try await catalog.createTable(configuration.table, creation)
            logger.warn(
                "the catalog refused the table's location and chose its own",
                ["location": made.metadata.location, "error": error.description])
            return made
        }
    }

    func watermark() throws(CommitError) -> UInt64? {
        guard let text = said()[configuration.watermarkProperty] else { return nil }
        guard let watermark = UInt64(text) else {
            throw CommitError(
                .contradiction, "the table property \(configuration.watermarkProperty) is \"\(text)\", not a number")
        }
        return watermark
    }

    func mark() throws(CommitError) -> CommitMark? {
        guard configuration.lives != nil, let text = said()[configuration.epochProperty] else { return nil }
        guard let mark = CommitMark(text) else {
            throw CommitError(
                .contradiction, "the table property \(configuration.epochProperty) is \"\(text)\", not <life>/<token>")
        }
        return mark
    }

    /// What the table says of the log: its properties, or the summary of the newest snapshot of its main branch that says
    /// it, where the catalog takes no properties with a snapshot, or someone has put older ones back. What such a snapshot
    /// says is in the table.
    private func said() -> [String: String] {
        guard let metadata = table?.metadata else { return [:] }
        let name = configuration.watermarkProperty
        let text = metadata.properties[name]
        let least = text.map { UInt64($0) ?? .max }
        // The branch is followed only where some snapshot says more: there may be thousands.
        guard metadata.snapshots.contains(where: { $0.says(name, above: least) }) else { return metadata.properties }
        let snapshots = Dictionary(metadata.snapshots.map { ($0.snapshotID, $0) }) { $1 }
        var snapshot = metadata.currentSnapshot
        for _ in 0...snapshots.count {
            guard let current = snapshot else { break }
            if current.says(name, above: least) {
                if let text, text != reportedProperty {
                    reportedProperty = text
                    logger.warn(
                        "the table property is behind what a snapshot says is in the table, which is taken instead",
                        ["table": configuration.table.description, "property": name, "value": text])
                }
                return current.summary
            }
            snapshot = current.parentSnapshotID.flatMap { snapshots[$0] }
        }
        return metadata.properties
    }
}

extension Snapshot {
    fileprivate func says(_ name: String, above least: UInt64?) -> Bool {
        guard let text = summary[name] else { return false }
        return least.map { least in UInt64(text).map { $0 > least } ?? false } ?? true
    }
}
