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

/// Brings sealed batches into the table: carries out what `CommitMachine` decides. One batch at a time.
package actor TableCommitter {
    package struct Configuration: Sendable {
        package var table: TableIdentifier
        /// nil: the catalog chooses. Only for creating the table.
        package var location: String?
        package var logID: UUID
        /// What the table is for.
        package var shape = TableShape.events
        package var backoff = Backoff()
        package var uploadsAtOnce = 4
        /// Add the optional columns a table lacks, widen those that are too narrow, and add the partition specs for late
        /// events.
        package var evolvesSchema = true
        /// When late events go to days and months.
        package var granularity = GranularityLimits()
        /// Which processes have had the log; nil where no other can have it.
        package var lives: LogLives?
        /// Told of each request to commit that brought nothing into the table, or may not have.
        package var onSetback: @Sendable (CommitSetback) -> Void = { _ in }

        package init(table: TableIdentifier, location: String?, logID: UUID) {
            self.table = table
            self.location = location
            self.logID = logID
        }

        /// The table property that holds the watermark.
        package var watermarkProperty: String { "analytics.log.\(logID).committed" }
        /// The table property that says who committed last.
        package var epochProperty: String { "analytics.log.\(logID).epoch" }
    }

    /// What a batch came to.
    package enum Outcome: Sendable {
        /// Everything up to the watermark is in the table.
        case committed(Receipt)
        /// Part of the batch already is: seal anew behind this sequence.
        case restart(after: UInt64)
    }

    package struct Receipt: Sendable {
        package let watermark: UInt64
        package let events: Int
        /// The snapshot that holds the batch; nil when it has expired since, or there was nothing to add.
        package let snapshotID: Int64?
        /// Empty when an earlier attempt had committed the batch.
        package let files: [String]
        /// For each buffer of the batch, in its order, which of `files` holds it; empty with them.
        package let fileOfBuffer: [Int]
        package let bytes: Int64
        /// Values of `data` that did not fit their column, by column: they are null there.
        package let unfit: [String: Int]

        package init(
            watermark: UInt64, events: Int, snapshotID: Int64?, files: [String], fileOfBuffer: [Int], bytes: Int64,
            unfit: [String: Int] = [:]
        ) {
            self.watermark = watermark
            self.events = events
            self.snapshotID = snapshotID
            self.files = files
            self.fileOfBuffer = fileOfBuffer
            self.bytes = bytes
            self.unfit = unfit
        }
    }

    var configuration: Configuration
    let catalog: any TableCatalog
    let store: any ObjectStore
    let loader: ManifestLoader
    let writer: DataFileWriter
    let clock: any WallClock & MonotonicClock
    let random: any RandomSource
    let logger: Logger
    let onTrouble: @Sendable (CommitError?) -> Void
    var machine: CommitMachine
    var table: LoadedTable?
    /// A table made here gets its specs even where tables are not to be evolved.
    var hasMadeTable = false
    var areSpecsRefused = false
    var areColumnsRefused = false
    var refusedColumns: [String] = []
    /// Whether the catalog takes properties and a snapshot in one commit.
    var takesProperties = true
    /// A watermark that someone has put back: said once.
    var reportedProperty: String?
    var troubled: Step?
    /// Of the present batch.
    var unfit: [String: Int] = [:]
    /// Counted while rows are encoded, which may be before their batch.
    let unfitValues = UnfitValues()

    /// - Parameter onTrouble: told why the present attempt failed, and nil once one succeeds.
    package init(
        _ configuration: Configuration, catalog: any TableCatalog, store: any ObjectStore, firstInLog: UInt64,
        clock: any WallClock & MonotonicClock = SystemClock(), random: any RandomSource = SystemRandom(),
        logger: Logger = .disabled, onTrouble: @escaping @Sendable (CommitError?) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.catalog = catalog
        self.store = store
        self.clock = clock
        self.random = random
        self.logger = logger
        self.onTrouble = onTrouble
        // There may be many tables besides the event table.
        let cacheBytes = configuration.shape == .events ? 32 << 20 : 2 << 20
        loader = ManifestLoader(store: store, cache: ManifestCache(bytesMax: cacheBytes))
        writer = DataFileWriter(
            logID: configuration.logID, granularity: configuration.granularity,
            uploadsAtOnce: configuration.uploadsAtOnce, store: store, random: random)
        machine = CommitMachine(firstInLog: firstInLog, fence: configuration.lives?.fence)
    }

    /// Encodes for the table as it was loaded last.
    package func rowEncoder() -> RowEncoder? {
        guard let table else { return nil }
        do throws(CommitError) {
            return RowEncoder(layout: try EventLayout(table.metadata, shape: configuration.shape, unfit: unfitValues))
        } catch {
            // The next commit says so.
            return nil
        }
    }

    /// The last state of the table that was loaded.
    package var lastLoaded: LoadedTable? { table }

    /// The watermark as the table has it now; makes the table if there is none. Tries once.
    package func readWatermark() async throws(CommitError) -> UInt64? {
        try await load()
        let found = try watermark()
        if let why = machine.judge(watermark: found, mark: try mark()) { throw CommitError(.contradiction, why) }
        return found
    }

    /// The table is to have this shape from the next batch on.
    package func reshape(_ shape: TableShape) {
        configuration.shape = shape
        areColumnsRefused = false
    }

    /// Tells that the log now begins with `sequence`.
    package func logBegins(with sequence: UInt64) { machine.firstInLog = sequence }

    /// Commits a batch, however long that takes: a catalog or store that is away is waited for.
    ///
    /// - Throws: `.contradiction` and `.unsuitableTable`, which need an operator; `.cancelled`.
    package func commit(_ batch: SealedBatch) async throws(CommitError) -> Outcome {
        try await carryOut(machine.handle(.begin(first: batch.first, last: batch.last, token: random.next())), batch)
    }

    /// Moves the watermark alone, by a snapshot without files: no requirement of a catalog holds a property in place, so a
    /// commit of properties alone could land after, and undo, a later one. A snapshot moves the branch, to which every
    /// commit is pinned.
    package func advance(
        from watermark: UInt64?, through sequence: UInt64
    ) async throws(CommitError) -> Outcome {
        guard let watermark else { return try await claim(after: nil, through: sequence) }
        return try await commit(SealedBatch(first: watermark + 1, last: sequence, buffers: [], events: 0, bytes: 0))
    }

    package func claim(
        after watermark: UInt64?, through sequence: UInt64
    ) async throws(CommitError) -> Outcome {
        let batch = SealedBatch(first: (watermark ?? 0) + 1, last: sequence, buffers: [], events: 0, bytes: 0)
        let claim = CommitMachine.Input.claim(after: watermark, last: sequence, token: random.next())
        return try await carryOut(machine.handle(claim), batch)
    }

    func carryOut(_ first: [CommitMachine.Effect], _ batch: SealedBatch) async throws(CommitError) -> Outcome {
        var stored = WrittenFiles()
        var pending = first
        while !pending.isEmpty {
            guard !Task.isCancelled else {
                machine.abandon()
                throw CommitError(.cancelled, "stopped before the batch was committed")
            }
            switch pending.removeFirst() {
            case .load: pending += machine.handle(try await loadInput())
            case .store:
                let input: CommitMachine.Input?
                (input, stored) = try await storeInput(batch)
                guard let input else {
                    machine.abandon()
                    return .restart(after: batch.first - 1)
                }
                pending += machine.handle(input)
            case .commit:
                guard canCommit(stored) else {
                    machine.abandon()
                    return .restart(after: batch.first - 1)
                }
                pending += machine.handle(try await commitInput(batch, stored.files))
            case .wait(let attempt):
                let delay = configuration.backoff.milliseconds(attempt: attempt, random)
                do { try await clock.sleep(milliseconds: delay) } catch {}
            case .finish(let watermark):
                succeeded(in: .committing)
                return .committed(receipt(watermark, batch, stored))
            case .restart(let after): return .restart(after: after)
            case .stop(let why): throw CommitError(.contradiction, why)
            }
        }
        throw CommitError(.failed, "the commit ended without an outcome")
    }

    // MARK: - Data files

    /// Whether these files are for the table as it was loaded last. Others may remove specs no snapshot uses, or drop the
    /// table and make another of its name, with other columns and at another place.
    private func canCommit(_ stored: WrittenFiles) -> Bool {
        guard let base = table?.metadata, !stored.files.isEmpty else { return true }
        return base.tableUUID == stored.tableUUID
            && stored.files.allSatisfy { base.partitionSpec(id: $0.specID) != nil }
    }

    /// nil when rows were encoded for a layout that the table has no more.
    func storeInput(
        _ batch: SealedBatch
    ) async throws(CommitError) -> (CommitMachine.Input?, WrittenFiles) {
        guard !batch.buffers.isEmpty else { return (.stored, WrittenFiles()) }
        do throws(CommitError) {
            if configuration.evolvesSchema { try await addColumns() }
            if configuration.evolvesSchema || hasMadeTable { try await addSpecs() }
            guard let table else { throw CommitError(.failed, "the table was not loaded") }
            let layout = try EventLayout(table.metadata, shape: configuration.shape, unfit: unfitValues)
            guard var written = try await writer.write(batch, layout) else { return (nil, WrittenFiles()) }
            written.tableUUID = table.metadata.tableUUID
            succeeded(in: .storing)
            unfit = unfitValues.take()
            return (.stored, written)
        } catch {
            try report(error, during: .storing)
            return (.storeFailed, WrittenFiles())
        }
    }

    /// Whatever comes of it, the table is written as it then is. Another collector that adds the same at the same time
    /// makes this one find the columns; one that adds others makes it try again on top of them.
    func addColumns() async throws(CommitError) {
        for _ in 0..<5 {
            guard !areColumnsRefused, let metadata = table?.metadata else { return }
            let evolution = try configuration.shape.evolution(of: metadata)
            if evolution.refused != refusedColumns {
                refusedColumns = evolution.refused
                for why in evolution.refused {
                    logger.warn(
                        "a column is left as it is", ["table": configuration.table.description, "reason": why])
                }
            }
            guard let change = evolution.change else { return }
            let outcome = await catalog.commit(
                configuration.table, requirements: change.requirements, updates: change.updates)
            switch outcome {
            case .committed: logger.info("changed the columns", ["table": configuration.table.description])
            case .rejected(let error):
                areColumnsRefused = Self.isFinal(error)
                logger.warn("could not change the columns", ["error": error.description])
            case .unknown(let why): logger.warn("changing the columns has an unknown outcome", ["error": why])
            }
            try await load()
        }
    }

    /// Whether a catalog that says so would say so again: it is not asked with every batch.
    static func isFinal(_ error: CatalogError) -> Bool {
        [.badRequest, .unprocessable, .unsupportedOperation, .forbidden].contains(error.code)
    }

    /// As with columns; another collector that adds the same at the same time makes this one find them.
    func addSpecs() async throws(CommitError) {
        guard !areSpecsRefused, configuration.shape != .quarantine, let metadata = table?.metadata,
            let change = EventTable.partitioning(of: metadata)
        else { return }
        let outcome = await catalog.commit(
            configuration.table, requirements: change.requirements, updates: change.updates)
        switch outcome {
        case .committed: logger.info("added the partition specs for late events")
        case .rejected(let error):
            areSpecsRefused = Self.isFinal(error)
            logger.warn("could not add partition specs", ["error": error.description])
        case .unknown(let why): logger.warn("adding partition specs has an unknown outcome", ["error": why])
        }
        try await load()
    }

    // MARK: - Trouble

    /// What can fail on its own: the catalog may answer loads while the store is away.
    enum Step: Int {
        case loading, storing, committing

        var name: String {
            switch self {
            case .loading: "loading the table"
            case .storing: "storing data files"
            case .committing: "committing"
            }
        }
    }

    /// Throws what time cannot heal.
    func report(_ error: CommitError, during step: Step) throws(CommitError) {
        onTrouble(error)
        troubled = step
        logger.warn("\(step.name) failed", ["table": configuration.table.description, "error": error.message])
        switch error.code {
        case .contradiction, .unsuitableTable: throw error
        case .unavailable, .failed, .cancelled: break
        }
    }

    /// Trouble is over when the step that had it succeeds, or a later one.
    func succeeded(in step: Step) {
        guard let before = troubled, before.rawValue <= step.rawValue else { return }
        troubled = nil
        onTrouble(nil)
    }
}
