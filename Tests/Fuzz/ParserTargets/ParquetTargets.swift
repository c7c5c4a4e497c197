import ParquetFormat

extension ParserTarget {
    private static let decodedBytesMax = 4 << 20

    /// A whole file, every column of every row group.
    static let parquet = ParserTarget("parquet") {
        try ParquetSeed.files().map { Seed($0.name, $0.bytes) }
    } parse: { bytes in
        let reader = try ParquetReader(bytes, decodedBytesMax: decodedBytesMax)
        var hasher = Hasher()
        hasher.combine(reader.schema)
        for index in reader.metadata.rowGroups.indices.prefix(8) {
            for leaf in reader.schema.leaves.indices.prefix(64) {
                hasher.combine(try reader.column(rowGroup: index, leaf: leaf))
            }
            hasher.combine(reader.metadata.rowGroups[index].rowCount)
            try readSelected(reader, rowGroup: index)
        }
        return hasher.finalize()
    }

    /// Reads rows by a predicate, which looks into statistics, page indexes and bloom filters. Damage there may be refused
    /// although the columns can be read.
    private static func readSelected(_ reader: ParquetReader, rowGroup: Int) throws {
        var tests: [ColumnPredicate] = []
        for (index, leaf) in reader.schema.leaves.enumerated().prefix(16) where leaf.maxRepetitionLevel == 0 {
            switch leaf.physicalType {
            case .int32, .int64: tests.append(.test(leaf: index, .less(.integer(2))))
            case .byteArray: tests.append(.test(leaf: index, .equal(.bytes(Array("text 1".utf8)))))
            default: tests.append(.test(leaf: index, .isNotNull))
            }
        }
        for predicate in tests + [.or(tests)] {
            do {
                let rows = try reader.read(rowGroup: rowGroup, leaves: [0], where: predicate)
                try require(rows.columns[0].rowCount == rows.rowCount, "other rows than were selected")
            } catch is ParquetError {
                continue
            }
        }
    }

    /// The Thrift structures of a footer.
    static let parquetFooter = ParserTarget("parquet-footer") {
        try ParquetSeed.files().prefix(2).map { name, bytes in
            let length = try FileMetadata.footerLength(tail: bytes.suffix(8))
            return Seed(name, Array(bytes.suffix(8 + length).dropLast(8)))
        }
    } parse: { bytes in
        let metadata = try FileMetadata(footer: bytes)
        for group in metadata.rowGroups.indices.prefix(8) {
            for leaf in metadata.schema.leaves.indices.prefix(64) {
                // Each may be refused on its own.
                do { _ = try metadata.columnChunkRange(rowGroup: group, leaf: leaf) } catch { continue }
            }
        }
        return digest(metadata)
    }

    /// The files whose column chunks `parquet-pages` replaces.
    private static let hosts: Result<[FileMetadata], any Error> = Result {
        try ParquetSeed.files().map { try ParquetReader($0.bytes).metadata }
    }

    /// The pages of one column chunk. The first byte says of which file, the second which column.
    static let parquetPages = ParserTarget("parquet-pages") {
        try ParquetSeed.files().enumerated().flatMap { index, file in
            let metadata = try ParquetReader(file.bytes).metadata
            return try metadata.schema.leaves.indices.map { leaf in
                let range = try metadata.columnChunkRange(rowGroup: 0, leaf: leaf)
                let chunk = file.bytes[Int(range.lowerBound)..<Int(range.upperBound)]
                return Seed("\(file.name)-column-\(leaf)", [UInt8(index), UInt8(leaf)] + chunk)
            }
        }
    } parse: { bytes in
        guard bytes.count >= 2 else { throw ParquetError(.corrupt, at: "file", "no pages") }
        let hosts = try hosts.get()
        let metadata = hosts[Int(bytes[0]) % hosts.count]
        let leaf = Int(bytes[1]) % metadata.schema.leaves.count
        let column = try metadata.decode(
            Array(bytes.dropFirst(2)), rowGroup: 0, leaf: leaf, decodedBytesMax: decodedBytesMax)
        try require(
            column.rowCount == Int(metadata.rowGroups[0].rowCount), "a column has other rows than its row group")
        return digest(column)
    }

    /// Page indexes and bloom filters. The first byte says which.
    static let parquetIndexes = ParserTarget("parquet-indexes") {
        guard let bytes = try ParquetSeed.files().first?.bytes else { return [] }
        var seeds: [Seed] = []
        for (leaf, column) in try ParquetReader(bytes).metadata.rowGroups[0].columns.enumerated() {
            let places: [(Int64?, Int32?)] = [
                (column.offsetIndexOffset, column.offsetIndexLength),
                (column.columnIndexOffset, column.columnIndexLength),
                (column.bloomFilterOffset, column.bloomFilterLength),
            ]
            for (kind, place) in places.enumerated() {
                guard let start = place.0, let length = place.1 else { continue }
                let range = Int(start)..<(Int(start) + Int(length))
                seeds.append(Seed("column-\(leaf)-\(kind)", [UInt8(kind)] + bytes[range]))
            }
        }
        return seeds
    } parse: { bytes in
        let content = Array(bytes.dropFirst())
        switch bytes.first {
        case 0: return digest(try OffsetIndex(content, rowCount: 12))
        case 1: return digest(try ColumnIndex(content))
        case 2:
            let filter = try BloomFilter(content)
            _ = filter.mayContain(content)
            return digest(filter)
        default: throw ParquetError(.corrupt, at: "file", "no index")
        }
    }
}
