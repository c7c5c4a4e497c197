import Batching
import Bytes
import Checksums
import Clocks
import IcebergSpec
import IcebergTable
import ParquetFormat
import Synchronization

/// How events are written to one table: which columns its files have, how they are partitioned and compressed.
///
/// Takes every table whose required columns and partitions the collector can fill, by name: the tables made here, or
/// others such as `event_id, timestamp, type, source, data`. Optional columns that nothing fills stay out of the files,
/// which readers see as null.
package struct EventLayout: Sendable {
    package let schema: Schema
    package let parquetSchema: ParquetSchema
    /// As the table's properties say.
    package let writerOptions: ParquetWriterOptions
    /// Where data files lie, without a final slash.
    package let dataLocation: String
    /// Values of `data` that did not fit their column, of all rows encoded so far.
    package let unfit: UnfitValues
    /// One for each leaf of `parquetSchema`.
    private let leafColumns: [LeafSource]
    /// What is taken from `data`; none: it is not read.
    private let fields: [DataField]
    private let partitionings: [PartitionGranularity: Partitioning]
    /// The same in two layouts that encode rows alike.
    private let identity: [String]

    /// A spec, and what its fields are made of.
    private struct Partitioning: Sendable {
        let spec: PartitionSpec
        let columns: [EventColumn]
        let types: [IcebergType]
    }

    /// What files can span: hours by the table's default spec, days and months where the table has specs for them.
    package var granularities: Set<PartitionGranularity> { Set(partitionings.keys) }

    /// What a leaf's values come from.
    private enum LeafSource: Hashable, Sendable {
        case attribute(EventColumn)
        case extensionText([UInt8])
        case extensionNumber([UInt8])
        /// Index into `fields`.
        case field(Int, otherwise: EventColumn?)
    }

    /// - Throws: `.unsuitableTable`, saying which column or partition cannot be filled.
    package init(
        _ metadata: TableMetadata, shape: TableShape = .events, unfit: UnfitValues = UnfitValues()
    ) throws(CommitError) {
        self.unfit = unfit
        guard metadata.formatVersion >= 2 else {
            throw Self.unsuitable(
                "it has format version \(metadata.formatVersion), whose commits cannot be told apart for certain. Upgrade it "
                    + "to version 2 (\"format-version\"=\"2\")")
        }
        schema = metadata.currentSchema
        var included: [NestedField] = []
        var leafColumns: [LeafSource] = []
        var fields: [DataField] = []
        for field in schema.fields {
            guard let source = try ColumnSource.source(of: field, in: shape) else { continue }
            included.append(field)
            switch source {
            case .attribute(.extensionName):
                leafColumns += [.attribute(.extensionName), .attribute(.extensionValue)]
            case .attribute(let column): leafColumns.append(.attribute(column))
            case .extensionText(let name): leafColumns.append(.extensionText(name))
            case .extensionNumber(let name): leafColumns.append(.extensionNumber(name))
            case .field(let field, let otherwise):
                leafColumns.append(.field(fields.count, otherwise: otherwise))
                fields.append(field)
            }
        }
        guard leafColumns.contains(where: { if case .attribute = $0 { true } else { false } }) else {
            throw Self.unsuitable("it has no column that an event has")
        }
        do {
            parquetSchema = try ParquetSchema.make(for: try Schema(fields: included))
        } catch {
            throw Self.unsuitable("\(error)")
        }
        guard parquetSchema.leaves.count == leafColumns.count else {
            throw Self.unsuitable(
                "its columns have \(parquetSchema.leaves.count) parts for \(leafColumns.count) values")
        }
        self.leafColumns = leafColumns
        self.fields = fields
        do throws(ParquetError) {
            writerOptions = try ParquetWriterOptions(tableProperties: metadata.properties)
        } catch {
            throw Self.unsuitable("\(error.place): \(error.message)")
        }
        var location = metadata.properties["write.data.path"] ?? "\(metadata.location)/data"
        while location.hasSuffix("/") { location.removeLast() }
        dataLocation = location
        var partitionings = [PartitionGranularity.hour: try Self.partitioning(metadata.defaultSpec, schema, shape)]
        let specs = shape == .quarantine ? nil : EventTable.granularitySpecs(of: metadata)
        for (granularity, spec) in specs ?? [:] {
            partitionings[granularity] = try Self.partitioning(spec, schema, shape)
        }
        self.partitionings = partitionings
        identity =
            ["\(metadata.tableUUID.map(\.description) ?? "") \(schema.schemaID) \(shape)"]
            + metadata.properties.filter { $0.key.hasPrefix("write.") }.map { "\($0.key)=\($0.value)" }.sorted()
    }

    private static func unsuitable(_ why: String) -> CommitError {
        CommitError(.unsuitableTable, "the collector cannot write this table: \(why)")
    }

    /// Every buffer has one type and one hour of time: only what these two decide can divide files.
    private static func partitioning(
        _ spec: PartitionSpec, _ schema: Schema, _ shape: TableShape
    ) throws(CommitError) -> Partitioning {
        var columns: [EventColumn] = []
        var types: [IcebergType] = []
        for field in spec.fields {
            let source = schema.field(id: field.sourceID)
            let column =
                try source.flatMap { source throws(CommitError) in
                    guard case .attribute(let column)? = try ColumnSource.source(of: source, in: shape) else {
                        return nil
                    }
                    return column
                } ?? EventColumn.data
            let isKnown: Bool =
                switch (column, field.transform) {
                case (_, .void), (.type, .identity), (.type, .truncate), (.type, .bucket), (.time, .hour),
                    (.time, .day), (.time, .month), (.time, .year), (.year, .identity), (.month, .identity),
                    (.day, .identity), (.hour, .identity):
                    true
                default: false
                }
            guard isKnown else {
                throw unsuitable("its partition field \"\(field.name)\" does not follow from type and hour alone")
            }
            columns.append(column)
            types.append(source?.type ?? .unknown)
        }
        return Partitioning(spec: spec, columns: columns, types: types)
    }

    /// The spec of a file, and its partition tuple.
    package func placement(of file: EventFile) -> (spec: PartitionSpec, values: [Datum?]) {
        guard let partitioning = partitionings[file.granularity] else {
            preconditionFailure("files are made for the granularities there are")
        }
        let microseconds = file.partition.hour &* 3_600_000_000
        let civil = Timestamp(microseconds: microseconds).civil
        let values = partitioning.spec.fields.indices.map { index in
            let value: Datum =
                switch partitioning.columns[index] {
                case .type: .string(file.partition.type)
                case .year: .int(Int32(clamping: civil.year))
                case .month: .int(Int32(clamping: civil.month))
                case .day: .int(Int32(clamping: civil.day))
                case .hour: .int(Int32(clamping: civil.hour))
                default:
                    partitioning.types[index] == .timestamp ? .timestamp(microseconds) : .timestamptz(microseconds)
                }
            return partitioning.spec.fields[index].transform.apply(value)
        }
        return (partitioning.spec, values)
    }

    /// `…/data/type=page.view/year=2024/month=01/day=15/hour=14/<name>.parquet`, without the hour or the day and hour for
    /// files that span more.
    package func path(of file: EventFile, name: String) -> String {
        "\(dataLocation)/\(Self.folder(of: file.partition, file.granularity))/\(name).parquet"
    }

    package static func folder(of partition: EventPartition, _ granularity: PartitionGranularity = .hour) -> String {
        let civil = Timestamp(microseconds: partition.hour &* 3_600_000_000).civil
        let pad = { (value: Int) in Timestamp.pad(value, 2) }
        let month = "type=\(segment(partition.type))/year=\(Timestamp.pad(civil.year, 4))/month=\(pad(civil.month))"
        return switch granularity {
        case .month: month
        case .day: "\(month)/day=\(pad(civil.day))"
        case .hour: "\(month)/day=\(pad(civil.day))/hour=\(pad(civil.hour))"
        }
    }

    /// File systems take 255 bytes in a name: a longer type is cut and told apart by its digest. Nobody reads the type back
    /// from a path; the partition tuple has it.
    private static func segment(_ type: String) -> String {
        let escaped = PercentEncoding.encode(type)
        guard escaped.utf8.count > 160 else { return escaped }
        return escaped.prefix(100) + "-" + Hexadecimal.encode(Digest.sha256(Array(type.utf8)).prefix(12))
    }

    /// The rows of buffers of one type, one after the other, as one Parquet file: a row group for each full buffer, which
    /// may have been encoded before, and others of at least `BatchMachine.rowGroupBytes` for what is left.
    ///
    /// Cost: CPU-bound; the file lies in memory, and the rows of one row group do once more. Nil when rows were encoded
    /// for another layout: then they are to be read from the log again.
    package func encode(_ buffers: [BatchMachine.Buffer]) throws(CommitError) -> ParquetFile? {
        do {
            var writer = try ParquetWriter(schema: parquetSchema, options: writerOptions)
            for buffer in buffers {
                for closed in buffer.closed {
                    guard let group = try rowGroup(of: closed) else { return nil }
                    try writer.append(group)
                }
                guard buffer.open.count > 0 else { continue }
                try writer.append(RowGroup(columns: try columns(of: buffer.open), rowCount: buffer.open.count))
                // What is large enough by itself is not copied together with the rows of the next hours.
                if writer.openByteCount >= BatchMachine.rowGroupBytes { try writer.closeRowGroup() }
            }
            return try writer.finish()
        } catch {
            throw CommitError(
                .failed, "the events of \(buffers.first?.partition.type ?? "a batch") cannot be encoded: \(error)")
        }
    }

    /// Encodes the rows of a full buffer, unless that was done. Nil when it was done for another layout.
    @discardableResult
    package func rowGroup(of closed: ClosedRows) throws(CommitError) -> EncodedRowGroup? {
        try closed.rowGroup(for: identity) { rows throws(CommitError) in
            let columns = try columns(of: rows)
            do throws(ParquetError) {
                return try EncodedRowGroup(
                    columns, rowCount: rows.count, schema: parquetSchema, options: writerOptions)
            } catch {
                throw CommitError(.failed, error.description)
            }
        }
    }

    private func columns(of rows: EventRows) throws(CommitError) -> [LeafColumn] {
        let taken = try fieldColumns(of: rows)
        return zip(leafColumns, parquetSchema.leaves).map { source, leaf in
            switch source {
            case .attribute(let column): rows.leafColumn(column, leaf)
            case .extensionText(let name): rows.extensionTexts(named: name, leaf)
            case .extensionNumber(let name):
                Self.numbers(rows.extensionTexts(named: name, leaf), leaf, rows: rows.count)
            case .field(let index, let otherwise):
                if let otherwise {
                    Self.filled(taken[index], with: rows.leafColumn(otherwise, leaf), leaf, rows: rows.count)
                } else {
                    taken[index]
                }
            }
        }
    }

    /// The columns of `fields`, every row's data read once.
    private func fieldColumns(of rows: EventRows) throws(CommitError) -> [LeafColumn] {
        guard !fields.isEmpty else { return [] }
        var shredder = try FieldShredder(fields)
        try rows.forEachData { (data) throws(CommitError) in try shredder.append(data) }
        var columns: [LeafColumn] = []
        for (source, leaf) in zip(leafColumns, parquetSchema.leaves) {
            guard case .field(let index, _) = source else { continue }
            let (values, count) = try shredder.column(index, leaf)
            if count > 0 { unfit.add(count, to: fields[index].column) }
            columns.append(values)
        }
        return columns
    }

    private static func isPresent(_ column: LeafColumn, _ row: Int) -> Bool {
        column.definitionLevels.isEmpty || column.definitionLevels[row] == column.maxDefinitionLevel
    }

    /// `column` with the values of `other` where it is null. Both flat, of text or 64-bit numbers.
    private static func filled(
        _ column: LeafColumn, with other: LeafColumn, _ leaf: SchemaLeaf, rows: Int
    ) -> LeafColumn {
        guard column.nullCount > 0 else { return column }
        var result = LeafColumn(leaf)
        var next = (0, 0)
        for row in 0..<rows {
            let isOwn = isPresent(column, row)
            let isOther = isPresent(other, row)
            switch isOwn ? column.values : other.values {
            case _ where !isOwn && !isOther: result.appendNull()
            case .byteArray(let texts): texts.withBytes(at: isOwn ? next.0 : next.1) { result.append($0) }
            case .int64(let numbers): result.append(numbers[isOwn ? next.0 : next.1])
            default: result.appendNull()
            }
            next.0 += isOwn ? 1 : 0
            next.1 += isOther ? 1 : 0
        }
        return result
    }

    private static func numbers(_ texts: LeafColumn, _ leaf: SchemaLeaf, rows: Int) -> LeafColumn {
        var result = LeafColumn(leaf)
        var next = 0
        for row in 0..<rows {
            guard isPresent(texts, row), case .byteArray(let values) = texts.values else {
                result.appendNull()
                continue
            }
            if let number = Int32(values.string(at: next)) { result.append(number) } else { result.appendNull() }
            next += 1
        }
        return result
    }
}

/// How many values did not fit their column, by column.
package final class UnfitValues: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    func add(_ count: Int, to column: String) { counts.withLock { $0[column, default: 0] += count } }

    package var byColumn: [String: Int] { counts.withLock { $0 } }

    /// What was counted since this was last asked.
    func take() -> [String: Int] {
        counts.withLock { counts in
            defer { counts.removeAll() }
            return counts
        }
    }
}
