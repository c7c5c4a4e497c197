import Clocks
import IcebergCatalog
import IcebergData
import IcebergSpec
import ObjectStore

extension CatalogService {
    /// How a table is to be looked at.
    struct Validation: Sendable {
        var level = ValidationLevel.footers
        var scope = ValidationScope.current
        var findingsMax = ValidationLimits.findingsMax
        var milliseconds = CatalogLimits.operationMillisecondsDefault
    }

    struct Validated: Sendable {
        let metadataLocation: String?
        let report: ValidationReport
    }

    /// Looks whether a table is whole, from its register to its data files, and changes nothing.
    ///
    /// Commits and maintenance may go on meanwhile: what is found of snapshots that have expired by the end is left out.
    ///
    /// - Throws: `.noSuchTable`; `.serviceUnavailable` when the registers cannot be read.
    func validate(_ identifier: TableIdentifier, _ wanted: Validation) async throws(CatalogError) -> Validated {
        let chain = try RegisterChain.table(identifier)
        let head: RegisterHead
        do throws(CatalogError) {
            head = try await registers.head(chain)
        } catch {
            guard error.code == .internalError else { throw error }
            var report = ValidationReport()
            report.add(TableFinding(.metadataDamaged, at: chain.prefix, error.message))
            return Validated(metadataLocation: nil, report: report)
        }
        guard let state = head.state.table else { throw Self.noSuchTable(identifier) }
        var problems = try await locationProblems(identifier, state)
        let file: StoredMetadata
        do throws(CatalogError) {
            file = try await files.readPresent(state.metadataLocation)
        } catch {
            guard error.code == .notFound || error.code == .badRequest else { throw error }
            // Commits may have left the file behind, and deleted it, since the register was read.
            if try await registers.head(chain).version != head.version { return try await validate(identifier, wanted) }
            let code: TableFinding.Code = error.code == .notFound ? .metadataMissing : .metadataDamaged
            var report = ValidationReport()
            report.add(TableFinding(code, at: state.metadataLocation, error.message))
            for problem in problems { report.add(problem) }
            return Validated(metadataLocation: state.metadataLocation, report: report)
        }
        if let uuid = file.metadata.tableUUID?.description, uuid != state.tableUUID {
            problems.append(
                TableFinding(
                    .otherTable, at: file.location, "it is of the table \(uuid), the register names \(state.tableUUID)")
            )
        }
        let validator = TableValidator(
            store: warehouse.store, level: wanted.level, scope: wanted.scope, findingsMax: wanted.findingsMax,
            milliseconds: wanted.milliseconds)
        let found = await validator.validate(file.metadata)
        return Validated(
            metadataLocation: file.location,
            report: found.adding(problems, keeping: try await snapshotsNow(identifier, file)))
    }

    /// The snapshots that have not expired since `file` was current; all when that cannot be said.
    private func snapshotsNow(
        _ identifier: TableIdentifier, _ file: StoredMetadata
    ) async throws(CatalogError) -> Set<Int64> {
        let known = Set(file.metadata.snapshots.map(\.snapshotID))
        do throws(CatalogError) {
            let now = try await loadTable(identifier).file
            guard now.location != file.location else { return known }
            return known.intersection(now.metadata.snapshots.map(\.snapshotID))
        } catch {
            guard error.code == .noSuchTable || error.code == .internalError else { throw error }
            return known
        }
    }

    /// Other tables that lie in this table's location, or around it: maintenance of one would delete files of the other.
    private func locationProblems(
        _ identifier: TableIdentifier, _ state: TableState
    ) async throws(CatalogError) -> [TableFinding] {
        guard let mine = place(state.location) else {
            return [
                TableFinding(
                    .foreignPlace, at: state.location, "the table's location is outside the warehouse's buckets")
            ]
        }
        var found: [TableFinding] = []
        for other in try await registeredTables() where other.identifier != identifier {
            guard let state = other.state, let place = place(state.location), place.bucket == mine.bucket,
                "\(place.key)/".hasPrefix("\(mine.key)/") || "\(mine.key)/".hasPrefix("\(place.key)/")
            else { continue }
            found.append(
                TableFinding(.sharedLocation, at: state.location, "the table \(other.identifier) lies there as well"))
        }
        return found
    }

    func place(_ location: String) -> ObjectLocation? {
        do throws(CatalogError) { return try warehouse.resolve(location).place } catch { return nil }
    }
}

extension ValidationReport {
    /// What the catalog found, before what is said of the snapshots in `snapshots`.
    fileprivate func adding(_ problems: [TableFinding], keeping snapshots: Set<Int64>) -> ValidationReport {
        let kept = findings.filter { finding in finding.snapshotID.map { snapshots.contains($0) } ?? true }
        return replacing(problems + kept, dropped: findings.count - kept.count, added: problems.count)
    }
}
