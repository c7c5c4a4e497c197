import Bytes
import Clocks
import IcebergCatalog
import IcebergSpec
import JSONFormat
import ObjectStore

extension CatalogService {
    struct RebuildAll: Sendable {
        var isDryRun = false
        var includesDropped = false
        var whole = WholeTable.metadata
    }

    /// What was decided about one metadata folder.
    struct RebuildDecision: Sendable {
        enum Outcome: String, Sendable {
            case registered
            case known = "already-registered"
            case dropped
            case copy
            case damaged
            case refused
        }

        let folder: String
        var outcome: Outcome
        var identifier: TableIdentifier?
        var kind = ObjectKind.table
        var metadataLocation: String?
        /// `record`, `claim` or `path`.
        var namedBy: String?
        var uuid: String?
        /// Where the file says that it lies.
        var home: String?
        var snapshots: Int?
        var currentSnapshotID: Int64?
        var notes: [String] = []
    }

    struct RebuiltAll: Sendable {
        var decisions: [RebuildDecision] = []
        var namespaces: [NamespaceName] = []
        var isComplete = true
    }

    /// Finds every table and view in the warehouse's buckets and registers those that no register names.
    ///
    /// The rules, in this order, for each folder `<location>/metadata`: the newest metadata file that is whole, by the number in the
    /// name, then by the time the file states; only if the file says that it lies there. Its name: what `catalog-name.json`
    /// beside it says of its UUID, else the claim on the location, else the path. What was dropped stays away. Of several folders
    /// whose files have one UUID, the one is taken that the others became (`settleTwins`). Namespaces are made as needed, without
    /// the properties they had.
    ///
    /// Each table becomes durable with the first version of its register. Doing it again changes nothing.
    func rebuildAll(_ wanted: RebuildAll, _ request: Request) async throws(CatalogError) -> RebuiltAll {
        // What was remembered of a bucket that is lost is no longer so.
        registers.forgetAll()
        var result = RebuiltAll()
        let owners = try await registeredOwners()
        var taken = owners.taken
        let finder = MetadataFolders(
            store: warehouse.store, foldersMax: CatalogLimits.foldersVisitedMax, depthMax: CatalogLimits.folderDepthMax)
        for bucket in warehouse.buckets.sorted(by: { $0.rawValue < $1.rawValue }) where bucket != registers.bucket {
            let found = try await finder.find(in: bucket)
            result.isComplete = result.isComplete && found.isComplete
            for folder in found.folders {
                if let decision = try await decide(folder, wanted) { result.decisions.append(decision) }
            }
        }
        try await settleTwins(&result.decisions, owners.known)
        if !wanted.includesDropped {
            let ended = Set(try await dropped.records().map(\.table.state.tableUUID))
            for index in result.decisions.indices where result.decisions[index].outcome == .registered {
                if let uuid = result.decisions[index].uuid, ended.contains(uuid) {
                    result.decisions[index].leaveDropped()
                }
            }
        }
        for index in result.decisions.indices where result.decisions[index].outcome == .registered {
            var decision = result.decisions[index]
            try await register(&decision, &taken, wanted, &result)
            result.decisions[index] = decision
        }
        return result
    }

    /// nil for a folder without metadata files.
    private func decide(
        _ folder: ObjectLocation, _ wanted: RebuildAll
    ) async throws(CatalogError) -> RebuildDecision? {
        let candidates = MetadataCandidates(warehouse: warehouse, wanted: wanted.whole, uuid: nil)
        let listed = try await candidates.listed(in: folder)
        guard !listed.isEmpty else { return nil }
        let uri = warehouse.store.uri(of: folder)
        var decision = RebuildDecision(folder: uri, outcome: .damaged)
        var best: (file: RebuildFile, number: Int)?
        for (location, info) in listed.prefix(CatalogLimits.recoveryEntriesMax) {
            let number = MetadataCandidates.number(info)
            if let best, number < best.number { break }
            guard let file = try await read(location, candidates, &decision.notes) else { continue }
            guard let other = best?.file else {
                best = (file, number)
                continue
            }
            // Two of one number: at most one was ever committed.
            guard !other.log.contains(location), !file.log.contains(other.location) else { continue }
            let newer = file.updated > other.updated ? file : other
            decision.notes.append(
                "\(location) and \(other.location) have the same number; \(newer.location) is the later one")
            best = (newer, number)
        }
        guard let file = best?.file else { return decision }
        decision.kind = file.kind
        decision.metadataLocation = file.location
        decision.uuid = file.uuid.isEmpty ? nil : file.uuid
        decision.home = file.home
        decision.snapshots = file.snapshots
        decision.currentSnapshotID = file.currentSnapshotID
        guard let home = place(file.home),
            "\(home.key)/metadata" == folder.key.rawValue || file.isElsewhere(folder, self),
            home.bucket == folder.bucket || file.isElsewhere(folder, self)
        else {
            decision.outcome = .copy
            decision.notes.append("the file says that it lies at \(file.home): this is a copy, or it was moved")
            return decision
        }
        decision.outcome = .registered
        try await name(&decision, home, wanted)
        return decision
    }

    private func read(
        _ location: String, _ candidates: MetadataCandidates, _ notes: inout [String]
    ) async throws(CatalogError) -> RebuildFile? {
        switch try await candidates.judge(location) {
        case .whole(let file): return RebuildFile(file)
        case .damaged(let why):
            do throws(CatalogError) {
                return RebuildFile(try await StoredView.read(location, from: warehouse.store))
            } catch {
                guard error.code == .notFound || error.code == .badRequest else { throw error }
                notes.append("left out \(location): \(why)")
                return nil
            }
        }
    }

    // MARK: - Names

    private func name(
        _ decision: inout RebuildDecision, _ home: ObjectLocation, _ wanted: RebuildAll
    ) async throws(CatalogError) {
        if let record = try await NameRecord.read(at: home, in: warehouse.store), record.uuid == decision.uuid {
            decision.identifier = record.identifier
            decision.namedBy = "record"
            if record.isDropped, !wanted.includesDropped {
                decision.leaveDropped()
            }
        } else if let claim = try await claims.claim(on: home), claim.tableUUID == decision.uuid {
            decision.identifier = claim.table
            decision.namedBy = "claim"
        } else {
            decision.identifier = try Self.name(fromPath: home.key)
            decision.namedBy = "path"
        }
    }

    /// `<namespace>/<table>`; levels are folders, or joined by dots in one.
    private static func name(fromPath key: ObjectKey) throws(CatalogError) -> TableIdentifier {
        let parts = key.rawValue.split(separator: "/")
        let last = parts.last.map { PercentEncoding.decode($0) ?? String($0) } ?? "table"
        let folders = parts.dropLast()
        if folders.count == 1, let segment = folders.first, let namespace = RegisterChain.namespace(ofSegment: segment)
        {
            return try TableIdentifier(namespace, last)
        }
        let levels = folders.map { PercentEncoding.decode($0) ?? String($0) }
        return try TableIdentifier(try NamespaceName(levels.isEmpty ? ["default"] : levels), last)
    }

    // MARK: - The effect

    private func register(
        _ decision: inout RebuildDecision, _ taken: inout Set<TableIdentifier>, _ wanted: RebuildAll,
        _ result: inout RebuiltAll
    ) async throws(CatalogError) {
        guard var identifier = decision.identifier, let location = decision.metadataLocation else { return }
        if taken.contains(identifier) {
            let other = try TableIdentifier(
                identifier.namespace, "\(identifier.name)-\((decision.uuid ?? "").prefix(8))")
            decision.notes.append("another table is called \(identifier): this one becomes \(other)")
            identifier = other
            decision.identifier = other
        }
        guard taken.insert(identifier).inserted else {
            decision.outcome = .refused
            return
        }
        do throws(CatalogError) {
            for namespace in Self.withParents(identifier.namespace) {
                if result.namespaces.contains(namespace) { continue }
                guard try await namespaceHead(namespace).state == .absent else { continue }
                if !wanted.isDryRun { _ = try await createNamespace(namespace, properties: [:], Request()) }
                result.namespaces.append(namespace)
            }
            guard !wanted.isDryRun else { return }
            switch decision.kind {
            case .table:
                _ = try await registerFile(
                    identifier, try warehouse.resolve(location).uri, overwrite: false, Request())
            case .view: _ = try await registerView(identifier, metadataLocation: location, Request())
            }
        } catch {
            guard error.status < 500 else { throw error }
            decision.outcome = .refused
            decision.notes.append(error.message)
        }
    }

    private static func withParents(_ name: NamespaceName) -> [NamespaceName] {
        (name.parent.map { withParents($0) } ?? []) + [name]
    }
}

/// A metadata file of a table or view, as far as finding it again needs.
private struct RebuildFile {
    let kind: ObjectKind
    let location: String
    let uuid: String
    let home: String
    let updated: Int64
    let log: Set<String>
    var snapshots: Int?
    var currentSnapshotID: Int64?
    var metadataPath: String?

    init(_ file: StoredMetadata) {
        kind = .table
        location = file.location
        uuid = file.metadata.tableUUID?.description ?? ""
        home = file.metadata.location
        updated = file.metadata.lastUpdatedMilliseconds
        log = Set(file.metadata.metadataLog.map(\.metadataFile))
        snapshots = file.metadata.snapshots.count
        currentSnapshotID = file.metadata.currentSnapshotID
        metadataPath = file.metadata.properties[TableFolders.metadataProperty]
    }

    init(_ file: StoredView) {
        kind = .view
        location = file.location
        uuid = file.metadata.viewUUID.description
        home = file.metadata.location
        updated = file.metadata.versionLog.map(\.timestampMilliseconds).max() ?? 0
        log = []
    }

    /// Whether the table keeps its metadata in this folder, away from its location.
    func isElsewhere(_ folder: ObjectLocation, _ service: CatalogService) -> Bool {
        metadataPath.flatMap { service.place($0) } == folder
    }
}

extension CatalogService.RebuiltAll {
    func json(isDryRun: Bool) -> JSONValue {
        let count = { (outcome: CatalogService.RebuildDecision.Outcome) in
            JSONValue(decisions.count { $0.outcome == outcome })
        }
        return [
            "dry-run": .bool(isDryRun), "complete": .bool(isComplete), "registered": count(.registered),
            "already-registered": count(.known), "dropped": count(.dropped), "copies": count(.copy),
            "damaged": count(.damaged), "refused": count(.refused),
            "namespaces-created": .array(namespaces.map { .array($0.levels.map { .string($0) }) }),
            "decisions": .array(decisions.map(\.json)),
        ]
    }
}

extension CatalogService.RebuildDecision {
    fileprivate mutating func leaveDropped() {
        outcome = .dropped
        notes.append("it was dropped; {\"include_dropped\":true} brings it back")
    }

    fileprivate var json: JSONValue {
        let text = { (text: String?) in text.map { JSONValue.string($0) } ?? .null }
        return [
            "folder": .string(folder), "decision": .string(outcome.rawValue),
            "kind": .string(kind.rawValue.lowercased()), "identifier": identifier?.json ?? .null,
            "named-by": text(namedBy), "uuid": text(uuid), "metadata-location": text(metadataLocation),
            "snapshots": snapshots.map { JSONValue($0) } ?? .null,
            "current-snapshot-id": currentSnapshotID.map { JSONValue($0) } ?? .null,
            "notes": .array(notes.map { .string($0) }),
        ]
    }
}
