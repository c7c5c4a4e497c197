extension FileMetadata {
    /// The footer without its length and magic.
    func encoded() -> [UInt8] {
        var writer = ThriftWriter()
        writer.field(1, version)
        writer.schema(2, schema)
        writer.field(3, rowCount)
        writer.list(4, .structure, Array(rowGroups.enumerated())) { writer, group in
            writer.element { $0.rowGroup(group.element, ordinal: group.offset, schema.leaves) }
        }
        if !keyValueMetadata.isEmpty {
            writer.list(5, .structure, keyValueMetadata) { writer, pair in
                writer.element { pairWriter in
                    pairWriter.field(1, utf8: pair.key)
                    pairWriter.field(2, utf8: pair.value)
                }
            }
        }
        writer.field(6, utf8: createdBy)
        // TypeDefinedOrder for every leaf: readers trust min_value and max_value only then.
        writer.list(7, .structure, schema.leaves) { writer, _ in
            writer.element { order in order.structure(1) { _ in } }
        }
        writer.stop()
        return writer.bytes
    }
}

extension ThriftWriter {
    fileprivate mutating func rowGroup(_ group: RowGroupMetadata, ordinal: Int, _ leaves: [SchemaLeaf]) {
        list(1, .structure, Array(zip(group.columns, leaves))) { writer, column in
            writer.element { $0.columnChunk(column.0, column.1) }
        }
        field(2, group.totalByteSize)
        field(3, group.rowCount)
        if !group.sortingColumns.isEmpty {
            list(4, .structure, group.sortingColumns) { writer, column in
                writer.element { sorting in
                    sorting.field(1, Int32(column.leafIndex))
                    sorting.field(2, column.isDescending)
                    sorting.field(3, column.nullsFirst)
                }
            }
        }
        field(5, group.fileOffset)
        field(6, group.totalCompressedSize)
        if let ordinal = Int16(exactly: ordinal) { field(7, ordinal) }
    }

    private mutating func columnChunk(_ chunk: ColumnChunkMetadata, _ leaf: SchemaLeaf) {
        // Deprecated, and by recent agreement 0.
        field(2, Int64(0))
        structure(3) { $0.columnMetadata(chunk, leaf) }
        field(4, chunk.offsetIndexOffset)
        field(5, chunk.offsetIndexLength)
        field(6, chunk.columnIndexOffset)
        field(7, chunk.columnIndexLength)
    }

    private mutating func columnMetadata(_ chunk: ColumnChunkMetadata, _ leaf: SchemaLeaf) {
        field(1, leaf.physicalType.thriftCode)
        list(2, .int32, chunk.encodings) { $0.element($1) }
        list(3, .binary, chunk.path) { $0.element(Array($1.utf8)) }
        field(4, chunk.codec)
        field(5, chunk.valueCount)
        field(6, chunk.totalUncompressedSize)
        field(7, chunk.totalCompressedSize)
        field(9, chunk.dataPageOffset)
        field(11, chunk.dictionaryPageOffset)
        if let statistics = chunk.statistics { structure(12) { $0.statistics(statistics) } }
        list(13, .structure, chunk.encodingStatistics) { writer, entry in
            writer.element { statistics in
                statistics.field(1, entry.pageType)
                statistics.field(2, entry.encoding)
                statistics.field(3, entry.count)
            }
        }
        field(14, chunk.bloomFilterOffset)
        field(15, chunk.bloomFilterLength)
        if let sizes = chunk.sizeStatistics, !sizes.isEmpty { structure(16) { $0.sizeStatistics(sizes) } }
    }

    private mutating func sizeStatistics(_ sizes: SizeStatistics) {
        field(1, sizes.unencodedByteArrayBytes)
        if let histogram = sizes.repetitionHistogram { list(2, .int64, histogram) { $0.element($1) } }
        if let histogram = sizes.definitionHistogram { list(3, .int64, histogram) { $0.element($1) } }
    }

    private mutating func statistics(_ statistics: ColumnStatistics) {
        field(3, statistics.nullCount)
        field(4, statistics.distinctCount)
        field(5, statistics.max?.bytes)
        field(6, statistics.min?.bytes)
        field(7, statistics.max?.isExact)
        field(8, statistics.min?.isExact)
        field(9, statistics.nanCount)
    }
}
