import Configuration

/// What the query API reads from the environment.
package struct QueryConfiguration: ConfigurationSection, Sendable {
    package let namespace: String
    package let table: String
    package let limits: WorkerLimits
    package let workers: Int
    package let isTimeTravelEnabled: Bool
    package let isIntrospectionEnabled: Bool
    package let cacheDirectory: String
    package let cacheBytesMax: Int
    package let manifestCacheBytes: Int

    package init(from reader: inout ConfigurationReader) {
        namespace = reader.string(
            "ICEBERG_NAMESPACE", default: "analytics", "Namespace of tables that a query names without one.")
        table = reader.string("ICEBERG_TABLE", default: "events", "The table that `events` means in a query.")
        limits = WorkerLimits(
            rowsMax: reader.int(
                "MAX_RESULT_ROWS", in: 1...1_000_000, default: 10_000, "Rows of a result; beyond, it is truncated."),
            bytesMax: reader.bytes(
                "MAX_RESULT_BYTES", in: 1 << 10...256 << 20, default: 32 << 20,
                "Bytes of a result; beyond, it is truncated."),
            memoryBytes: reader.bytes(
                "QUERY_MEMORY_BYTES", in: 64 << 20...1 << 40, default: 1 << 30, "Memory that one query may use."),
            threads: reader.int("QUERY_THREADS", in: 1...256, default: 2, "Threads that one query may use."),
            timeoutMilliseconds: reader.duration(
                "QUERY_TIMEOUT_MS", in: 10...3_600_000, default: 30_000, "Time after which a query is killed."))
        workers = reader.int(
            "QUERY_WORKERS", in: 1...256, default: 2, "Processes that run queries, one each at a time.")
        isTimeTravelEnabled = reader.bool("ENABLE_TIME_TRAVEL", default: true, "Allow queries of past snapshots.")
        isIntrospectionEnabled = reader.bool(
            "GRAPHQL_INTROSPECTION", default: true, "Answer queries for the GraphQL schema.")
        cacheDirectory = reader.string(
            "QUERY_CACHE_DIRECTORY", default: "var/query-cache",
            "Where data files of a remote object store are kept; a directory of this worker alone.")
        cacheBytesMax = reader.bytes(
            "QUERY_CACHE_BYTES", in: 1 << 20...1 << 50, default: 10 << 30, "Bytes that the cached files may take.")
        manifestCacheBytes = reader.bytes(
            "MANIFEST_CACHE_BYTES", in: 0...1 << 40, default: 256 << 20, "Memory for manifests, which never change.")
    }
}
