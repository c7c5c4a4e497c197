extension FileMetadata {
    /// Reads the footer: the Thrift bytes without length and magic.
    ///
    /// - Throws: `.corrupt`, `.unsupported` (encryption), `.tooLarge`.
    public init(footer: [UInt8]) throws(ParquetError) {
        guard footer.count <= ParquetLimits.footerBytesMax else {
            throw ParquetError(.tooLarge, at: "footer", "\(footer.count) bytes")
        }
        let result = footer.withUnsafeBytes { bytes in
            Result { () throws(ParquetError) in try FileMetadata(bytes) }
        }
        do { self = try result.get() } catch { throw error.within("footer") }
    }

    private init(_ bytes: UnsafeRawBufferPointer) throws(ParquetError) {
        var reader = ThriftReader(bytes)
        var elements: [SchemaElement] = []
        var groups: [RowGroupFields] = []
        var (version, rows): (Int32?, Int64?)
        keyValueMetadata = []
        var orders: [ColumnOrder] = []
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch (field.id, field.kind) {
            case (1, .int32): version = try reader.int32()
            case (2, .list):
                let count = try reader.list(of: .structure)
                guard count <= ParquetLimits.schemaNodesMax else { throw reader.error(.tooLarge, "\(count) fields") }
                for _ in 0..<count { elements.append(try SchemaElement(&reader)) }
            case (3, .int64): rows = try reader.int64()
            case (4, .list):
                let count = try reader.list(of: .structure)
                guard count <= ParquetLimits.rowGroupsMax else { throw reader.error(.tooLarge, "\(count) row groups") }
                for _ in 0..<count { groups.append(try RowGroupFields(&reader)) }
            case (5, .list): keyValueMetadata = try Self.keyValues(&reader)
            case (6, .binary): createdBy = try reader.text()
            case (7, .list):
                for _ in 0..<(try reader.list(of: .structure)) { orders.append(try ColumnOrder(&reader)) }
            case (8, .structure): throw reader.error(.unsupported, "the file is encrypted")
            default: try reader.skip(field.kind)
            }
        }
        guard let rows, rows >= 0 else { throw reader.error(.corrupt, "no row count") }
        self.version = version ?? 1
        rowCount = rows
        var tree = SchemaTreeReader(elements)
        let schema = try tree.schema()
        self.schema = schema
        columnOrders = orders.count == schema.leaves.count ? orders : []
        rowGroups = []
        for (index, group) in groups.enumerated() {
            do { rowGroups.append(try group.checked(schema, columnOrders)) } catch {
                throw error.within("row group \(index)")
            }
        }
    }

    fileprivate static func keyValues(_ reader: inout ThriftReader) throws(ParquetError) -> [ParquetKeyValue] {
        var pairs: [ParquetKeyValue] = []
        for _ in 0..<(try reader.list(of: .structure)) {
            var pair = ParquetKeyValue(key: "", value: nil)
            var frame = try reader.begin()
            while let field = try reader.next(&frame) {
                switch (field.id, field.kind) {
                case (1, .binary): pair.key = try reader.text()
                case (2, .binary): pair.value = try reader.text()
                default: try reader.skip(field.kind)
                }
            }
            pairs.append(pair)
        }
        return pairs
    }
}

/// A row group as it was read, before it is held against the schema.
private struct RowGroupFields {
    var columns: [ColumnChunkFields] = []
    var totalByteSize: Int64 = 0
    var rowCount: Int64 = -1
    var sortingColumns: [SortingColumn] = []
    var fileOffset: Int64?
    var totalCompressedSize: Int64?

    init(_ reader: inout ThriftReader) throws(ParquetError) {
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch (field.id, field.kind) {
            case (1, .list):
                for _ in 0..<(try reader.list(of: .structure)) { columns.append(try ColumnChunkFields(&reader)) }
            case (2, .int64): totalByteSize = try reader.int64()
            case (3, .int64): rowCount = try reader.int64()
            case (4, .list):
                for _ in 0..<(try reader.list(of: .structure)) {
                    sortingColumns.append(try Self.sortingColumn(&reader))
                }
            case (5, .int64): fileOffset = try reader.int64()
            case (6, .int64): totalCompressedSize = try reader.int64()
            default: try reader.skip(field.kind)
            }
        }
    }

    private static func sortingColumn(_ reader: inout ThriftReader) throws(ParquetError) -> SortingColumn {
        var column = SortingColumn(leafIndex: -1, isDescending: false, nullsFirst: false)
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch (field.id, field.kind) {
            case (1, .int32): column.leafIndex = Int(try reader.int32())
            case (2, .yes): column.isDescending = true
            case (3, .yes): column.nullsFirst = true
            default: try reader.skip(field.kind)
            }
        }
        return column
    }

    func checked(_ schema: ParquetSchema, _ orders: [ColumnOrder]) throws(ParquetError) -> RowGroupMetadata {
        guard rowCount >= 0 else { throw ParquetError(.corrupt, at: "", "no row count") }
        guard columns.count == schema.leaves.count else {
            throw ParquetError(.corrupt, at: "", "\(columns.count) columns for \(schema.leaves.count) leaves")
        }
        var checked: [ColumnChunkMetadata] = []
        for (leaf, column) in zip(schema.leaves, columns) {
            let order = orders.isEmpty ? nil : orders[leaf.index]
            do { checked.append(try column.checked(leaf, order)) } catch { throw error.within("column \(leaf.name)") }
        }
        return RowGroupMetadata(
            columns: checked, totalByteSize: totalByteSize, rowCount: rowCount, sortingColumns: sortingColumns,
            fileOffset: fileOffset, totalCompressedSize: totalCompressedSize)
    }
}

/// A column chunk as it was read.
private struct ColumnChunkFields {
    var type: Int32 = -1
    var hasMetadata = false
    var isEncrypted = false
    var filePath: String?
    var statistics: StatisticsFields?
    var metadata = ColumnChunkMetadata(
        path: [], encodings: [], codec: -1, valueCount: -1, totalUncompressedSize: 0, totalCompressedSize: -1,
        dataPageOffset: -1)

    init(_ reader: inout ThriftReader) throws(ParquetError) {
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch (field.id, field.kind) {
            case (1, .binary): filePath = try reader.text()
            case (3, .structure):
                try readMetadata(&reader)
                // Early, so that a list of nearly empty structures cannot take far more memory than it has bytes.
                guard type >= 0, !metadata.path.isEmpty else { throw reader.error(.corrupt, "no type or path") }
            case (4, .int64): metadata.offsetIndexOffset = try reader.int64()
            case (5, .int32): metadata.offsetIndexLength = try reader.int32()
            case (6, .int64): metadata.columnIndexOffset = try reader.int64()
            case (7, .int32): metadata.columnIndexLength = try reader.int32()
            case (8, .structure):
                isEncrypted = true
                try reader.skip(.structure)
            default: try reader.skip(field.kind)
            }
        }
    }

    private mutating func readMetadata(_ reader: inout ThriftReader) throws(ParquetError) {
        hasMetadata = true
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch (field.id, field.kind) {
            case (1, .int32): type = try reader.int32()
            case (2, .list):
                for _ in 0..<(try reader.list(of: .int32)) { metadata.encodings.append(try reader.int32()) }
            case (3, .list):
                for _ in 0..<(try reader.list(of: .binary)) { metadata.path.append(try reader.text()) }
            case (4, .int32): metadata.codec = try reader.int32()
            case (5, .int64): metadata.valueCount = try reader.int64()
            case (6, .int64): metadata.totalUncompressedSize = try reader.int64()
            case (7, .int64): metadata.totalCompressedSize = try reader.int64()
            case (8, .list): metadata.keyValueMetadata = try FileMetadata.keyValues(&reader)
            case (9, .int64): metadata.dataPageOffset = try reader.int64()
            case (11, .int64): metadata.dictionaryPageOffset = try reader.int64()
            case (12, .structure): statistics = try StatisticsFields(&reader)
            case (14, .int64): metadata.bloomFilterOffset = try reader.int64()
            case (15, .int32): metadata.bloomFilterLength = try reader.int32()
            default: try reader.skip(field.kind)
            }
        }
    }

    func checked(_ leaf: SchemaLeaf, _ order: ColumnOrder?) throws(ParquetError) -> ColumnChunkMetadata {
        guard !isEncrypted else { throw ParquetError(.unsupported, at: "", "the column is encrypted") }
        guard filePath == nil else { throw ParquetError(.unsupported, at: "", "the column lies in another file") }
        guard hasMetadata else { throw ParquetError(.corrupt, at: "", "no metadata") }
        guard type == leaf.physicalType.thriftCode else {
            throw ParquetError(.corrupt, at: "", "type \(type) where the schema has \(leaf.physicalType)")
        }
        guard metadata.valueCount >= 0, metadata.totalCompressedSize >= 0, metadata.dataPageOffset >= 0,
            metadata.totalUncompressedSize >= 0
        else { throw ParquetError(.corrupt, at: "", "a count, size or offset is missing or negative") }
        var metadata = metadata
        metadata.statistics = statistics?.checked(leaf, order)
        return metadata
    }
}

/// `Statistics` as it was read.
private struct StatisticsFields {
    var nullCount: Int64?
    var distinctCount: Int64?
    var (oldMin, oldMax): ([UInt8]?, [UInt8]?)
    var (min, max): ([UInt8]?, [UInt8]?)
    var (isMinExact, isMaxExact) = (true, true)
    var nanCount: Int64?

    init(_ reader: inout ThriftReader) throws(ParquetError) {
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch (field.id, field.kind) {
            case (1, .binary): oldMax = try reader.binary()
            case (2, .binary): oldMin = try reader.binary()
            case (3, .int64): nullCount = try reader.int64()
            case (4, .int64): distinctCount = try reader.int64()
            case (5, .binary): max = try reader.binary()
            case (6, .binary): min = try reader.binary()
            case (7, .no): isMaxExact = false
            case (8, .no): isMinExact = false
            case (9, .int64): nanCount = try reader.int64()
            default: try reader.skip(field.kind)
            }
        }
    }

    /// Bounds that can be trusted: in an order that is known, of the right width, no NaN, and the deprecated pair only
    /// where its order was right.
    func checked(_ leaf: SchemaLeaf, _ columnOrder: ColumnOrder?) -> ColumnStatistics {
        let order = ValueOrder(leaf)
        var (low, high) = (min, max)
        if low == nil && high == nil && order == .signed { (low, high) = (oldMin, oldMax) }
        func usable(_ bytes: [UInt8]?, _ isExact: Bool) -> ColumnBound? {
            guard let bytes, ColumnBound.isUsable(bytes, leaf, columnOrder) else { return nil }
            return ColumnBound(bytes: bytes, isExact: isExact)
        }
        return ColumnStatistics(
            nullCount: nullCount.flatMap { $0 >= 0 ? $0 : nil }, distinctCount: distinctCount,
            min: usable(low, isMinExact), max: usable(high, isMaxExact),
            nanCount: nanCount.flatMap { $0 >= 0 ? $0 : nil })
    }
}

extension ColumnBound {
    /// Whether these bytes of a file can be a bound of the leaf's values.
    static func isUsable(_ bytes: [UInt8], _ leaf: SchemaLeaf, _ columnOrder: ColumnOrder?) -> Bool {
        let order = ValueOrder(leaf)
        switch columnOrder {
        case .typeDefined, .ieee754Total: break
        case .unknown: return false
        // Without a stated order only that of signed numbers is beyond doubt.
        case nil: guard order == .signed else { return false }
        }
        guard order != .undefined else { return false }
        switch leaf.physicalType {
        case .boolean: return bytes.count == 1
        case .float: return bytes.count == 4 && !bytes.withUnsafeBytes { $0.loadUnaligned(as: Float.self).isNaN }
        case .double: return bytes.count == 8 && !bytes.withUnsafeBytes { $0.loadUnaligned(as: Double.self).isNaN }
        case .byteArray: return true
        case .int32, .int64, .int96, .fixedLengthByteArray: return bytes.count == leaf.physicalType.plainWidth
        }
    }
}

extension ColumnOrder {
    fileprivate init(_ reader: inout ThriftReader) throws(ParquetError) {
        self = .unknown
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch field.id {
            case 1: self = .typeDefined
            case 2: self = .ieee754Total
            default: self = .unknown
            }
            try reader.skip(field.kind)
        }
    }
}
