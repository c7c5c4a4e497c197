import Clocks
import Concurrency
import IcebergSpec
import IcebergTable
import ObjectStore

/// Looks whether a table is whole: that every file its metadata reaches exists and is what the metadata says.
///
/// Changes nothing. Reads one manifest list and one manifest at a time, files in slices; keeps a few numbers for each
/// manifest and 8 bytes for each file.
public struct TableValidator: Sendable {
    public var level: ValidationLevel
    public var scope: ValidationScope
    public var findingsMax: Int
    /// Files looked at at the same time.
    public var concurrency: Int
    /// After this the report says that it is not complete.
    public var milliseconds: Int
    let store: any ObjectStore
    let clock: any MonotonicClock

    public init(
        store: any ObjectStore, level: ValidationLevel = .footers, scope: ValidationScope = .current,
        findingsMax: Int = ValidationLimits.findingsMax, concurrency: Int = TableLimits.concurrentFetchesMax,
        milliseconds: Int = 600_000, clock: any MonotonicClock = SystemClock()
    ) {
        self.store = store
        self.level = level
        self.scope = scope
        self.findingsMax = findingsMax
        self.concurrency = concurrency
        self.milliseconds = milliseconds
        self.clock = clock
    }

    /// Cost: as the level says, for every file that is reached, once.
    public func validate(_ metadata: TableMetadata) async -> ValidationReport {
        var run = Run(
            metadata: metadata, validator: self,
            end: clock.nanoseconds() + UInt64(max(0, milliseconds)) * 1_000_000)
        for snapshot in snapshots(of: metadata) {
            guard !run.isOver else { break }
            await run.check(snapshot)
        }
        return run.report
    }

    /// The newest first: what is wrong with the current state is found before time runs out.
    private func snapshots(of metadata: TableMetadata) -> [Snapshot] {
        let current = metadata.currentSnapshot.map { [$0] } ?? []
        var seen = Set(current.map(\.snapshotID))
        let others: [Snapshot]
        switch scope {
        case .current: others = []
        case .references:
            others = metadata.references.values.compactMap { metadata.snapshot(id: $0.snapshotID) }
                .sorted { $0.snapshotID < $1.snapshotID }
        case .all: others = metadata.snapshots.reversed()
        }
        return current + others.filter { seen.insert($0.snapshotID).inserted }
    }
}

/// One look at a table.
private struct Run {
    let metadata: TableMetadata
    let validator: TableValidator
    let end: UInt64
    var report = ValidationReport()
    /// By path; nil for one that cannot be read.
    private var manifests: [String: ManifestFacts?] = [:]
    private var seenFiles: Set<Int> = []
    private let files: FileValidator

    init(metadata: TableMetadata, validator: TableValidator, end: UInt64) {
        self.metadata = metadata
        self.validator = validator
        self.end = end
        files = FileValidator(metadata: metadata, store: validator.store, level: validator.level)
    }

    /// Whether time has run out, which the report then says.
    var isOver: Bool {
        mutating get {
            if validator.clock.nanoseconds() >= end || Task.isCancelled { report.isComplete = false }
            return !report.isComplete
        }
    }

    mutating func check(_ snapshot: Snapshot) async {
        report.snapshots += 1
        let listed: [ManifestFile]
        do throws(TableError) {
            let loader = ManifestLoader(store: validator.store, cache: ManifestCache(bytesMax: 0))
            listed = try await loader.manifests(of: snapshot)
        } catch {
            let place = snapshot.manifestList ?? "snapshot \(snapshot.snapshotID)"
            let code: TableFinding.Code =
                switch error.code {
                case .missing: .manifestListMissing
                case .store: error.isRetryable ? .unread : .foreignPlace
                default: .manifestListDamaged
                }
            return add(TableFinding(code, at: place, error.message, snapshotID: snapshot.snapshotID))
        }
        var totals = SnapshotTotals()
        var isWhole = true
        var seen: Set<Int> = []
        for manifest in listed {
            guard !isOver else { return }
            guard let facts = await facts(of: manifest, in: snapshot) else {
                isWhole = false
                continue
            }
            totals.add(facts)
            let again = Set(facts.keys.filter { !seen.insert($0).inserted })
            if !again.isEmpty { await nameDuplicates(again, manifest, snapshot) }
        }
        if isWhole, let wrong = totals.contradictions(of: snapshot.summary) {
            add(TableFinding(.totals, at: "snapshot \(snapshot.snapshotID)", wrong, snapshotID: snapshot.snapshotID))
        }
    }

    private mutating func add(_ finding: TableFinding) { report.add(finding, limit: validator.findingsMax) }

    // MARK: - Manifests

    private mutating func facts(of manifest: ManifestFile, in snapshot: Snapshot) async -> ManifestFacts? {
        if let known = manifests[manifest.path] { return known }
        report.manifests += 1
        let entries: [ManifestEntry]
        do throws(TableFinding) {
            entries = try await read(manifest, snapshot)
        } catch {
            add(error)
            manifests[manifest.path] = .some(nil)
            return nil
        }
        let facts = ManifestFacts(entries, of: manifest)
        for (code, message) in facts.contradictions(of: manifest) {
            add(TableFinding(code, at: manifest.path, message, snapshotID: snapshot.snapshotID))
        }
        manifests[manifest.path] = facts
        await check(entries.filter(\.isLive), snapshot)
        return facts
    }

    private mutating func read(
        _ manifest: ManifestFile, _ snapshot: Snapshot
    ) async throws(TableFinding) -> [ManifestEntry] {
        func finding(_ code: TableFinding.Code, _ message: String) -> TableFinding {
            TableFinding(code, at: manifest.path, message, snapshotID: snapshot.snapshotID)
        }
        guard let spec = metadata.partitionSpec(id: manifest.partitionSpecID) else {
            throw finding(.manifestDamaged, "the table has no partition spec \(manifest.partitionSpecID)")
        }
        guard manifest.length <= TableLimits.manifestBytesMax else {
            throw finding(.manifestDamaged, "the list says that it is \(manifest.length) bytes long")
        }
        let bytes: [UInt8]
        do throws(ObjectStoreError) {
            bytes = try await validator.store.get(try validator.store.location(of: manifest.path), range: nil).bytes
        } catch {
            throw finding(TableFinding.code(of: error, missing: .manifestMissing), error.message)
        }
        let entries: [ManifestEntry]
        do throws(IcebergError) {
            entries = try Manifest.decode(bytes, of: manifest, spec: spec, types: metadata.partitionTypes(of: spec))
                .entries
        } catch {
            throw finding(.manifestDamaged, error.description)
        }
        // Lists of version 1 that name no length have 0.
        if manifest.length > 0, manifest.length != Int64(bytes.count) {
            add(finding(.manifestSize, "the list says \(manifest.length) bytes; it has \(bytes.count)"))
        }
        return entries
    }

    /// Which files they are is read again: it is rare, and their names are not kept.
    private mutating func nameDuplicates(_ keys: Set<Int>, _ manifest: ManifestFile, _ snapshot: Snapshot) async {
        do throws(TableFinding) {
            var named: Set<String> = []
            for entry in try await read(manifest, snapshot)
            where entry.isLive && keys.contains(ManifestFacts.key(of: entry.file)) {
                guard named.insert(entry.file.path).inserted else { continue }
                add(
                    TableFinding(
                        .duplicateFile, at: entry.file.path,
                        "the snapshot lists it more than once, here in \(manifest.path)",
                        snapshotID: snapshot.snapshotID))
            }
        } catch {
            add(error)
        }
    }

    // MARK: - Files

    private mutating func check(_ entries: [ManifestEntry], _ snapshot: Snapshot) async {
        let fresh = entries.map(\.file).filter { seenFiles.insert(ManifestFacts.key(of: $0)).inserted }
        for start in stride(from: 0, to: fresh.count, by: ValidationLimits.sliceMax) {
            guard !isOver else { return }
            let slice = fresh[start..<min(start + ValidationLimits.sliceMax, fresh.count)]
            for file in slice {
                if file.content == .data { report.dataFiles += 1 } else { report.deleteFiles += 1 }
                let (sum, overflow) = report.bytes.addingReportingOverflow(file.contentSizeBytes ?? file.fileSizeBytes)
                report.bytes = overflow ? .max : sum
                if !FileValidator.opens(file) { report.unopened += 1 }
            }
            guard validator.level >= .files else { continue }
            let files = files
            let found = await mapConcurrently(slice, limit: validator.concurrency) { (file) async throws(Never) in
                await files.findings(file)
            }
            for finding in found.joined() {
                add(TableFinding(finding.0, at: finding.1, finding.2, snapshotID: snapshot.snapshotID))
            }
        }
    }
}

extension TableFinding: Error {
    /// What a failure of the store says of a file.
    static func code(of error: ObjectStoreError, missing: Code) -> Code {
        switch error.code {
        case .notFound: missing
        case .invalidName: .foreignPlace
        case .accessDenied, .noSpace, .unavailable, .failed: .unread
        }
    }
}
