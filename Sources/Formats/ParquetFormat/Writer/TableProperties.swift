extension ParquetWriterOptions {
    /// As the properties `write.parquet.…` of an Iceberg table say, where they are given
    /// (https://iceberg.apache.org/docs/latest/configuration/#write-properties):
    ///
    /// - `compression-codec`: zstd, snappy, gzip, brotli, lz4, uncompressed; `compression-level`, cut to what the codec has;
    /// - `row-group-size-bytes`, `page-size-bytes`, `page-row-limit`, `dict-size-bytes`;
    /// - `bloom-filter-enabled.column.X`, `bloom-filter-fpp.column.X`, `bloom-filter-ndv.column.X`,
    ///   `bloom-filter-max-bytes`, where X is what the table calls the column.
    ///
    /// - Throws: `.invalidArgument` at the property, for a codec that does not exist or a value that is no number in
    ///   range.
    public init(tableProperties properties: [String: String]) throws(ParquetError) {
        self.init()
        let reader = TablePropertyReader(properties: properties)
        codec = try reader.codec() ?? codec
        rowGroupBytes = try reader.positive("row-group-size-bytes") ?? rowGroupBytes
        pageBytes = try reader.positive("page-size-bytes") ?? pageBytes
        pageRows = try reader.positive("page-row-limit") ?? pageRows
        dictionaryBytesMax = try reader.positive("dict-size-bytes") ?? dictionaryBytesMax
        for (column, filter) in try reader.bloomFilters() {
            columns[column] = ParquetColumnOptions(bloomFilter: filter)
        }
    }
}

private struct TablePropertyReader {
    private static let prefix = "write.parquet."
    let properties: [String: String]

    private func text(_ name: String) -> String? { properties[Self.prefix + name] }

    private func invalid(_ name: String, _ allowed: String) -> ParquetError {
        ParquetError(
            .invalidArgument, at: "table property \(Self.prefix)\(name)",
            "\"\((text(name) ?? "").prefix(40))\"; allowed is \(allowed)")
    }

    func positive(_ name: String) throws(ParquetError) -> Int? {
        guard let text = text(name) else { return nil }
        guard let value = Int(text), value > 0 else { throw invalid(name, "a number above 0") }
        return value
    }

    func codec() throws(ParquetError) -> ParquetCodec? {
        let name = "compression-level"
        var level: Int32?
        if let text = text(name) {
            guard let number = Int32(text) else { throw invalid(name, "a number") }
            level = number
        }
        switch text("compression-codec")?.lowercased() {
        case nil: return level.map { .zstd(level: cut($0, .zstd(level: 1))) }
        case "zstd": return .zstd(level: level.map { cut($0, .zstd(level: 1)) } ?? 1)
        case "gzip": return .gzip(level: level.map { cut($0, .gzip(level: 6)) } ?? 6)
        case "brotli": return .brotli(level: level.map { cut($0, .brotli(level: 1)) } ?? 1)
        case "snappy": return .snappy
        case "lz4", "lz4_raw": return .lz4Raw
        case "none", "uncompressed": return .uncompressed
        default: throw invalid("compression-codec", "zstd, snappy, gzip, brotli, lz4 or uncompressed")
        }
    }

    private func cut(_ level: Int32, _ codec: ParquetCodec) -> Int32 {
        codec.levels.map { min(max(level, $0.lowerBound), $0.upperBound) } ?? level
    }

    func bloomFilters() throws(ParquetError) -> [String: ParquetBloomFilterOptions] {
        let enabled = "bloom-filter-enabled.column."
        let bytesMax = try positive("bloom-filter-max-bytes").map { min(max($0, 32), 128 << 20) }
        var filters: [String: ParquetBloomFilterOptions] = [:]
        for (key, value) in properties where key.hasPrefix(Self.prefix + enabled) && value.lowercased() == "true" {
            let column = String(key.dropFirst(Self.prefix.count + enabled.count))
            var filter = ParquetBloomFilterOptions(bytesMax: bytesMax ?? 1 << 20)
            filter.distinctValues = try positive("bloom-filter-ndv.column.\(column)")
            let rate = "bloom-filter-fpp.column.\(column)"
            if let text = text(rate) {
                guard let number = Double(text), number > 0, number < 1 else {
                    throw invalid(rate, "a number above 0 and below 1")
                }
                filter.falsePositiveRate = number
            }
            filters[column] = filter
        }
        return filters
    }
}
