import IcebergCatalog
import IcebergSpec

/// Table properties that engines read with every load or commit: a value they cannot parse stops all of them, from then on.
enum PropertyCheck {
    static func check(_ properties: [String: String]) throws(CatalogError) {
        for (name, value) in properties {
            if let least = wholeNumbers[name] {
                guard let number = Int64(value), number >= least else {
                    throw refusal(name, value, "a whole number from \(least) to \(Int64.max)")
                }
            }
            if let allowed = words[name], !allowed.contains(value.lowercased()) {
                throw refusal(name, value, "one of \(allowed.joined(separator: ", "))")
            }
        }
        do throws(IcebergError) {
            _ = try SnapshotThinning(properties: properties)
        } catch {
            throw CatalogError(.badRequest, "the property \(error.message)")
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

    /// The least value of each.
    private static let wholeNumbers: [String: Int64] = [
        "commit.retry.num-retries": 0, "commit.retry.min-wait-ms": 0, "commit.retry.max-wait-ms": 0,
        "commit.retry.total-timeout-ms": 0, "commit.status-check.num-retries": 0,
        "commit.manifest.target-size-bytes": 1, "commit.manifest.min-count-to-merge": 0,
        "history.expire.max-snapshot-age-ms": 0, "history.expire.min-snapshots-to-keep": 1,
        "history.expire.max-ref-age-ms": 0, "write.metadata.previous-versions-max": 1,
        "write.target-file-size-bytes": 1, "write.delete.target-file-size-bytes": 1,
        "write.parquet.row-group-size-bytes": 1, "write.parquet.page-size-bytes": 1,
        "write.parquet.page-row-limit": 1, "write.parquet.dict-size-bytes": 0, "read.split.target-size": 1,
        "read.split.planning-lookback": 1, "read.split.open-file-cost": 0,
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
