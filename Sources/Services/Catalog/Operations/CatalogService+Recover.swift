import Clocks
import IcebergCatalog
import IcebergSpec
import JSONFormat
import ObjectStore

extension CatalogService {
    struct Recovery: Sendable {
        var whole = WholeTable.metadata
        var isDryRun = false
    }

    /// What was found, and done about it.
    struct Recovered: Sendable {
        /// Whether the register was changed, or would be.
        var isNeeded = false
        var previous: String?
        var chosen: String?
        /// `register` or `metadata-folder`.
        var source: String?
        /// Versions of the register that could not be read.
        var damagedVersions: [Int64] = []
        /// Whether the way to the newest version is lost: versions before it are missing, or the hint is damaged.
        var isHintMended = false
        /// Commits that the chosen metadata does not have, the newest first.
        var lostCommits: [RegisterStore.Recorded] = []
        var skipped: [(location: String, why: String)] = []
        /// Snapshots that a newer file named, which was read but is not whole.
        var lostSnapshots: [Int64] = []
    }

    /// Makes the newest metadata of a table that is whole its current one.
    ///
    /// Looked at are, in this order, the metadata files that the versions of the register name, the newest first, then those in
    /// the metadata folder: they may be of commits that never took place. Nothing is deleted. The next version of the
    /// register makes the effect durable; where the newest version itself cannot be read, it is written anew. Where versions
    /// are missing before the newest one, a hint makes the newest one count.
    ///
    /// - Throws: `.noSuchTable`; `.notFound` when there is no whole metadata file; `.commitFailed` when others commit at
    ///   the same time.
    func recover(
        _ identifier: TableIdentifier, _ wanted: Recovery, _ request: Request
    ) async throws(CatalogError) -> Recovered {
        let chain = try RegisterChain.table(identifier)
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            registers.forgetAll()
            let mending = try await registers.mendingGuide(chain)
            let history = try await registers.history(chain, limit: CatalogLimits.recoveryEntriesMax)
            guard let newest = history.first, let current = history.lazy.compactMap(\.state?.table).first,
                history.first(where: { $0.state != nil })?.state?.table != nil
            else { throw Self.noSuchTable(identifier) }
            let candidates = MetadataCandidates(
                warehouse: warehouse, wanted: wanted.whole, uuid: current.tableUUID)
            var result = Recovered(previous: newest.state?.table?.metadataLocation)
            result.damagedVersions = history.filter { $0.entry == nil }.map(\.version)
            let file = try await wholeFile(identifier, history, current, candidates, &result)
            result.chosen = file.location
            result.isHintMended = mending != nil
            result.isNeeded =
                mending != nil || !result.damagedVersions.isEmpty
                || newest.state?.table?.metadataLocation != file.location
            guard result.isNeeded, !wanted.isDryRun else { return result }
            if let mending, try await !registers.mend(chain, mending) { continue }
            let state = TableState(
                metadataLocation: file.location, tableUUID: current.tableUUID, location: file.metadata.location)
            if try await write(state, chain, history, request) { return result }
        }
        throw Self.lost("the table \(identifier)")
    }

    /// Why a file that only lies in the folder, which may be one that no commit made, is not the table's: it does not take
    /// the table elsewhere.
    private func isForeign(
        _ file: StoredMetadata, _ identifier: TableIdentifier, _ current: TableState
    ) async throws(CatalogError) -> String? {
        do throws(CatalogError) {
            try gate.requireOwnFolders(of: file.metadata)
            let location = file.metadata.location
            guard location != current.location else { return nil }
            guard try await claims.claim(on: try warehouse.resolve(location).place)?.table == identifier else {
                return "it says that the table lies at \(location), which it never claimed"
            }
            return nil
        } catch {
            guard error.code == .badRequest else { throw error }
            return error.message
        }
    }

    private func wholeFile(
        _ identifier: TableIdentifier, _ history: [RegisterStore.Recorded], _ current: TableState,
        _ candidates: MetadataCandidates,
        _ result: inout Recovered
    ) async throws(CatalogError) -> StoredMetadata {
        var seen: Set<String> = []
        // What a version that cannot be read named is a file that follows on what the version before it named.
        if history.first?.entry == nil,
            let file = try await successor(identifier, of: current, candidates, &seen, &result)
        {
            result.source = "metadata-folder"
            return file
        }
        for recorded in history {
            guard let location = recorded.state?.table?.metadataLocation else {
                result.lostCommits.append(recorded)
                continue
            }
            if seen.insert(location).inserted, let file = try await judge(location, candidates, &result) {
                result.source = "register"
                result.dropSnapshots(of: file.metadata)
                return file
            }
            result.lostCommits.append(recorded)
        }
        for folder in Set([current.location + "/metadata", Self.folder(of: current.metadataLocation)]).sorted() {
            guard let place = place(folder) else { continue }
            for (location, _) in try await candidates.listed(in: place).prefix(CatalogLimits.recoveryEntriesMax)
            where seen.insert(location).inserted {
                guard let file = try await judge(location, candidates, &result) else { continue }
                if let why = try await isForeign(file, identifier, current) {
                    result.skipped.append((location, why))
                    continue
                }
                result.source = "metadata-folder"
                result.dropSnapshots(of: file.metadata)
                return file
            }
        }
        let why = result.skipped.first.map { "\($0.location): \($0.why)" } ?? "no file was found"
        throw CatalogError(
            .notFound,
            "no metadata file of the table is whole, of \(result.skipped.count) looked at; the newest, \(why). "
                + "Restore one, or drop the table and register a copy")
    }

    /// The newest whole file in the same folder whose log names the one that `current` names.
    private func successor(
        _ identifier: TableIdentifier, of current: TableState, _ candidates: MetadataCandidates,
        _ seen: inout Set<String>, _ result: inout Recovered
    ) async throws(CatalogError) -> StoredMetadata? {
        let location = current.metadataLocation
        guard let folder = place(Self.folder(of: location)) else { return nil }
        for (newer, info) in try await candidates.listed(in: folder).prefix(CatalogLimits.recoveryEntriesMax)
        where newer != location {
            guard MetadataCandidates.number(info) > MetadataStore.number(of: location) else { break }
            guard seen.insert(newer).inserted, let file = try await judge(newer, candidates, &result) else { continue }
            guard file.metadata.metadataLog.contains(where: { $0.metadataFile == location }) else {
                result.skipped.append((newer, "its log does not name \(location)"))
                continue
            }
            guard let why = try await isForeign(file, identifier, current) else { return file }
            result.skipped.append((newer, why))
        }
        return nil
    }

    private func judge(
        _ location: String, _ candidates: MetadataCandidates, _ result: inout Recovered
    ) async throws(CatalogError) -> StoredMetadata? {
        switch try await candidates.judge(location) {
        case .whole(let file): return file
        case .damaged(let why):
            result.skipped.append((location, why))
            do throws(CatalogError) {
                // It may be readable and name snapshots that are lost with it.
                let file = try await StoredMetadata.read(location, from: warehouse.store)
                if file.metadata.tableUUID?.description == candidates.uuid {
                    result.lostSnapshots += file.metadata.snapshots.map(\.snapshotID)
                }
            } catch {
                return nil
            }
            return nil
        }
    }

    /// - Returns: false when another writer was first.
    private func write(
        _ state: TableState, _ chain: RegisterChain, _ history: [RegisterStore.Recorded], _ request: Request
    ) async throws(CatalogError) -> Bool {
        var older: RegisterState?
        for recorded in history.reversed() {
            if let known = recorded.state {
                older = known
            } else {
                let isNewest = recorded.version == history.first?.version
                let wanted = isNewest ? .table(state) : older ?? .table(state)
                guard try await registers.replaceDamaged(chain, recorded.version, with: wanted) else { return false }
            }
        }
        let head = try await registers.settledHead(chain)
        guard head.version == history.first?.version else { return false }
        guard head.state != .table(state) else { return true }
        let outcome = try await registers.advance(
            head, to: .table(state), operation: "recover", idempotencyKey: request.idempotencyKey)
        if case .advanced = outcome { return true }
        return false
    }

    private static func folder(of location: String) -> String {
        location.lastIndex(of: "/").map { String(location[..<$0]) } ?? location
    }
}

extension CatalogService.Recovered {
    fileprivate mutating func dropSnapshots(of metadata: TableMetadata) {
        let kept = Set(metadata.snapshots.map(\.snapshotID))
        lostSnapshots = Set(lostSnapshots).subtracting(kept).sorted()
    }

    func json(isDryRun: Bool) -> JSONValue {
        let text = { (text: String?) in text.map { JSONValue.string($0) } ?? .null }
        return [
            "recovered": .bool(isNeeded && !isDryRun), "needed": .bool(isNeeded), "dry-run": .bool(isDryRun),
            "metadata-location": text(chosen), "previous-metadata-location": text(previous), "found-in": text(source),
            "damaged-register-versions": .array(damagedVersions.map { JSONValue($0) }),
            "hint-mended": .bool(isHintMended && !isDryRun),
            "lost-commits": .array(
                lostCommits.map { commit in
                    [
                        "version": JSONValue(commit.version),
                        "time": text(commit.entry?.time.rfc3339()), "operation": text(commit.entry?.operation),
                        "metadata-location": text(commit.state?.table?.metadataLocation),
                        "problem": text(commit.problem),
                    ]
                }),
            "lost-snapshot-ids": .array(lostSnapshots.map { JSONValue($0) }),
            "skipped": .array(skipped.map { ["metadata-location": .string($0.location), "why": .string($0.why)] }),
            "next": text(
                lostCommits.isEmpty
                    ? nil
                    : "rebuild-manifests finds data files of the lost commits that are still there; validate the table"),
        ]
    }
}
