import Clocks
import IcebergSpec
import IcebergTable
import ParquetFormat

/// Turns rows into data files of a table: divided by its partition spec, sorted by its sort order, described for
/// `Append` and the other operations. From rows to bytes: the caller puts the files.
///
/// Take finished files with `takeFinished` while rows come in; what is open is bounded by `TableWriterOptions.memoryBytes`.
/// After an error that is not about one row's values, the writer must not be used further.
public struct TableWriter: ~Copyable {
    /// The columns that rows are given with: the table's, and those of row lineage when they are kept.
    public let schema: Schema
    public let parquetSchema: ParquetSchema
    private let tableSchema: Schema
    private let options: TableWriterOptions
    private let router: PartitionRouter
    private let ordering: RowOrdering?
    private let metrics: MetricsConfiguration
    private var places: FilePlaces
    private var shredder: RowShredder
    private var open: [[Datum?]: OpenDataFile] = [:]
    private var openedCount = 0
    private var finished: [WrittenFile] = []

    /// For the table's current schema, default spec and default sort order.
    ///
    /// - Throws: `.unsupported` for types that are not written, or a transform that is not known; `.invalid` when row
    ///   lineage is to be kept in a table that has none.
    public init(
        _ metadata: TableMetadata, options: TableWriterOptions, random: any RandomSource = SystemRandom()
    ) throws(DataError) {
        if options.keepsLineage, metadata.formatVersion < 3 {
            throw DataError(.invalid, at: "table", "version \(metadata.formatVersion) has no row lineage")
        }
        let current = metadata.currentSchema
        let schema = options.keepsLineage ? try current.addingRowLineage() : current
        let shredder = try RowShredder(schema)
        self.schema = schema
        self.shredder = shredder
        tableSchema = current
        parquetSchema = shredder.parquetSchema
        router = PartitionRouter(spec: metadata.defaultSpec, schema: schema, parquetSchema: shredder.parquetSchema)
        let order = metadata.defaultSortOrder
        ordering =
            options.sorts && !order.isUnsorted
            ? RowOrdering(order: order, schema: schema, parquetSchema: shredder.parquetSchema) : nil
        metrics = MetricsConfiguration(metadata)
        self.options = options
        places = FilePlaces(metadata, random: random)
    }

    // MARK: - Rows

    /// Adds a row: one value for each field of `schema`, in its order.
    ///
    /// - Throws: `.invalid` for a row that does not fit, which is then not written; the writer can go on.
    public mutating func append(_ row: [RowValue]) throws(DataError) {
        try shredder.append(row)
        if shredder.rowCount >= DataWritingLimits.shreddedRowsMax
            || shredder.rowCount % 64 == 0 && shredder.byteCount >= DataWritingLimits.shreddedBytesMax
        {
            try append(try shredder.take())
        }
    }

    /// Adds rows in the columns of `parquetSchema`: the fastest way in.
    ///
    /// - Throws: `.invalid` for columns that do not fit.
    public mutating func append(_ rows: RowGroup) throws(DataError) {
        guard rows.columns.count == parquetSchema.leaves.count else {
            throw DataError(
                .invalid, at: "rows", "\(rows.columns.count) columns for \(parquetSchema.leaves.count) leaves")
        }
        for part in try router.route(rows) {
            let file = openFile(part.partition)
            try file.append(part.rows)
            if file.estimatedFileBytes >= options.targetFileBytes { try close(file) }
        }
        while open.values.reduce(0, { $0 + $1.memoryBytes }) > options.memoryBytes,
            let largest = open.values.max(by: { $0.memoryBytes < $1.memoryBytes })
        {
            try close(largest)
        }
    }

    /// Adds rows in columns, found by field id. A column that is missing gets its write default, or nulls.
    ///
    /// - Throws: `.invalid` when a column is of another type than the schema's, or a required value is missing.
    public mutating func append(_ batch: ColumnBatch) throws(DataError) {
        var columns: [ColumnVector] = []
        for field in schema.fields {
            guard let column = batch.columns.first(where: { $0.field.id == field.id }) else {
                columns.append(try .repeating(default: field.writeDefault, field, count: batch.rowCount))
                continue
            }
            guard column.field.type == field.type else {
                throw DataError(
                    .invalid, at: "column \(field.name)", "values of type \(column.field.type) for one of \(field.type)"
                )
            }
            columns.append(column.renamed(field))
        }
        try append(try shredder.take())
        try append(try BatchShredder(parquetSchema: parquetSchema).shred(columns, rowCount: batch.rowCount))
    }

    /// The files that are complete so far; each is handed out once.
    public mutating func takeFinished() -> [WrittenFile] {
        defer { finished = [] }
        return finished
    }

    /// Closes what is open and hands out all files not taken before, in the order of their partitions' first rows.
    /// Nothing of the table is changed: put the files, then commit an operation with them.
    public consuming func finish() throws(DataError) -> [WrittenFile] {
        try append(try shredder.take())
        for file in open.values.sorted(by: { $0.number < $1.number }) { try close(file) }
        return finished
    }

    private mutating func openFile(_ partition: [Datum?]) -> OpenDataFile {
        if let file = open[partition] { return file }
        openedCount += 1
        let file = OpenDataFile(partition, parquetSchema, options, ordering, number: openedCount)
        open[partition] = file
        return file
    }

    private mutating func close(_ file: OpenDataFile) throws(DataError) {
        open[file.partition] = nil
        let path = places.next(router.spec, file.partition, suffix: ".parquet")
        let result = try file.finish()
        finished.append(
            WrittenFile(
                bytes: result.bytes,
                file: DataFile.make(
                    from: result.summary, path: path, schema: tableSchema, spec: router.spec,
                    partition: file.partition, sortOrderID: ordering?.order.orderID, metrics: metrics)))
    }
}

extension Schema {
    /// The same columns, and those of row lineage (specification: "Row Lineage", reserved field ids).
    func addingRowLineage() throws(DataError) -> Schema {
        let lineage = [
            NestedField.optional(ReservedFieldID.rowID, "_row_id", .long),
            .optional(ReservedFieldID.lastUpdatedSequenceNumber, "_last_updated_sequence_number", .long),
        ]
        do {
            return try Schema(id: schemaID, fields: fields + lineage, identifierFieldIDs: identifierFieldIDs)
        } catch {
            throw DataError(error)
        }
    }
}

/// Specification: "Reserved Field IDs".
enum ReservedFieldID {
    static let deleteFilePath = 2_147_483_546
    static let deletePosition = 2_147_483_545
    static let rowID = 2_147_483_540
    static let lastUpdatedSequenceNumber = 2_147_483_539
}

/// What writing holds back at most before it looks at sizes.
enum DataWritingLimits {
    static let shreddedRowsMax = 8192
    static let shreddedBytesMax = 4 << 20
}
