import Bytes
import JSONFormat
import ParquetFormat

enum ParquetInspection {
    static func describe(_ bytes: [UInt8]) throws -> JSONValue {
        let metadata = try ParquetReader(bytes).metadata
        let pairs = metadata.keyValueMetadata.map {
            JSONObject.Member(key: $0.key, value: $0.value.map { .string($0) } ?? .null)
        }
        return [
            "created by": metadata.createdBy.map { .string($0) } ?? .null,
            "format version": JSONValue(metadata.version),
            "bytes": JSONValue(bytes.count),
            "rows": JSONValue(metadata.rowCount),
            "key-value metadata": .object(JSONObject(pairs)),
            "columns": .array(metadata.schema.leaves.map(describe)),
            "row groups": .array(metadata.rowGroups.map(describe)),
        ]
    }

    private static func describe(_ leaf: SchemaLeaf) -> JSONValue {
        [
            "name": .string(leaf.name),
            "field id": leaf.fieldID.map { JSONValue($0) } ?? .null,
            "physical type": .string("\(leaf.physicalType)"),
            "logical type": leaf.logicalType.map { .string("\($0)") } ?? .null,
            "max definition level": JSONValue(Int(leaf.maxDefinitionLevel)),
            "max repetition level": JSONValue(Int(leaf.maxRepetitionLevel)),
        ]
    }

    private static func describe(_ group: RowGroupMetadata) -> JSONValue {
        [
            "rows": JSONValue(group.rowCount),
            "bytes": JSONValue(group.totalByteSize),
            "sorted by": .array(group.sortingColumns.map { .string("\($0)") }),
            "column chunks": .array(group.columns.map(describe)),
        ]
    }

    private static func describe(_ chunk: ColumnChunkMetadata) -> JSONValue {
        [
            "path": .string(chunk.path.joined(separator: ".")),
            "codec": JSONValue(chunk.codec),
            "encodings": .array(chunk.encodings.map { JSONValue($0) }),
            "offset": JSONValue(chunk.startOffset),
            "values": JSONValue(chunk.valueCount),
            "compressed": JSONValue(chunk.totalCompressedSize),
            "uncompressed": JSONValue(chunk.totalUncompressedSize),
            "nulls": chunk.statistics?.nullCount.map { JSONValue($0) } ?? .null,
            "min": chunk.statistics?.min.map { BytesRendering.describe($0.bytes) } ?? .null,
            "max": chunk.statistics?.max.map { BytesRendering.describe($0.bytes) } ?? .null,
            "page index": .bool(chunk.columnIndexOffset != nil),
        ]
    }
}

/// Raw bytes: as text when they are printable ASCII, as hexadecimal otherwise.
enum BytesRendering {
    static func describe(_ bytes: some Collection<UInt8>) -> JSONValue {
        let isText = !bytes.isEmpty && bytes.allSatisfy { (0x20...0x7E).contains($0) }
        return .string(isText ? String(decoding: bytes, as: UTF8.self) : "0x\(Hexadecimal.encode(bytes))")
    }
}
