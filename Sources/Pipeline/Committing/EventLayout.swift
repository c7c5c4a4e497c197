import Batching
import Bytes
import Checksums
import Clocks
import IcebergSpec
import ParquetFormat

/// How events are written to one table: which columns its files have, how they are partitioned and compressed.
///
/// Takes every table whose required columns and partitions the collector can fill, by name: the event table, or one with
/// fewer columns such as `event_id, timestamp, type, source, data`. Optional columns it does not know stay out of the
/// files, which readers see as null.
package struct EventLayout: Sendable {
    package let schema: Schema
    package let parquetSchema: ParquetSchema
    /// As the table's properties say.
    package let writerOptions: ParquetWriterOptions
    /// Where data files lie, without a final slash.
    package let dataLocation: String
    /// One for each leaf of `parquetSchema`.
    let leafColumns: [EventColumn]
    private let partitionings: [PartitionGranularity: Partitioning]

    /// A spec, and what its fields are made of.
    private struct Partitioning: Sendable {
        let spec: PartitionSpec
        let columns: [EventColumn]
        let types: [IcebergType]
    }

    /// What files can span: hours by the table's default spec, days and months where the table has specs for them.
    package var granularities: Set<PartitionGranularity> { Set(partitionings.keys) }

    /// - Throws: `.unsuitableTable`, saying which column or partition cannot be filled.
    package init(_ metadata: TableMetadata) throws(CommitError) {
        schema = metadata.currentSchema
        var nodes: [SchemaNode] = []
        var leafColumns: [EventColumn] = []
        for field in schema.fields {
            guard let column = EventTable.columnsByName[field.name] else {
                guard !field.required else {
                    throw Self.unsuitable("it requires the column \"\(field.name)\", which no event has")
                }
                continue
            }
            if field.required && !EventTable.isAlwaysPresent(column) && column != .extensionName {
                throw Self.unsuitable("it requires the column \"\(field.name)\", which not every event has")
            }
            nodes.append(try Self.node(field, column))
            leafColumns += column == .extensionName ? [.extensionName, .extensionValue] : [column]
        }
        do throws(ParquetError) {
            parquetSchema = try ParquetSchema(name: "table", fields: nodes)
        } catch {
            throw Self.unsuitable(error.message)
        }
        guard !leafColumns.isEmpty else { throw Self.unsuitable("it has no column that an event has") }
        self.leafColumns = leafColumns
        do throws(ParquetError) {
            writerOptions = try ParquetWriterOptions(tableProperties: metadata.properties)
        } catch {
            throw Self.unsuitable("\(error.place): \(error.message)")
        }
        var location = metadata.properties["write.data.path"] ?? "\(metadata.location)/data"
        while location.hasSuffix("/") { location.removeLast() }
        dataLocation = location
        var partitionings = [PartitionGranularity.hour: try Self.partitioning(metadata.defaultSpec, schema)]
        for (granularity, spec) in EventTable.granularitySpecs(of: metadata) ?? [:] {
            partitionings[granularity] = try Self.partitioning(spec, schema)
        }
        self.partitionings = partitionings
    }

    private static func unsuitable(_ why: String) -> CommitError {
        CommitError(.unsuitableTable, "the collector cannot write this table: \(why)")
    }

    private static func node(_ field: NestedField, _ column: EventColumn) throws(CommitError) -> SchemaNode {
        let repetition: Repetition = field.required ? .required : .optional
        let id = Int32(clamping: field.id)
        switch (column, field.type) {
        case (.time, .timestamptz), (.receivedAt, .timestamptz):
            return .primitive(
                field.name, .int64, repetition, logical: .timestamp(unit: .microseconds, isAdjustedToUTC: true),
                fieldID: id)
        case (.time, .timestamp), (.receivedAt, .timestamp):
            return .primitive(
                field.name, .int64, repetition, logical: .timestamp(unit: .microseconds, isAdjustedToUTC: false),
                fieldID: id)
        case (.year, .int), (.month, .int), (.day, .int), (.hour, .int):
            return .primitive(field.name, .int32, repetition, fieldID: id)
        case (.extensionName, .map(let map)) where map.key == .string && map.value == .string:
            return .map(
                field.name, repetition, fieldID: id,
                key: .string("key", .required, fieldID: Int32(clamping: map.keyID)),
                value: .string(
                    "value", map.valueRequired ? .required : .optional, fieldID: Int32(clamping: map.valueID)))
        case (.time, _), (.receivedAt, _), (.year, _), (.month, _), (.day, _), (.hour, _), (.extensionName, _):
            break
        case (_, .string): return .string(field.name, repetition, fieldID: id)
        default: break
        }
        throw unsuitable("the column \"\(field.name)\" has another type than the event table's")
    }

    /// Every buffer has one type and one hour of time: only what these two decide can divide files.
    private static func partitioning(
        _ spec: PartitionSpec, _ schema: Schema
    ) throws(CommitError) -> Partitioning {
        var columns: [EventColumn] = []
        var types: [IcebergType] = []
        for field in spec.fields {
            let source = schema.field(id: field.sourceID)
            let column = source.flatMap { EventTable.columnsByName[$0.name] } ?? .data
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

    /// The rows of buffers of one type, one after the other, as one Parquet file.
    ///
    /// Cost: CPU-bound; the file lies in memory, and the rows of one row group do once more.
    package func encode(_ buffers: [BatchMachine.Buffer]) throws(CommitError) -> ParquetFile {
        do throws(ParquetError) {
            var writer = try ParquetWriter(schema: parquetSchema, options: writerOptions)
            for rows in buffers.lazy.flatMap(\.rows) {
                let columns = zip(leafColumns, parquetSchema.leaves).map { rows.leafColumn($0, $1) }
                try writer.append(RowGroup(columns: columns, rowCount: rows.count))
            }
            return try writer.finish()
        } catch {
            throw CommitError(
                .failed, "the events of \(buffers.first?.partition.type ?? "a batch") cannot be encoded: \(error)")
        }
    }
}
