import AvroFormat

/// The manifests of one snapshot (specification: "Manifest Lists").
public enum ManifestList {
    /// Reads a manifest list of any format version and writer. `path` is for errors.
    ///
    /// - Throws: `.malformed`, `.limitExceeded`, `.unsupported`.
    public static func decode(_ bytes: [UInt8], path: String) throws(IcebergError) -> [ManifestFile] {
        do {
            return try read(bytes)
        } catch {
            throw IcebergError(error, in: path)
        }
    }

    private static func read(_ bytes: [UInt8]) throws(AvroError) -> [ManifestFile] {
        var avro = try AvroFileReader(bytes)
        let plan = try ManifestFilePlan(avro.schema)
        var files: [ManifestFile] = []
        while var block = try avro.nextBlock() {
            guard files.count + block.count <= Limits.manifestsMax else {
                throw AvroError(.tooLarge, "a snapshot has at most \(Limits.manifestsMax) manifests")
            }
            for _ in 0..<block.count { files.append(try plan.read(&block.decoder)) }
            try block.finish()
        }
        return files
    }

    /// Gives the data manifests that have no first row id yet theirs, in order (version 3), and returns the table's next
    /// row id after them.
    public static func assignRowIDs(_ files: inout [ManifestFile], from firstRowID: Int64) -> Int64 {
        var next = firstRowID
        for index in files.indices where files[index].content == .data && files[index].firstRowID == nil {
            files[index].firstRowID = next
            for count in [files[index].addedRowsCount, files[index].existingRowsCount] {
                let (sum, overflow) = next.addingReportingOverflow(count ?? 0)
                next = overflow ? .max : sum
            }
        }
        return next
    }

    /// Writes the manifest list of a snapshot, format version 2 or 3. The same input gives the same bytes.
    ///
    /// - Parameter firstRowID: version 3: that of the snapshot. The manifests must have theirs (`assignRowIDs`).
    /// - Throws: `.unsupported` for a format version below 2; `.invalid` for a manifest whose counts are not known: 0 would
    ///   mean that it lists nothing.
    public static func encode(
        _ files: [ManifestFile], formatVersion: Int, snapshotID: Int64, parentSnapshotID: Int64?,
        sequenceNumber: Int64, firstRowID: Int64? = nil, sync: [UInt8]
    ) throws(IcebergError) -> [UInt8] {
        guard (2...3).contains(formatVersion) else {
            throw IcebergError(
                .unsupported, "manifest lists are written for tables of format version 2 or 3, not \(formatVersion)")
        }
        if let file = files.first(where: { !$0.isCounted }) {
            throw IcebergError(.invalid, "the files and rows of \(file.path) are not counted")
        }
        var metadata: [(key: String, value: String)] = [
            ("snapshot-id", String(snapshotID)),
            ("parent-snapshot-id", parentSnapshotID.map { String($0) } ?? "null"),
            ("sequence-number", String(sequenceNumber)), ("format-version", String(formatVersion)),
        ]
        if formatVersion >= 3, let firstRowID { metadata.append(("first-row-id", String(firstRowID))) }
        var writer = AvroFileWriter(
            schema: ManifestSchema.manifestFile(formatVersion: formatVersion), metadata: metadata, sync: sync)
        do {
            for file in files { try writer.append { encode(file, formatVersion, to: &$0) } }
            return try writer.finish()
        } catch {
            throw IcebergError(error, in: "the manifest list of snapshot \(snapshotID)")
        }
    }

    private static func encode(_ file: ManifestFile, _ formatVersion: Int, to encoder: inout AvroEncoder) {
        encoder.write(file.path)
        encoder.write(file.length)
        encoder.write(Int64(file.partitionSpecID))
        encoder.write(file.content.rawValue)
        encoder.write(file.sequenceNumber)
        encoder.write(file.minSequenceNumber)
        encoder.write(file.addedSnapshotID)
        for count in [file.addedFilesCount, file.existingFilesCount, file.deletedFilesCount] {
            // A 32-bit field in the specification.
            encoder.write(Int32(clamping: count ?? 0))
        }
        for count in [file.addedRowsCount, file.existingRowsCount, file.deletedRowsCount] {
            encoder.write(count ?? 0)
        }
        encoder.write(optional: file.partitions) { encoder, summaries in
            encoder.write(items: summaries) { encoder, summary in
                encoder.write(summary.containsNull)
                encoder.write(optional: summary.containsNaN) { $0.write($1) }
                encoder.write(optional: summary.lowerBound) { $0.write($1) }
                encoder.write(optional: summary.upperBound) { $0.write($1) }
            }
        }
        encoder.write(optional: file.keyMetadata) { $0.write($1) }
        if formatVersion >= 3 { encoder.write(optional: file.firstRowID) { $0.write($1) } }
    }
}

/// How to read the entries of one manifest list.
private struct ManifestFilePlan {
    let file: ManifestRecordPlan
    let summary: (element: AvroSchema, plan: ManifestRecordPlan)?

    init(_ schema: AvroSchema) throws(AvroError) {
        file = try ManifestRecordPlan(schema, idsByName: ManifestSchema.listIDsByName)
        guard case .array(let array) = file.type(of: 507) else {
            summary = nil
            return
        }
        summary = (
            array.element, try ManifestRecordPlan(array.element.nonNull, idsByName: ManifestSchema.listIDsByName)
        )
    }

    func read(_ decoder: inout AvroDecoder) throws(AvroError) -> ManifestFile {
        var path: String?
        var length: Int64?
        var numbers: [Int32: Int64] = [:]
        var partitions: [ManifestFile.FieldSummary]?
        var keyMetadata: [UInt8]?
        for column in file.columns where try column.isPresent(&decoder) {
            switch column.id {
            case 500: path = try decoder.readText(column.type)
            case 501: length = try decoder.readInteger(column.type)
            case 502...506, 512...517, 520: numbers[column.id] = try decoder.readInteger(column.type)
            case 507: partitions = try readSummaries(&decoder)
            case 519: keyMetadata = try decoder.readBinary(column.type)
            default: try decoder.skip(column.type)
            }
        }
        guard let path, !path.isEmpty, let length, length >= 0 else {
            throw decoder.corrupt("a manifest without a path or a length")
        }
        guard let content = ManifestFile.Content(rawValue: Int32(clamping: numbers[517] ?? 0)) else {
            throw decoder.corrupt("a manifest of the unknown content \(numbers[517] ?? 0)")
        }
        var file = ManifestFile(
            path: path, length: length, partitionSpecID: Int(clamping: numbers[502] ?? 0), content: content,
            sequenceNumber: numbers[515] ?? 0, minSequenceNumber: numbers[516] ?? 0, addedSnapshotID: numbers[503] ?? -1
        )
        // A negative count says nothing.
        func count(_ id: Int32) -> Int64? { numbers[id].flatMap { $0 >= 0 ? $0 : nil } }
        file.addedFilesCount = count(504)
        file.existingFilesCount = count(505)
        file.deletedFilesCount = count(506)
        file.addedRowsCount = count(512)
        file.existingRowsCount = count(513)
        file.deletedRowsCount = count(514)
        file.partitions = partitions
        file.keyMetadata = keyMetadata
        file.firstRowID = numbers[520]
        return file
    }

    private func readSummaries(_ decoder: inout AvroDecoder) throws(AvroError) -> [ManifestFile.FieldSummary] {
        guard let summary else { throw decoder.corrupt("the partition summaries are no list") }
        guard case .record = summary.element else { throw decoder.corrupt("a partition summary may not be null") }
        var summaries: [ManifestFile.FieldSummary] = []
        try decoder.readArray(of: summary.element) { (decoder) throws(AvroError) in
            var result = ManifestFile.FieldSummary(containsNull: true)
            for column in summary.plan.columns where try column.isPresent(&decoder) {
                switch column.id {
                case 509: result.containsNull = try decoder.readBoolean()
                case 518: result.containsNaN = try decoder.readBoolean()
                case 510: result.lowerBound = try decoder.readBinary(column.type)
                case 511: result.upperBound = try decoder.readBinary(column.type)
                default: try decoder.skip(column.type)
                }
            }
            summaries.append(result)
        }
        return summaries
    }
}
