/// What callers' SQL may consist of. The syntax tree is held to these lists before anything runs; DuckDB's settings and
/// the worker process are the second and third fence.
enum SQLPolicy {
    static let queryNodes: Set<String> = ["SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"]

    /// What may stand in FROM, apart from tables and functions.
    static let tableReferences: Set<String> = [
        "BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "EMPTY_FROM", "EXPRESSION_LIST", "TABLE_FUNCTION", "SHOW_REF",
        "PIVOT",
    ]

    static let expressionClasses: Set<String> = [
        "COLUMN_REF", "CONSTANT", "FUNCTION", "COMPARISON", "CONJUNCTION", "CAST", "OPERATOR", "CASE", "BETWEEN",
        "STAR",
        "SUBQUERY", "WINDOW", "COLLATE", "LAMBDA", "LAMBDA_REF", "POSITIONAL_REFERENCE",
    ]

    /// The only functions that may stand in FROM.
    static let tableFunctions: Set<String> = ["unnest", "range", "generate_series", "json_each", "json_tree"]

    /// Functions that read files, settings or variables, run SQL of their own, or have effects.
    private static let deniedFunctions: Set<String> = [
        "glob", "query", "query_table", "getenv", "getvariable", "current_setting", "set_config", "summary",
        "which_secret",
        "json_execute_serialized_sql", "json_serialize_plan", "add_parquet_key", "write_log", "sleep_ms", "pg_sleep",
        "nextval", "currval", "setseed", "error", "stats", "checkpoint", "force_checkpoint", "current_query",
        "repeat_row",
        "test_all_types", "test_vector_types", "enable_logging", "disable_logging", "enable_profiling",
        "disable_profiling", "truncate_duckdb_logs", "in_search_path",
    ]

    private static let deniedPrefixes = [
        "read_", "write_", "duckdb_", "pragma_", "parquet_", "sniff_", "copy_", "inet_", "iceberg_", "http_",
    ]

    static func isAllowed(function name: String) -> Bool {
        let name = name.lowercased()
        return !deniedFunctions.contains(name) && !deniedPrefixes.contains(where: name.hasPrefix)
            && !name.hasSuffix("_scan")
    }
}
