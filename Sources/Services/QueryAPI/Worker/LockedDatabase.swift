import DuckDB

/// A database that reads the files it was given and nothing else.
enum LockedDatabase {
    /// Opens it, locks it, then makes the views. Order matters: every setting must stand before `lock_configuration`,
    /// the paths before `enable_external_access`, and a temporary directory would become an allowed one.
    static func open(_ request: WorkerRequest) throws(DuckDBError) -> DuckDBConnection {
        let connection = try DuckDBConnection(settings: [
            "threads": String(max(1, request.limits.threads)), "memory_limit": "\(request.limits.memoryBytes / 1000)KB",
            "temp_directory": "", "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
        ])
        for statement in lockDown(paths: request.paths) { try connection.execute(statement) }
        for statement in request.setup { try connection.execute(statement) }
        return connection
    }

    static func lockDown(paths: [String]) -> [String] {
        let list = paths.map { DuckDBConnection.quoted(string: $0) }.joined(separator: ", ")
        return [
            "SET TimeZone = 'UTC'",
            "SET extension_directory = '/nonexistent'",
            "SET allow_community_extensions = false",
            "SET allow_persistent_secrets = false",
            "SET max_expression_depth = 250",
            "SET allowed_paths = [\(list)]",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ]
    }
}
