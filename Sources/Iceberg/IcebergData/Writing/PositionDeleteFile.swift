import IcebergSpec
import IcebergTable
import ParquetFormat

/// Rows to be deleted by file and position, of one partition (specification: "Position Delete Files"). For tables of
/// version 2; version 3 has deletion vectors.
public struct PositionDeleteFile: Sendable {
    private static let pathField = NestedField.required(ReservedFieldID.deleteFilePath, "file_path", .string)
    private static let positionField = NestedField.required(ReservedFieldID.deletePosition, "pos", .long)

    public let spec: PartitionSpec
    public let partition: [Datum?]
    private var positions: [String: Set<Int64>] = [:]

    /// - Parameters:
    ///   - spec: of the data files whose rows are deleted.
    ///   - partition: theirs as well.
    public init(spec: PartitionSpec, partition: [Datum?]) {
        self.spec = spec
        self.partition = partition
    }

    public var isEmpty: Bool { positions.isEmpty }

    /// Deletes a row of a data file, counted from 0.
    public mutating func delete(_ position: Int64, in dataFile: String) {
        positions[dataFile, default: []].insert(position)
    }

    /// The file, its rows sorted by path and position. One that names a single data file says so in the manifest.
    ///
    /// - Throws: `.invalid` without any position, or for a negative one.
    public func encode(
        places: inout FilePlaces, options: ParquetWriterOptions = ParquetWriterOptions()
    ) throws(DataError) -> WrittenFile {
        let paths = positions.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        guard let first = paths.first, let last = paths.last else {
            throw DataError(.invalid, at: "position deletes", "there is none")
        }
        var shredder = try RowShredder(try Self.schema())
        for path in paths {
            for position in (positions[path] ?? []).sorted() {
                guard position >= 0 else {
                    throw DataError(.invalid, at: "position deletes of \(path)", "the position \(position)")
                }
                try shredder.append([.primitive(.string(path)), .primitive(.long(position))])
            }
        }
        let result = try ParquetFile.of(try shredder.take(), shredder.parquetSchema, options)
        var file = DataFile.make(
            from: result.summary, path: places.next(spec, partition, suffix: "-deletes.parquet"),
            schema: shredder.schema, spec: spec, partition: partition)
        file.content = .positionDeletes
        // Bounds of the path are whole: readers match files by them.
        file.lowerBounds[ReservedFieldID.deleteFilePath] = Array(first.utf8)
        file.upperBounds[ReservedFieldID.deleteFilePath] = Array(last.utf8)
        file.referencedDataFile = paths.count == 1 ? first : nil
        return WrittenFile(bytes: result.bytes, file: file)
    }

    private static func schema() throws(DataError) -> Schema {
        do {
            return try Schema(fields: [pathField, positionField])
        } catch {
            throw DataError(error)
        }
    }
}

extension ParquetFile {
    /// A file of exactly these rows.
    static func of(
        _ rows: RowGroup, _ schema: ParquetSchema, _ options: ParquetWriterOptions
    ) throws(DataError) -> ParquetFile {
        do throws(ParquetError) {
            var writer = try ParquetWriter(schema: schema, options: options)
            try writer.append(rows)
            return try writer.finish()
        } catch {
            throw DataError(error).within("new file")
        }
    }
}
