import Clocks
import Concurrency
import IcebergSpec
import IcebergTable
import ObjectStore

/// Works out how the files of a table are to be listed when its manifests are lost or wrong; changes nothing.
///
/// 1. Manifests of the current snapshot that are whole, and say what is so of files that exist, stay as they are.
/// 2. Others are written anew: without files that are gone, with each file once, with sizes, counts, bounds and partitions
///    as footers have them.
/// 3. For manifests that are lost, the table's folders are searched: files of which an older manifest of the table's
///    history tells, and files of which none tells, by their footers. Which of them belong is decided by the numbers of files and rows that
///    the manifest list, or the snapshot's summary, states.
public struct TableRebuild: Sendable {
    let metadata: TableMetadata
    let store: any ObjectStore
    let loader: ManifestLoader
    let end: UInt64
    let clock: any MonotonicClock

    /// - Parameter milliseconds: after this, the rebuild gives up: half of a table is never listed.
    public init(
        _ metadata: TableMetadata, store: any ObjectStore, milliseconds: Int,
        clock: any MonotonicClock = SystemClock()
    ) {
        self.metadata = metadata
        self.store = store
        self.clock = clock
        loader = ManifestLoader(store: store, cache: ManifestCache(bytesMax: 16 << 20))
        end = clock.nanoseconds() + UInt64(max(0, milliseconds)) * 1_000_000
    }

    /// Cost: every manifest that can be read, a listing of the table's folders, and a request or two for each file.
    ///
    /// - Throws: `.store` when the store is away or time runs out; `.tooLarge`; `.invalid` for a table of version 1.
    public func plan() async throws(DataError) -> RebuildPlan {
        guard metadata.formatVersion >= 2 else {
            throw DataError(
                .unsupported, at: metadata.location, "tables of format version 1 are only read: upgrade to 2")
        }
        var run = RebuildRun(self)
        try await run.readCurrent()
        if run.isMissingFiles { try await run.search() }
        return run.finished()
    }

    func checkTime() throws(DataError) {
        guard clock.nanoseconds() < end, !Task.isCancelled else {
            throw DataError(
                .store, at: metadata.location, "there was no time to look at the whole table", isRetryable: true)
        }
    }
}

/// One rebuild under way.
private struct RebuildRun {
    private let rebuild: TableRebuild
    private let metadata: TableMetadata
    private var plan = RebuildPlan()
    private var kept: [ManifestFile] = []
    private var entries: [ManifestEntry] = []
    private var seen: Set<Int> = []
    private var sums = SnapshotTotals()
    private var evidence: RebuildEvidence
    private var hasDeletes = false
    private var changesRows = false
    private var isListed = false
    /// What the lost manifests listed; nil where nothing says so.
    private var missing: Expected?
    private(set) var isMissingFiles = false

    /// Live files and their rows.
    private struct Expected {
        var files: Int64 = 0
        var rows: Int64 = 0
        var deleteFiles: Int64 = 0

        mutating func add(_ manifest: ManifestFile) {
            let count = (manifest.addedFilesCount ?? 0) &+ (manifest.existingFilesCount ?? 0)
            if manifest.content == .deletes {
                deleteFiles &+= count
            } else {
                files &+= count
                rows &+= (manifest.addedRowsCount ?? 0) &+ (manifest.existingRowsCount ?? 0)
            }
        }
    }

    init(_ rebuild: TableRebuild) {
        self.rebuild = rebuild
        metadata = rebuild.metadata
        evidence = RebuildEvidence(metadata: rebuild.metadata, store: rebuild.store)
    }

    // MARK: - What the current snapshot lists

    mutating func readCurrent() async throws(DataError) {
        guard let snapshot = metadata.currentSnapshot else {
            isMissingFiles = true
            plan.doubts.append("the table has no snapshot that says how many files and rows it had")
            return
        }
        let listed: [ManifestFile]
        do throws(TableError) {
            listed = try await rebuild.loader.manifests(of: snapshot)
        } catch {
            guard error.code != .store else { throw DataError(.store, at: "", error.message, isRetryable: true) }
            plan.replaced.append(.init(path: snapshot.manifestList ?? "", message: error.message, rows: nil))
            return try await replay(snapshot)
        }
        var lost = Expected()
        for manifest in listed.sorted(by: { ($0.sequenceNumber, $0.path) < ($1.sequenceNumber, $1.path) }) {
            try rebuild.checkTime()
            let all: [ManifestEntry]
            do throws(TableError) {
                all = try await rebuild.loader.entries(of: manifest, in: metadata)
            } catch {
                guard error.code != .store else { throw DataError(.store, at: "", error.message, isRetryable: true) }
                plan.replaced.append(.init(path: manifest.path, message: error.message, rows: nil))
                isMissingFiles = true
                lost.add(manifest)
                if !manifest.isCounted {
                    plan.doubts.append("the manifest list does not say how many files \(manifest.path) listed")
                }
                continue
            }
            for entry in all where !entry.isLive { evidence.note(entry, isAncestor: true) }
            let wrong = ManifestFacts(all, of: manifest).contradictions(of: manifest).map(\.1)
            try await take(all.filter(\.isLive), of: manifest, wrong)
        }
        missing = lost
    }

    private mutating func replay(_ snapshot: Snapshot) async throws(DataError) {
        try await evidence.list()
        isListed = true
        isMissingFiles = true
        let entries = try await evidence.replayed(snapshot, loader: rebuild.loader)
        plan.recovered += entries.map {
            .init(path: $0.file.path, message: "listed by a manifest of the table's history", rows: $0.file.recordCount)
        }
        try await take(entries, of: nil, [])
        let number = { (key: String) in snapshot.summary[key].flatMap { Int64($0) } }
        guard let files = number("total-data-files"), let rows = number("total-records") else { return }
        missing = Expected(
            files: files &- sums.value("total-data-files"), rows: rows &- sums.value("total-records"),
            deleteFiles: (number("total-delete-files") ?? 0) &- sums.value("total-delete-files"))
    }

    /// Looks at the files of one manifest, which stays as it is when nothing is wrong with it.
    private mutating func take(
        _ live: [ManifestEntry], of manifest: ManifestFile?, _ wrong: [String]
    ) async throws(DataError) {
        var taken: [ManifestEntry] = []
        var wrong = wrong
        for start in stride(from: 0, to: live.count, by: ValidationLimits.sliceMax) {
            try rebuild.checkTime()
            let slice = live[start..<min(start + ValidationLimits.sliceMax, live.count)]
            let rebuild = rebuild
            let judged = try await mapConcurrently(slice, limit: TableLimits.concurrentFetchesMax) {
                (entry) async throws(DataError) in try await rebuild.judge(entry)
            }
            for (entry, judgement) in zip(slice, judged) {
                let file = entry.file
                guard seen.insert(ManifestFacts.key(of: file)).inserted else {
                    plan.duplicates.append(.init(path: file.path, message: "listed twice", rows: file.recordCount))
                    wrong.append("duplicates")
                    changesRows = true
                    continue
                }
                var entry = entry
                switch judgement {
                case .right: break
                case .corrected(let actual, let why):
                    plan.corrected.append(.init(path: file.path, message: why, rows: actual.recordCount))
                    wrong.append(why)
                    changesRows = changesRows || actual.recordCount != file.recordCount
                    entry.file = actual
                case .lost(let why):
                    plan.lost.append(.init(path: file.path, message: why, rows: file.recordCount))
                    wrong.append(why)
                    changesRows = true
                    continue
                }
                hasDeletes = hasDeletes || entry.file.content != .data
                entry.status = .existing
                taken.append(entry)
            }
        }
        sums.add(ManifestFacts(taken, of: manifest ?? ManifestFile.unknown))
        if let manifest, wrong.isEmpty {
            kept.append(manifest)
        } else {
            entries += taken
            if let manifest { plan.replaced.append(.init(path: manifest.path, message: wrong[0], rows: nil)) }
        }
    }

    // MARK: - What lost manifests listed

    /// A file in the table's folders that no manifest that is kept lists.
    private struct Candidate: Sendable {
        let uri: String
        let info: ObjectInfo
        var entry: ManifestEntry?
        var isOld = true
        var rows: Int64 { entry?.file.recordCount ?? 0 }
    }

    mutating func search() async throws(DataError) {
        if !isListed { try await evidence.list() }
        if let current = metadata.currentSnapshot {
            try await evidence.readHistory(before: current, loader: rebuild.loader)
        }
        let (known, unknown) = try await candidates()
        let old = unknown.filter(\.isOld)
        let chosen: [Candidate]
        let choices = [known + old, known + unknown, known, old, unknown, []]
        let fitting = missing.flatMap { missing in
            choices.first { choice in
                Int64(choice.count) == missing.files && choice.reduce(Int64(0)) { $0 &+ $1.rows } == missing.rows
            }
        }
        if let fitting {
            chosen = fitting
        } else {
            chosen = choices[0]
            let rows = chosen.reduce(Int64(0)) { $0 &+ $1.rows }
            let wanted = missing.map { "\($0.files) files with \($0.rows) rows" } ?? "nobody knows how many"
            plan.doubts.append("\(wanted) are missing; found are \(chosen.count) with \(rows)")
        }
        let taken = Set(chosen.map(\.uri))
        for candidate in known + unknown where !taken.contains(candidate.uri) {
            leaveOut(
                candidate.uri, "without it the numbers of files and rows are those that were stated", candidate.rows)
        }
        for candidate in chosen { add(candidate) }
        if let deletes = missing?.deleteFiles, deletes != 0 {
            plan.doubts.append("\(deletes) delete files are missing: rows that they deleted come back")
        }
        if hasDeletes, chosen.contains(where: { $0.entry?.status == .added }) {
            plan.doubts.append(
                "of files that no manifest tells of the age is lost: rows deleted from them by value come back")
        }
    }

    private mutating func add(_ candidate: Candidate) {
        guard let entry = candidate.entry else { return }
        entries.append(entry)
        sums.add(ManifestFacts([entry], of: .unknown))
        if entry.status == .added {
            plan.described.append(.init(path: candidate.uri, message: "listed by its footer", rows: candidate.rows))
        } else {
            plan.recovered.append(
                .init(path: candidate.uri, message: "listed by a manifest of the table's history", rows: candidate.rows)
            )
        }
    }

    private mutating func leaveOut(_ path: String, _ why: String, _ rows: Int64? = nil) {
        plan.leftOut.append(.init(path: path, message: why, rows: rows))
    }

    /// Those that a manifest of the history tells of, and those that none does.
    private mutating func candidates() async throws(DataError) -> (known: [Candidate], unknown: [Candidate]) {
        let store = rebuild.store
        var listed: Set<ObjectLocation> = []
        for path in try await livePaths() {
            do throws(ObjectStoreError) { listed.insert(try store.location(of: path)) } catch { continue }
        }
        for note in plan.lost {
            do throws(ObjectStoreError) { listed.insert(try store.location(of: note.path)) } catch { continue }
        }
        var byPlace: [ObjectLocation: ManifestEntry] = [:]
        for (path, entry) in evidence.known {
            do throws(ObjectStoreError) { byPlace[try store.location(of: path)] = entry } catch { continue }
        }
        let youngest = metadata.currentSnapshot.map { $0.timestampMilliseconds + Limits.clockSkewMilliseconds } ?? .max
        var known: [Candidate] = []
        var unknown: [Candidate] = []
        for (place, info) in evidence.objects.sorted(by: { $0.key.key < $1.key.key }) where !listed.contains(place) {
            let uri = store.uri(of: place)
            var candidate = Candidate(uri: uri, info: info)
            if var entry = byPlace[place] {
                guard entry.isLive else {
                    leaveOut(uri, "a commit removed it")
                    continue
                }
                guard entry.file.content == .data else { continue }
                entry.status = .existing
                candidate.entry = entry
                known.append(candidate)
            } else if evidence.foreign.contains(uri) {
                leaveOut(uri, "it belongs to a snapshot that is no ancestor of the current one")
            } else {
                candidate.isOld = info.lastModified.milliseconds <= youngest
                unknown.append(candidate)
            }
        }
        return (known, try await described(unknown))
    }

    /// The files that are listed by now, those in kept manifests too.
    private func livePaths() async throws(DataError) -> [String] {
        var paths = entries.map(\.file.path)
        for manifest in kept {
            do throws(TableError) {
                for entry in try await rebuild.loader.entries(of: manifest, in: metadata) where entry.isLive {
                    paths.append(entry.file.path)
                }
            } catch {
                throw DataError(.store, at: manifest.path, error.message, isRetryable: true)
            }
        }
        return paths
    }

    private mutating func described(_ unknown: [Candidate]) async throws(DataError) -> [Candidate] {
        let description: FileDescription
        do throws(IcebergError) {
            description = FileDescription(
                metadata: metadata, store: rebuild.store, names: try metadata.nameMapping())
        } catch {
            throw DataError(error)
        }
        var result: [Candidate] = []
        for start in stride(from: 0, to: unknown.count, by: ValidationLimits.sliceMax) {
            try rebuild.checkTime()
            let slice = unknown[start..<min(start + ValidationLimits.sliceMax, unknown.count)]
            let outcomes = try await mapConcurrently(slice, limit: TableLimits.concurrentFetchesMax) {
                (candidate) async throws(DataError) in
                try await description.describe(candidate.uri, size: candidate.info.size)
            }
            for (candidate, outcome) in zip(slice, outcomes) {
                switch outcome {
                case .data(let file):
                    var candidate = candidate
                    candidate.entry = ManifestEntry(status: .added, snapshotID: nil, file: file)
                    result.append(candidate)
                case .deletes: leaveOut(candidate.uri, "it holds deletes, of which no manifest says what they apply to")
                case .undecided(let why): leaveOut(candidate.uri, why)
                }
            }
        }
        return result
    }

    // MARK: - The result

    func finished() -> RebuildPlan {
        var plan = plan
        plan.keptManifests = kept.count
        plan.totals = sums.values
        if !plan.lost.isEmpty {
            let rows = plan.lost.reduce(Int64(0)) { $0 &+ ($1.rows ?? 0) }
            plan.doubts.append("\(plan.lost.count) files that cannot be read are left out, and with them \(rows) rows")
        }
        let isWrong = metadata.currentSnapshot.map { sums.contradictions(of: $0.summary) != nil } ?? !entries.isEmpty
        guard !plan.replaced.isEmpty || isWrong else { return plan }
        plan.operation = RebuildManifests(
            kept: kept, entries: entries, totals: sums.values,
            keepsRows: !changesRows && plan.isCertain && plan.described.isEmpty,
            summary: ["rebuilt-manifests": String(plan.replaced.count), "kept-manifests": String(kept.count)])
        return plan
    }
}

extension ManifestFile {
    /// Of files that no manifest lists.
    fileprivate static let unknown = ManifestFile(
        path: "", length: 0, partitionSpecID: 0, sequenceNumber: .max, minSequenceNumber: 0, addedSnapshotID: 0)
}

extension TableRebuild {
    /// What became of a file that a manifest lists.
    fileprivate enum Judgement: Sendable {
        case right
        case corrected(DataFile, String)
        case lost(String)
    }

    fileprivate func judge(_ entry: ManifestEntry) async throws(DataError) -> Judgement {
        let file = entry.file
        let found = await FileValidator(metadata: metadata, store: store, level: .statistics).findings(file)
        if let unread = found.first(where: { $0.0 == .unread }) {
            throw DataError(.store, at: unread.1, unread.2, isRetryable: true)
        }
        if let lost = found.first(where: { [.fileMissing, .fileDamaged, .foreignPlace].contains($0.0) }) {
            return .lost(lost.2)
        }
        let wrong: Set<TableFinding.Code> = [.fileSize, .recordCount, .statistics, .partition]
        guard let first = found.first(where: { wrong.contains($0.0) }) else { return .right }
        guard file.format == .parquet, !file.isDeletionVector else { return .lost(first.2) }
        let size: Int64
        do throws(ObjectStoreError) {
            size = try await store.head(try store.location(of: file.path))?.size ?? file.fileSizeBytes
        } catch {
            throw DataError(error).within(file.path)
        }
        let description = FileDescription(metadata: metadata, store: store, names: nil)
        return .corrected(try await description.refreshed(file, size: size), first.2)
    }
}
