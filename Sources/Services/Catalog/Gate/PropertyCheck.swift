import IcebergCatalog
import IcebergSpec

/// Table properties that engines read with every load or commit: a value they cannot parse stops all of them, from then on.
enum PropertyCheck {
    static func check(_ properties: [String: String]) throws(CatalogError) {
        for (name, value) in properties {
            if wholeNumbers.contains(name), Int64(value) == nil { throw refusal(name, value, "a whole number") }
            if let allowed = words[name], !allowed.contains(value.lowercased()) {
                throw refusal(name, value, "one of \(allowed.joined(separator: ", "))")
            }
        }
        guard let mapping = properties[NameMapping.property] else { return }
        do {
            _ = try NameMapping(text: mapping)
        } catch {
            throw refusal(NameMapping.property, mapping, "a name mapping: \(error)")
        }
    }

    private static func refusal(_ name: String, _ value: String, _ allowed: String) -> CatalogError {
        CatalogError(.badRequest, "the property \(name) is \"\(value.prefix(60))\"; engines expect \(allowed)")
    }

    private static let wholeNumbers: Set<String> = [
        "commit.retry.num-retries", "commit.retry.min-wait-ms", "commit.retry.max-wait-ms",
        "commit.retry.total-timeout-ms", "commit.status-check.num-retries", "commit.manifest.target-size-bytes",
        "commit.manifest.min-count-to-merge", "history.expire.max-snapshot-age-ms",
        "history.expire.min-snapshots-to-keep", "history.expire.max-ref-age-ms",
        "write.metadata.previous-versions-max", "write.target-file-size-bytes", "write.delete.target-file-size-bytes",
        "write.parquet.row-group-size-bytes", "write.parquet.page-size-bytes", "write.parquet.page-row-limit",
        "write.parquet.dict-size-bytes", "read.split.target-size", "read.split.planning-lookback",
        "read.split.open-file-cost",
    ]

    private static let words: [String: [String]] = [
        "write.metadata.compression-codec": ["none", "gzip"],
        "write.format.default": ["parquet", "avro", "orc"],
        "write.delete.format.default": ["parquet", "avro", "orc", "puffin"],
        "write.distribution-mode": ["none", "hash", "range"],
        "write.parquet.compression-codec": [
            "zstd", "gzip", "snappy", "lz4", "lz4_raw", "brotli", "lzo", "uncompressed", "none",
        ],
        GateLevel.property: GateLevel.allCases.map(\.rawValue),
        GateLevel.repairProperty: ["true", "false"],
    ]
}
