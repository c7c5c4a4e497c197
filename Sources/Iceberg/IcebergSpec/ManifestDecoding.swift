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

    /// The partition spec that a manifest says it is of; 0 where it does not say, as in the first tables of version 1.
    public static func specID(_ bytes: [UInt8], path: String) throws(IcebergError) -> Int {
        do {
            return try AvroFileReader(bytes).text("partition-spec-id").flatMap { Int($0) } ?? 0
        } catch {
            throw IcebergError(error, in: path)
        }
    }

    private static func read(
        _ bytes: [UInt8], of file: ManifestFile, spec: PartitionSpec, types: [IcebergType]
    ) throws(AvroError) -> Manifest {
        var avro = try AvroFileReader(bytes)
        let plan = try ManifestEntryPlan(avro.schema, spec: spec, types: types)
        var inheritance = ManifestInheritance(file)
        var entries: [ManifestEntry] = []
        while let block = try avro.nextBlock() {
            entries.reserveCapacity(entries.count + block.count)
            let content = block.decoder.bytes
            try content.withUnsafeBytes { base in
                Result { () throws(AvroError) in
                    var cursor = ManifestCursor(content, base)
                    for _ in 0..<block.count {
                        entries.append(try plan.readEntry(&cursor, &inheritance))
                    }
                    guard cursor.remaining == 0 else {
                        throw cursor.corrupt(
                            "\(cursor.remaining) bytes are left after the last object of a block")
                    }
                }
            }.get()
        }
        let metadata = avro.metadata.compactMapValues { String(validating: $0, as: UTF8.self) }
        return Manifest(
            formatVersion: metadata["format-version"].flatMap { Int($0) } ?? 1, content: file.content,
            metadata: metadata, entries: entries)
    }
}

/// Fills in the numbers that entries inherit (specification: "Sequence Number Inheritance", "First Row ID
/// Inheritance").
struct ManifestInheritance {
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
