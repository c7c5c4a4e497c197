import JSONFormat
import ParquetFormat

/// `parquet footer`: what the footer of a Parquet file says (parquet.thrift, `FileMetaData`).
enum FooterInspection {
    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        let parquet = try await InspectedParquet(try await invocation.file())
        let metadata = parquet.metadata
        report["created_by"] = JSONValue(metadata.createdBy)
        report["version"] = JSONValue(metadata.version)
        report["num_rows"] = JSONValue(metadata.rowCount)
        report["file size"] = JSONValue(parquet.file.size)
        report["footer size"] = JSONValue(parquet.footerSize)
        report["key_value_metadata"] = .object(
            JSONObject(metadata.keyValueMetadata.map { .init(key: $0.key, value: JSONValue($0.value)) }))
        if !metadata.columnOrders.isEmpty {
            let orders = Set(metadata.columnOrders.map(ParquetNames.order))
            report["column_orders"] = .array(orders.sorted().map { .string($0) })
        }
        report["schema"] = .array(rows(of: metadata.schema.fields, prefix: ""))
        report["row_groups"] = .array(metadata.rowGroups.map { describe($0, metadata.schema) })
    }

    // MARK: - Schema

    /// One row for each field, at all depths, with its full name.
    private static func rows(of fields: [SchemaNode], prefix: String) -> [JSONValue] {
        fields.flatMap { node -> [JSONValue] in
            let name = prefix + node.name
            switch node.content {
            case .primitive(let type): return [row(node, name, ParquetNames.physical(type))]
            case .group(let fields): return [row(node, name, "group")] + rows(of: fields, prefix: name + ".")
            }
        }
    }

    private static func row(_ node: SchemaNode, _ name: String, _ type: String) -> JSONValue {
        [
            "name": .string(name),
            "field_id": node.fieldID.map { JSONValue($0) } ?? .null,
            "repetition_type": .string(ParquetNames.repetition(node.repetition)),
            "type": .string(type),
            "logicalType": node.logicalType.map { .string(ParquetNames.logical($0)) } ?? .null,
        ]
    }

    // MARK: - Row groups

    private static func describe(_ group: RowGroupMetadata, _ schema: ParquetSchema) -> JSONValue {
        let sorting = group.sortingColumns.map { column in
            let name =
                schema.leaves.indices.contains(column.leafIndex)
                ? schema.leaves[column.leafIndex].name : "leaf \(column.leafIndex)"
            let nulls = column.nullsFirst ? "nulls first" : "nulls last"
            return JSONValue.string("\(name) \(column.isDescending ? "desc" : "asc") \(nulls)")
        }
        return [
            "num_rows": JSONValue(group.rowCount),
            "total_byte_size": JSONValue(group.totalByteSize),
            "total_compressed_size": JSONValue(group.totalCompressedSize),
            "sorting_columns": .array(sorting),
            "columns": .array(zip(group.columns, schema.leaves).map { .object(describe($0, $1)) }),
        ]
    }

    private static func describe(_ chunk: ColumnChunkMetadata, _ leaf: SchemaLeaf) -> JSONObject {
        var row = JSONObject([
            .init(key: "path_in_schema", value: .string(leaf.name)),
            .init(key: "codec", value: ParquetNames.codec(chunk.codec)),
            .init(key: "encodings", value: .array(chunk.encodings.map(ParquetNames.encoding))),
            .init(key: "offset", value: JSONValue(chunk.startOffset)),
            .init(key: "dictionary", value: .bool((chunk.dictionaryPageOffset ?? 0) > 0)),
            .init(key: "num_values", value: JSONValue(chunk.valueCount)),
            .init(key: "total_compressed_size", value: JSONValue(chunk.totalCompressedSize)),
            .init(key: "total_uncompressed_size", value: JSONValue(chunk.totalUncompressedSize)),
            .init(key: "null_count", value: JSONValue(chunk.statistics?.nullCount)),
            .init(key: "distinct_count", value: JSONValue(chunk.statistics?.distinctCount)),
            .init(key: "min_value", value: ParquetBound.describe(chunk.statistics?.min, of: leaf, isMaximum: false)),
            .init(key: "max_value", value: ParquetBound.describe(chunk.statistics?.max, of: leaf, isMaximum: true)),
            .init(key: "column_index_offset", value: JSONValue(chunk.columnIndexOffset)),
            .init(key: "offset_index_offset", value: JSONValue(chunk.offsetIndexOffset)),
        ])
        if let count = chunk.statistics?.nanCount { row["nan_count"] = JSONValue(count) }
        if let offset = chunk.bloomFilterOffset {
            row["bloom_filter_offset"] = JSONValue(offset)
            row["bloom_filter_length"] = JSONValue(chunk.bloomFilterLength.map { Int($0) })
        }
        if !chunk.keyValueMetadata.isEmpty {
            row["key_value_metadata"] = .array(
                chunk.keyValueMetadata.map { .string($0.key + ($0.value.map { "=\($0)" } ?? "")) })
        }
        return row
    }
}
