import IcebergSpec
import IcebergTable

/// Reads rows of a table: what is there at one state of it, in chosen columns, where a predicate holds.
///
///     let scan = TableScan(metadata, loader: loader, columns: ["id", "price"], predicate: .equal("type", .string("sale")))
///     for try await batch in scan.batches() { … }
///
/// Row-level deletes are applied, old files are read as the schema is now, and files, row groups and rows that the
/// predicate rules out are left out. Data files are read in the order of the plan, one row group at a time; memory is
/// bounded by the columns of one row group, and of each only the byte ranges of the columns needed are fetched.
public struct TableScan: Sendable {
    public let metadata: TableMetadata
    public let loader: ManifestLoader
    /// Full names of columns, among them those of `MetadataColumn`; nil for every column of the table. Naming fields of a
    /// struct gives the struct with just these.
    public var columns: [String]?
    public var predicate: Predicate?
    public var target: ScanTarget
    /// Rows after which to stop; which rows these are is left open.
    public var limit: Int?
    /// What the stored columns of one row group may take in memory: files that decode to more are an error, `.tooLarge`.
    public var decodedBytesMax = DataLimits.decodedBytesMax
    /// How files without field ids are read where the table has no name mapping.
    public var unidentifiedColumns = UnidentifiedColumns.absent

    public init(
        _ metadata: TableMetadata, loader: ManifestLoader, columns: [String]? = nil, predicate: Predicate? = nil,
        target: ScanTarget = .current, limit: Int? = nil
    ) {
        self.metadata = metadata
        self.loader = loader
        self.columns = columns
        self.predicate = predicate
        self.target = target
        self.limit = limit
    }

    /// The files to read. Cost and errors: as `ScanPlanner.plan`.
    public func plan() async throws(DataError) -> ScanPlan {
        do throws(TableError) {
            return try await ScanPlanner(loader: loader).plan(metadata, target: target, predicate: predicate)
        } catch {
            throw DataError(error)
        }
    }

    /// The columns that batches have.
    ///
    /// - Throws: `.invalid` for a name in `columns` that the table does not have.
    public func fields(of plan: ScanPlan) throws(DataError) -> [NestedField] { try context(plan).fields }

    /// Plans the scan when the first batch is asked for, and reads as batches are. No batch is empty.
    public func batches() -> ScanBatches { ScanBatches(scan: self, plan: nil, task: nil) }

    /// Reads the files of a plan, which may be that of an incremental scan.
    public func batches(of plan: ScanPlan) -> ScanBatches { ScanBatches(scan: self, plan: plan, task: nil) }

    /// Reads one of the tasks that a plan was divided into (`ScanPlan.tasks`). Tasks can be read at the same time; the
    /// limit is that of each.
    public func batches(of task: ScanTask, in plan: ScanPlan) -> ScanBatches {
        ScanBatches(scan: self, plan: plan, task: task)
    }

    func context(_ plan: ScanPlan) throws(DataError) -> ScanContext {
        try ScanContext(self, plan)
    }
}

/// The rows of a scan as they are read. Each iteration reads them anew.
public struct ScanBatches: AsyncSequence, Sendable {
    public typealias Element = ColumnBatch
    public typealias Failure = DataError

    let scan: TableScan
    let plan: ScanPlan?
    let task: ScanTask?

    public func makeAsyncIterator() -> Iterator { Iterator(self) }

    public struct Iterator: AsyncIteratorProtocol {
        private let batches: ScanBatches
        private var context: ScanContext?
        private var pieces: ArraySlice<ScanTask.Piece> = []
        private var current: DataFileScan?
        private var rowGroups: ArraySlice<Int> = []
        private var rowsLeft: Int

        init(_ batches: ScanBatches) {
            self.batches = batches
            rowsLeft = batches.scan.limit ?? .max
        }

        /// - Throws: errors name the file, row group and column, as far as they are known. After an error, and after
        ///   the end, there is nothing more.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(DataError) -> ColumnBatch? {
            do throws(DataError) {
                guard rowsLeft > 0, let batch = try await read() else { return nil }
                let wanted = batch.prefix(rowsLeft)
                rowsLeft -= wanted.rowCount
                return wanted
            } catch {
                rowsLeft = 0
                throw error
            }
        }

        private mutating func read() async throws(DataError) -> ColumnBatch? {
            let context = try await start()
            while true {
                if let file = current, let rowGroup = rowGroups.popFirst() {
                    if let batch = try await file.batch(rowGroup: rowGroup) { return batch }
                    continue
                }
                guard let piece = pieces.popFirst() else { return nil }
                let file = try await DataFileScan(piece.file, bytes: piece.bytes, context)
                current = file
                rowGroups = file.rowGroups[...]
            }
        }

        private mutating func start() async throws(DataError) -> ScanContext {
            if let context { return context }
            let plan: ScanPlan
            if let given = batches.plan { plan = given } else { plan = try await batches.scan.plan() }
            let made = try batches.scan.context(plan)
            context = made
            pieces = (batches.task?.pieces ?? plan.files.map { ScanTask.Piece(file: $0, start: 0, length: .max) })[...]
            return made
        }
    }
}

extension ScanTask.Piece {
    /// Up to the largest offset there can be.
    fileprivate var bytes: Range<Int64> {
        let (end, overflow) = start.addingReportingOverflow(length)
        return start..<(overflow ? .max : max(start, end))
    }
}
