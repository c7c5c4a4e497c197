import AvroFormat
import Clocks
import IcebergSpec
import JSONFormat

/// A small table partitioned by a string and an hour, with a manifest and a manifest list.
enum IcebergSeed {
    static func schema() throws -> Schema {
        try Schema(fields: [
            .required(1, "id", .string), .required(2, "time", .timestamptz), .required(3, "type", .string),
            .optional(4, "extensions", .map(keyID: 5, .string, valueID: 6, .string)), .optional(7, "n", .long),
            .optional(8, "ratio", .double), .optional(9, "price", .decimal(precision: 9, scale: 2)),
            .optional(10, "day", .date), .optional(11, "key", .uuid), .optional(12, "flag", .boolean),
        ])
    }

    static let unboundSpec = UnboundPartitionSpec(fields: [
        .init(sourceID: 3, name: "type", transform: .identity), .init(sourceID: 2, name: "hour", transform: .hour),
    ])

    static func table(formatVersion: Int) throws -> TableMetadata {
        try TableMetadata.new(
            location: "s3://bucket/table", schema: schema(), spec: unboundSpec, properties: ["a": "b"],
            formatVersion: formatVersion, uuid: UUID(high: 0x9c12_d441_03fe_4693, low: 0x9a96_a070_5ddf_69c1),
            at: Timestamp(milliseconds: 1_700_000_000_000))
    }

    static let spec = PartitionSpec(
        id: 0,
        fields: [
            PartitionField(sourceID: 3, fieldID: 1000, name: "type", transform: .identity),
            PartitionField(sourceID: 2, fieldID: 1001, name: "hour", transform: .hour),
        ])
    static let types: [IcebergType] = [.string, .int]

    static func dataFile(_ name: String, partition: [Datum?]) -> DataFile {
        var file = DataFile(
            path: "s3://bucket/\(name)", specID: 0, partition: partition, recordCount: 10, fileSizeBytes: 1234)
        file.columnSizes = [1: 100, 2: 7]
        file.valueCounts = [1: 10, 2: 10]
        file.nullValueCounts = [1: 0, 2: 4]
        file.nanValueCounts = [8: 1]
        file.lowerBounds = [1: Array("a".utf8)]
        file.upperBounds = [1: Array("z".utf8)]
        file.splitOffsets = [4, 400]
        file.sortOrderID = 1
        return file
    }

    static func manifest(formatVersion: Int) throws -> (file: ManifestFile, bytes: [UInt8]) {
        var writer = try ManifestWriter(
            schema: schema(), spec: spec, types: types, formatVersion: formatVersion, sync: [UInt8](0..<16))
        try writer.append(
            ManifestEntry(
                status: .added, snapshotID: 42, file: dataFile("added", partition: [.string("page.view"), .int(7)])))
        try writer.append(
            ManifestEntry(
                status: .deleted, snapshotID: 42, dataSequenceNumber: 1, fileSequenceNumber: 1,
                file: dataFile("deleted", partition: [nil, nil])))
        return try writer.finish(path: "s3://bucket/m.avro", snapshotID: 42, sequenceNumber: 9)
    }
}

extension ParserTarget {
    /// What a manifest is read with: what its manifest list says of it.
    private static let manifestFile: Result<ManifestFile, any Error> = Result {
        var file = try IcebergSeed.manifest(formatVersion: 3).file
        file.firstRowID = 1000
        return file
    }

    static let manifest = ParserTarget("manifest") {
        try [2, 3].map { Seed("version-\($0)", try IcebergSeed.manifest(formatVersion: $0).bytes) }
    } parse: { bytes in
        let file = try manifestFile.get()
        let manifest: Manifest
        do {
            manifest = try Manifest.decode(bytes, of: file, spec: IcebergSeed.spec, types: IcebergSeed.types)
        } catch {
            manifest = try Manifest.decode(bytes, of: file, spec: .unpartitioned, types: [])
        }
        return digest(manifest.entries)
    }

    static let manifestList = ParserTarget("manifest-list") {
        try [2, 3].map { version in
            var file = try IcebergSeed.manifest(formatVersion: version).file
            file.firstRowID = version == 3 ? 0 : nil
            return Seed(
                "version-\(version)",
                try ManifestList.encode(
                    [file, file], formatVersion: version, snapshotID: 42, parentSnapshotID: 41, sequenceNumber: 9,
                    firstRowID: version == 3 ? 0 : nil, sync: [UInt8](0..<16)))
        }
    } parse: { bytes in
        let files = try ManifestList.decode(bytes, path: "a list")
        var numbered = files
        _ = ManifestList.assignRowIDs(&numbered, from: 0)
        return digest(files)
    }

    static let tableMetadata = ParserTarget("table-metadata") {
        var seeds: [Seed] = []
        for version in 1...3 {
            let table = try IcebergSeed.table(formatVersion: version)
            seeds.append(Seed("version-\(version)", try TableMetadataFile.encode(table)))
            if version == 2 {
                seeds.append(Seed("gzip", try TableMetadataFile.encode(table, compressed: true)))
            }
        }
        return seeds
    } parse: { bytes in
        let metadata = try TableMetadataFile.decode(bytes)
        let again = try TableMetadataFile.decode(try TableMetadataFile.encode(metadata))
        try require(again == metadata, "what is written again is another table")
        for spec in metadata.partitionSpecs { _ = metadata.partitionTypes(of: spec) }
        // As a large one, whose snapshots stay text until they are asked for.
        if bytes.first != 0x1F {
            let kept = Result { try TableMetadata(text: bytes, parsedBytesMax: 0).json }
            let isSame = if case .success(metadata.json) = kept { true } else { false }
            try require(isSame, "what stays text says something else")
        }
        return digest(metadata)
    }

    static let viewMetadata = ParserTarget("view-metadata") {
        let version = ViewVersion(
            timestampMilliseconds: 1_700_000_000_000, summary: ["engine-name": "a test"],
            representations: [.sql("SELECT 1", dialect: "spark")], defaultNamespace: ["n"])
        let view = try ViewMetadata.new(
            location: "s3://bucket/view", schema: IcebergSeed.schema(), version: version, properties: ["a": "b"],
            uuid: UUID(high: 1, low: 2), at: Timestamp(milliseconds: 1_700_000_000_000))
        return [
            Seed("plain", try ViewMetadataFile.encode(view)),
            Seed("gzip", try ViewMetadataFile.encode(view, compressed: true)),
        ]
    } parse: { bytes in
        let metadata = try ViewMetadataFile.decode(bytes)
        let again = try ViewMetadataFile.decode(try ViewMetadataFile.encode(metadata))
        try require(again == metadata, "what is written again is another view")
        _ = (metadata.currentVersion, metadata.currentSchema)
        return digest(metadata)
    }
}
