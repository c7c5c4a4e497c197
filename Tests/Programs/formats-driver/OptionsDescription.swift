import JSONFormat
import ParquetFormat

/// Writer options as JSON, all of them optional. "encoding" and "bloom-filters" hold for every leaf that they fit.
enum OptionsDescription {
    static func read(_ description: JSONCursor, _ schema: ParquetSchema) throws -> ParquetWriterOptions {
        var options = ParquetWriterOptions()
        guard let cursor = try description.optional("options") else { return options }
        for (key, value) in try cursor.members() {
            switch key {
            case "codec":
                options.codec = try codec(value.string(), level: cursor.optional("level")?.integer(as: Int32.self))
            case "level": break
            case "row-group-rows": options.rowGroupRows = try value.integer(as: Int.self)
            case "row-group-bytes": options.rowGroupBytes = try value.integer(as: Int.self)
            case "page-bytes": options.pageBytes = try value.integer(as: Int.self)
            case "page-rows": options.pageRows = try value.integer(as: Int.self)
            case "dictionary": options.dictionary = try value.bool()
            case "dictionary-bytes": options.dictionaryBytesMax = try value.integer(as: Int.self)
            case "page-index": options.pageIndex = try value.bool()
            case "page-checksums": options.pageChecksums = try value.bool()
            case "size-statistics": options.sizeStatistics = try value.bool()
            case "profile": options.profile = try value.string() == "compact" ? .compact : .compatible
            case "page-version": options.dataPageVersion = try value.integer() == 2 ? .v2 : .v1
            case "encoding":
                let encoding = try encoding(value.string())
                for leaf in schema.leaves where encoding.fits(leaf.physicalType) {
                    options.columns[leaf.name, default: ParquetColumnOptions()].encoding = encoding
                }
            case "bloom-filters":
                for leaf in schema.leaves where leaf.physicalType != .boolean {
                    options.columns[leaf.name, default: ParquetColumnOptions()].bloomFilter =
                        try value.bool()
                        ? ParquetBloomFilterOptions() : nil
                }
            case "created-by": options.createdBy = try value.string()
            case "key-value":
                options.keyValueMetadata = try value.stringMap().sorted { $0.key < $1.key }
                    .map { ParquetKeyValue(key: $0.key, value: $0.value) }
            default: throw DriverError("no option is called \(key)")
            }
        }
        return options
    }

    private static func codec(_ name: String, level: Int32?) throws -> ParquetCodec {
        switch name {
        case "none": .uncompressed
        case "snappy": .snappy
        case "gzip": .gzip(level: level ?? 6)
        case "zstd": .zstd(level: level ?? 1)
        case "lz4_raw": .lz4Raw
        case "brotli": .brotli(level: level ?? 5)
        default: throw DriverError("no codec is called \(name)")
        }
    }

    private static func encoding(_ name: String) throws -> ParquetEncoding {
        guard let encoding = ParquetEncoding.allCases.first(where: { "\($0)" == name }) else {
            throw DriverError("no encoding is called \(name)")
        }
        return encoding
    }
}
