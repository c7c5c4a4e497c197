import AvroFormat
import JSONFormat

/// Writes one manifest (specification: "Manifests"), format version 2 or 3.
///
/// The same entries and sync marker give the same bytes.
public struct ManifestWriter: Sendable {
    private let spec: PartitionSpec
    private let types: [IcebergType]
    private let content: ManifestFile.Content
    private let formatVersion: Int
    private var avro: AvroFileWriter
    private var counts = ManifestCounts()
    private var summaries: [ManifestSummary]

    /// - Parameters:
    ///   - schema: the table's current schema.
    ///   - types: the types of the spec's values (`TableMetadata.partitionTypes`).
    ///   - sync: 16 bytes, random or derived from the manifest's name.
    /// - Throws: `.unsupported` for a format version below 2.
    public init(
        schema: Schema, spec: PartitionSpec, types: [IcebergType], content: ManifestFile.Content = .data,
        formatVersion: Int, sync: [UInt8]
    ) throws(IcebergError) {
        guard (2...3).contains(formatVersion) else {
            throw IcebergError(
                .unsupported, "manifests are written for tables of format version 2 or 3, not \(formatVersion)")
        }
        guard types.count == spec.fields.count else {
            throw IcebergError(.invalid, "\(types.count) partition types for \(spec.fields.count) partition fields")
        }
        let partition = try ManifestSchema.partition(spec, types: types)
        let fields = JSONValue.array(spec.json["fields"]?.array ?? [])
        avro = AvroFileWriter(
            schema: ManifestSchema.manifestEntry(partition: partition, formatVersion: formatVersion),
            metadata: [
                ("schema", schema.json.serializedString()), ("schema-id", String(schema.schemaID)),
                ("partition-spec", fields.serializedString()), ("partition-spec-id", String(spec.specID)),
                ("format-version", String(formatVersion)), ("content", content.name),
            ], sync: sync)
        self.spec = spec
        self.types = types
        self.content = content
        self.formatVersion = formatVersion
        summaries = types.map { ManifestSummary(type: $0) }
    }

    /// Bytes so far, the open block uncompressed.
    public var byteCount: Int { avro.byteCount }
    public var entryCount: Int { counts.entries }

    /// - Throws: `.invalid` for a file of another content or spec, a partition that is no tuple of the spec, or an entry
    ///   that neither inherits nor states its numbers.
    public mutating func append(_ entry: ManifestEntry) throws(IcebergError) {
        try check(entry)
        counts.add(entry)
        for index in summaries.indices { summaries[index].add(entry.file.partition[index]) }
        let layout = ManifestEntryLayout(types: types, formatVersion: formatVersion)
        do {
            try avro.append { layout.encode(entry, to: &$0) }
        } catch {
            throw IcebergError(error, in: entry.file.path)
        }
    }

    private func check(_ entry: ManifestEntry) throws(IcebergError) {
        func refuse(_ why: String) -> IcebergError { IcebergError(.invalid, "\(entry.file.path): \(why)") }
        guard (entry.file.content == .data) == (content == .data) else {
            throw refuse("a file of content \(entry.file.content) in a manifest of \(content.name)")
        }
        guard entry.file.specID == spec.specID else {
            throw refuse("a file of partition spec \(entry.file.specID) in a manifest of spec \(spec.specID)")
        }
        guard entry.file.partition.count == types.count else {
            throw refuse("\(entry.file.partition.count) partition values for \(types.count) partition fields")
        }
        for (value, type) in zip(entry.file.partition, types) {
            guard let value, !value.isValue(of: type) else { continue }
            throw refuse("the partition value \(value) is not of type \(type)")
        }
        guard entry.status == .added || entry.dataSequenceNumber != nil && entry.fileSequenceNumber != nil else {
            throw refuse("only added entries may leave their sequence numbers to be inherited")
        }
        guard entry.snapshotID != nil else { throw refuse("an entry without a snapshot id") }
        guard entry.file.recordCount >= 0, entry.file.fileSizeBytes >= 0, !entry.file.path.isEmpty else {
            throw refuse("a negative count or size, or no path")
        }
    }

    /// The manifest's bytes, and how a manifest list describes it. Numbers that entries inherit count as
    /// `sequenceNumber`, that of the commit.
    public consuming func finish(
        path: String, snapshotID: Int64, sequenceNumber: Int64
    ) throws(IcebergError) -> (file: ManifestFile, bytes: [UInt8]) {
        let counts = counts
        let summaries = summaries
        let specID = spec.specID
        let content = content
        let bytes: [UInt8]
        do {
            bytes = try avro.finish()
        } catch {
            throw IcebergError(error, in: path)
        }
        var file = ManifestFile(
            path: path, length: Int64(bytes.count), partitionSpecID: specID, content: content,
            sequenceNumber: sequenceNumber,
            minSequenceNumber: min(counts.minSequenceNumber ?? sequenceNumber, sequenceNumber),
            addedSnapshotID: snapshotID)
        file.addedFilesCount = counts.files[.added, default: 0]
        file.existingFilesCount = counts.files[.existing, default: 0]
        file.deletedFilesCount = counts.files[.deleted, default: 0]
        file.addedRowsCount = counts.rows[.added, default: 0]
        file.existingRowsCount = counts.rows[.existing, default: 0]
        file.deletedRowsCount = counts.rows[.deleted, default: 0]
        file.partitions = summaries.map(\.summary)
        return (file, bytes)
    }
}

/// Counts of the entries of a manifest.
private struct ManifestCounts: Sendable {
    var entries = 0
    var files: [ManifestEntry.Status: Int64] = [:]
    var rows: [ManifestEntry.Status: Int64] = [:]
    /// Of the live entries that state theirs.
    var minSequenceNumber: Int64?

    mutating func add(_ entry: ManifestEntry) {
        entries += 1
        files[entry.status, default: 0] += 1
        rows[entry.status, default: 0] &+= entry.file.recordCount
        if entry.isLive, let number = entry.dataSequenceNumber {
            minSequenceNumber = min(minSequenceNumber ?? number, number)
        }
    }
}

/// What the entries have in one partition field.
private struct ManifestSummary: Sendable {
    let type: IcebergType
    var containsNull = false
    var containsNaN = false
    var lower: Datum?
    var upper: Datum?

    init(type: IcebergType) { self.type = type }

    mutating func add(_ value: Datum?) {
        guard let value else { return containsNull = true }
        guard !value.isNaN else { return containsNaN = true }
        if lower.map({ value.order(to: $0) == .less }) ?? true { lower = value }
        if upper.map({ value.order(to: $0) == .greater }) ?? true { upper = value }
    }

    var summary: ManifestFile.FieldSummary {
        ManifestFile.FieldSummary(
            containsNull: containsNull, containsNaN: containsNaN, lowerBound: lower?.singleValueBinary,
            upperBound: upper?.singleValueBinary)
    }
}

// MARK: - Encoding, in the field order of ManifestSchema

private struct ManifestEntryLayout {
    let types: [IcebergType]
    let formatVersion: Int

    func encode(_ entry: ManifestEntry, to encoder: inout AvroEncoder) {
        encoder.write(entry.status.rawValue)
        encoder.write(optional: entry.snapshotID) { $0.write($1) }
        encoder.write(optional: entry.dataSequenceNumber) { $0.write($1) }
        encoder.write(optional: entry.fileSequenceNumber) { $0.write($1) }
        encode(entry.file, to: &encoder)
    }

    private func encode(_ file: DataFile, to encoder: inout AvroEncoder) {
        encoder.write(file.content.rawValue)
        encoder.write(file.path)
        encoder.write(file.format.rawValue)
        for (value, type) in zip(file.partition, types) where type != .unknown {
            encoder.write(optional: value) { $0.write($1, as: type) }
        }
        encoder.write(file.recordCount)
        encoder.write(file.fileSizeBytes)
        for map in [file.columnSizes, file.valueCounts, file.nullValueCounts, file.nanValueCounts] {
            encode(map, to: &encoder) { $0.write($1) }
        }
        encode(file.lowerBounds, to: &encoder) { $0.write($1) }
        encode(file.upperBounds, to: &encoder) { $0.write($1) }
        encoder.write(optional: file.keyMetadata) { $0.write($1) }
        encoder.write(optional: file.splitOffsets.isEmpty ? nil : file.splitOffsets) { encoder, offsets in
            encoder.write(items: offsets) { $0.write($1) }
        }
        encoder.write(optional: file.equalityIDs.isEmpty ? nil : file.equalityIDs) { encoder, ids in
            encoder.write(items: ids) { $0.write(Int64($1)) }
        }
        encoder.write(optional: file.sortOrderID) { $0.write(Int64($1)) }
        if formatVersion >= 3 { encoder.write(optional: file.firstRowID) { $0.write($1) } }
        encoder.write(optional: file.referencedDataFile) { $0.write($1) }
        if formatVersion >= 3 {
            encoder.write(optional: file.contentOffset) { $0.write($1) }
            encoder.write(optional: file.contentSizeBytes) { $0.write($1) }
        }
    }

    private func encode<Value>(
        _ map: FieldMap<Value>, to encoder: inout AvroEncoder, _ body: (inout AvroEncoder, Value) -> Void
    ) {
        encoder.write(optional: map.isEmpty ? nil : map) { encoder, map in
            encoder.write(Int64(map.count))
            if let items = map.encodedItems {
                encoder.write(fixed: Array(items))
                return encoder.write(Int64(0))
            }
            for (id, value) in map.entries {
                encoder.write(id)
                body(&encoder, value)
            }
            encoder.write(Int64(0))
        }
    }
}
