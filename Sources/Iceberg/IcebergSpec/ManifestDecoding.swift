import AvroFormat
import JSONFormat

extension IcebergError {
    /// An Avro file that cannot be read, as an error of this module.
    init(_ error: AvroError, in path: String) {
        let code: Code =
            switch error.code {
            case .corrupt, .invalidSchema: .malformed
            case .tooLarge: .limitExceeded
            case .unsupportedCodec: .unsupported
            }
        self.init(code, "\(path): \(error.message)")
    }
}

/// The files that one manifest lists (specification: "Manifests").
public struct Manifest: Sendable {
    /// 1 where the manifest does not say.
    public let formatVersion: Int
    public let content: ManifestFile.Content
    /// The manifest's own metadata: schema, partition-spec, and so on, as its writer put it.
    public let metadata: [String: String]
    public let entries: [ManifestEntry]

    /// Reads a manifest of any format version and writer, and fills in what its entries inherit from `file`.
    ///
    /// - Parameters:
    ///   - spec: the partition spec that `file` names.
    ///   - types: the types of its values (`TableMetadata.partitionTypes`).
    /// - Throws: `.malformed`, `.limitExceeded`, `.unsupported`, with the manifest's path.
    ///
    /// Cost: linear in the decompressed size.
    public static func decode(
        _ bytes: [UInt8], of file: ManifestFile, spec: PartitionSpec, types: [IcebergType]
    ) throws(IcebergError) -> Manifest {
        do {
            return try read(bytes, of: file, spec: spec, types: types)
        } catch {
            throw IcebergError(error, in: file.path)
        }
    }

    private static func read(
        _ bytes: [UInt8], of file: ManifestFile, spec: PartitionSpec, types: [IcebergType]
    ) throws(AvroError) -> Manifest {
        var avro = try AvroFileReader(bytes)
        let plan = try ManifestEntryPlan(avro.schema, spec: spec, types: types)
        var inheritance = ManifestInheritance(file)
        var entries: [ManifestEntry] = []
        while var block = try avro.nextBlock() {
            entries.reserveCapacity(entries.count + block.count)
            for _ in 0..<block.count {
                var entry = try plan.readEntry(&block.decoder)
                try inheritance.apply(to: &entry)
                entries.append(entry)
            }
            try block.finish()
        }
        let metadata = avro.metadata.compactMapValues { String(validating: $0, as: UTF8.self) }
        return Manifest(
            formatVersion: metadata["format-version"].flatMap { Int($0) } ?? 1, content: file.content,
            metadata: metadata, entries: entries)
    }
}

/// Fills in the numbers that entries inherit (specification: "Sequence Number Inheritance", "First Row ID
/// Inheritance").
private struct ManifestInheritance {
    let file: ManifestFile
    var nextRowID: Int64?

    init(_ file: ManifestFile) {
        self.file = file
        nextRowID = file.firstRowID
    }

    mutating func apply(to entry: inout ManifestEntry) throws(AvroError) {
        entry.file.specID = file.partitionSpecID
        entry.snapshotID = entry.snapshotID ?? file.addedSnapshotID
        let inherited = entry.status == .added || file.sequenceNumber == 0 ? file.sequenceNumber : nil
        guard let data = entry.dataSequenceNumber ?? inherited else {
            throw AvroError(.corrupt, "an entry of \(entry.file.path) that was not added has no sequence number")
        }
        let added = entry.fileSequenceNumber ?? inherited ?? data
        entry.dataSequenceNumber = data
        entry.fileSequenceNumber = added
        if entry.file.content == .data, entry.file.firstRowID == nil, entry.isLive, let next = nextRowID {
            entry.file.firstRowID = next
            let (sum, overflow) = next.addingReportingOverflow(entry.file.recordCount)
            guard !overflow else { throw AvroError(.corrupt, "row ids above 64 bits") }
            nextRowID = sum
        }
    }
}

/// How to read the entries of one manifest.
private struct ManifestEntryPlan {
    /// Where a value of the writer's partition record goes.
    struct PartitionColumn {
        let column: ManifestRecordPlan.Column
        /// Index in the spec; nil for a field the spec does not have.
        let target: Int?
        let type: IcebergType?
    }

    let entry: ManifestRecordPlan
    let file: ManifestRecordPlan
    let partition: [PartitionColumn]
    let partitionCount: Int
    let maps: [Int32: ManifestMapPlan]

    init(_ schema: AvroSchema, spec: PartitionSpec, types: [IcebergType]) throws(AvroError) {
        entry = try ManifestRecordPlan(schema, idsByName: ManifestSchema.idsByName)
        guard let fileSchema = entry.type(of: 2) else { throw AvroError(.corrupt, "the entries have no data_file") }
        file = try ManifestRecordPlan(fileSchema, idsByName: ManifestSchema.idsByName)
        var maps: [Int32: ManifestMapPlan] = [:]
        for id in [108, 109, 110, 137, 125, 128] as [Int32] {
            if let type = file.type(of: id) { maps[id] = try ManifestMapPlan(type) }
        }
        self.maps = maps
        partitionCount = spec.fields.count
        guard let partitionSchema = file.type(of: 102) else {
            partition = []
            return
        }
        var names: [String: Int32] = [:]
        for field in spec.fields {
            names[field.name] = Int32(truncatingIfNeeded: field.fieldID)
            names[ManifestSchema.sanitized(field.name)] = Int32(truncatingIfNeeded: field.fieldID)
        }
        partition = try ManifestRecordPlan(partitionSchema, idsByName: names).columns.map { column in
            let target = spec.fields.firstIndex { $0.fieldID == Int(column.id) }
            return PartitionColumn(
                column: column, target: target, type: target.flatMap { types.indices.contains($0) ? types[$0] : nil })
        }
    }

    func readEntry(_ decoder: inout AvroDecoder) throws(AvroError) -> ManifestEntry {
        var status: ManifestEntry.Status?
        var file: DataFile?
        var numbers: [Int32: Int64] = [:]
        for column in entry.columns where try column.isPresent(&decoder) {
            switch column.id {
            case 0: status = ManifestEntry.Status(rawValue: try decoder.readInteger32(column.type))
            case 1, 3, 4: numbers[column.id] = try decoder.readInteger(column.type)
            case 2: file = try readFile(&decoder)
            default: try decoder.skip(column.type)
            }
        }
        guard let status, let file else { throw decoder.corrupt("an entry has no known status or no data_file") }
        return ManifestEntry(
            status: status, snapshotID: numbers[1], dataSequenceNumber: numbers[3], fileSequenceNumber: numbers[4],
            file: file)
    }

    private func readFile(_ decoder: inout AvroDecoder) throws(AvroError) -> DataFile {
        var result = DataFile(path: "", recordCount: -1, fileSizeBytes: -1)
        for column in file.columns where try column.isPresent(&decoder) {
            let type = column.type
            switch column.id {
            case 134: result.content = try readContent(&decoder, type)
            case 100: result.path = try decoder.readText(type)
            case 101: result.format = try readFormat(&decoder, type)
            case 102: result.partition = try readPartition(&decoder)
            case 103: result.recordCount = try decoder.readInteger(type)
            case 104: result.fileSizeBytes = try decoder.readInteger(type)
            case 108: result.columnSizes = try readCounts(&decoder, 108)
            case 109: result.valueCounts = try readCounts(&decoder, 109)
            case 110: result.nullValueCounts = try readCounts(&decoder, 110)
            case 137: result.nanValueCounts = try readCounts(&decoder, 137)
            case 125: result.lowerBounds = try readBounds(&decoder, 125)
            case 128: result.upperBounds = try readBounds(&decoder, 128)
            case 131: result.keyMetadata = try decoder.readBinary(type)
            case 132: result.splitOffsets = try decoder.readIntegers(type)
            case 135: result.equalityIDs = try decoder.readIntegers(type).map { Int(truncatingIfNeeded: $0) }
            case 140: result.sortOrderID = Int(try decoder.readInteger32(type))
            case 142: result.firstRowID = try decoder.readInteger(type)
            case 143: result.referencedDataFile = try decoder.readText(type)
            case 144: result.contentOffset = try decoder.readInteger(type)
            case 145: result.contentSizeBytes = try decoder.readInteger(type)
            default: try decoder.skip(type)
            }
        }
        guard !result.path.isEmpty, result.recordCount >= 0, result.fileSizeBytes >= 0 else {
            throw decoder.corrupt("a data_file without a path, a record count or a size")
        }
        if result.partition.isEmpty, partitionCount > 0 {
            result.partition = [Datum?](repeating: nil, count: partitionCount)
        }
        return result
    }

    private func readContent(
        _ decoder: inout AvroDecoder, _ type: AvroSchema
    ) throws(AvroError) -> DataFile.Content {
        let number = try decoder.readInteger32(type)
        guard let content = DataFile.Content(rawValue: number) else {
            throw decoder.corrupt("a file of the unknown content \(number)")
        }
        return content
    }

    private func readFormat(_ decoder: inout AvroDecoder, _ type: AvroSchema) throws(AvroError) -> DataFile.Format {
        let name = try decoder.readText(type)
        guard let format = DataFile.Format(rawValue: name.uppercased()) else {
            throw decoder.corrupt("a file of the unknown format \(name.prefix(40))")
        }
        return format
    }

    private func readPartition(_ decoder: inout AvroDecoder) throws(AvroError) -> [Datum?] {
        var values = [Datum?](repeating: nil, count: partitionCount)
        for item in partition where try item.column.isPresent(&decoder) {
            if let target = item.target {
                values[target] = try decoder.readDatum(item.column.type, as: item.type)
            } else {
                try decoder.skip(item.column.type)
            }
        }
        return values
    }

    private func readCounts(_ decoder: inout AvroDecoder, _ id: Int32) throws(AvroError) -> FieldMap<Int64> {
        guard let plan = maps[id] else { return [:] }
        return try plan.read(&decoder) { (decoder, type) throws(AvroError) in try decoder.readInteger(type) }
    }

    private func readBounds(_ decoder: inout AvroDecoder, _ id: Int32) throws(AvroError) -> FieldMap<[UInt8]> {
        guard let plan = maps[id] else { return [:] }
        return try plan.read(&decoder) { (decoder, type) throws(AvroError) in try decoder.readBinary(type) }
    }
}
