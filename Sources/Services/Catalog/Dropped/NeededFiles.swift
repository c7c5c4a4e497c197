import Clocks
import Concurrency
import IcebergCatalog
import IcebergSpec
import ObjectStore

/// What the tables that are there need of the store.
struct NeededFiles: Sendable {
    /// A table that is there and cannot be read. It may need whatever was there at its last commit, and nothing that came
    /// after that.
    struct Unreadable: Sendable {
        let table: TableIdentifier
        let problem: String
        /// By the store's clock.
        let lastCommit: Timestamp
    }

    /// Of the tables that can be read.
    var files: Set<ObjectLocation> = []
    var unreadable: [Unreadable] = []

    /// Why some of these files may be needed by a table that cannot be read; nil when none is. Cost: where there is such a
    /// table, a request for each file.
    func doubt(_ own: Set<ObjectLocation>, _ store: any ObjectStore) async throws(CatalogError) -> String? {
        guard let last = unreadable.max(by: { $0.lastCommit < $1.lastCommit }) else { return nil }
        let limit = last.lastCommit.milliseconds + CatalogLimits.storeTimeToleranceMilliseconds
        let wanted = own.subtracting(files)
        let old = try await mapConcurrently(Array(wanted), limit: CatalogLimits.concurrentReads) {
            (place) async throws(CatalogError) -> Bool in
            do throws(ObjectStoreError) {
                return try await store.head(place).map { $0.lastModified.milliseconds <= limit } ?? false
            } catch {
                throw CatalogError(.serviceUnavailable, "looking how old a purged table's file is: \(error.message)")
            }
        }
        guard old.contains(true) else { return nil }
        return "\(last.table) cannot be read and may need its files: \(last.problem). Recover or drop that table"
    }
}

extension CatalogService {
    /// Looks until nothing was renamed meanwhile: who reads one name after the other may find a table under neither. What
    /// can be brought back is needed too.
    ///
    /// - Throws: `.serviceUnavailable`, also when names do not stop changing.
    func neededFiles() async throws(CatalogError) -> NeededFiles {
        var needed = NeededFiles()
        var places: [TableIdentifier: String] = [:]
        for attempt in 0..<CatalogLimits.commitAttemptsMax {
            let tables = try await registeredTables()
            let now = Dictionary(
                uniqueKeysWithValues: tables.map { ($0.identifier, $0.state?.tableUUID ?? "\($0.head?.version ?? 0)") })
            if attempt > 0, now == places { return try await addingDropped(to: needed) }
            try await add(tables.filter { places[$0.identifier] != now[$0.identifier] }, to: &needed)
            places = now
        }
        throw CatalogError(.serviceUnavailable, "tables are being renamed all the time; nothing is deleted meanwhile")
    }

    private func addingDropped(to needed: NeededFiles) async throws(CatalogError) -> NeededFiles {
        var needed = needed
        for record in try await dropped.records() where record.table.isOpen {
            do throws(CatalogError) {
                let file = try await files.readPresent(record.table.state.metadataLocation)
                let references = try await TableReferences.load(file, loader, isComplete: false)
                needed.files.formUnion(references.all.compactMap { place($0) })
            } catch {
                if error.code == .serviceUnavailable || error.code == .tooManyRequests { throw error }
            }
        }
        return needed
    }

    private func add(_ tables: [Registered], to needed: inout NeededFiles) async throws(CatalogError) {
        for table in tables {
            var problem = table.problem
            if table.state != nil {
                do throws(CatalogError) {
                    let file = try await loadTable(table.identifier).file
                    let references = try await TableReferences.load(file, loader, isComplete: true)
                    needed.files.formUnion(references.all.compactMap { place($0) })
                } catch {
                    switch error.code {
                    case .noSuchTable: continue
                    case .serviceUnavailable, .tooManyRequests: throw error
                    default: problem = error.message
                    }
                }
            }
            guard let problem else { continue }
            needed.unreadable.append(
                NeededFiles.Unreadable(
                    table: table.identifier, problem: problem, lastCommit: try await lastCommit(of: table.chain)))
        }
    }

    /// When the newest version of a register was made, whether or not it can be read.
    private func lastCommit(of chain: RegisterChain) async throws(CatalogError) -> Timestamp {
        let version = try await registers.newestListed(chain)
        guard let info = try await registers.info(chain, version) else { return clock.now() }
        return info.lastModified
    }
}
