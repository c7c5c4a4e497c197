import Bytes
import Clocks
import IcebergSpec
import ObjectStore
import Synchronization

/// Tables without a catalog service: each commit creates the next `metadata/v<N>.metadata.json` below the table's
/// location, only if there is none (`If-None-Match: *`). That put makes the commit durable and decides every race.
///
/// `metadata/version-hint.text` and `metadata/current` say where to begin looking; they may lag behind and are never
/// trusted: the newest version is found by probing forward. Namespaces are folders and need not be made.
public final class DirectCatalog: TableCatalog {
    private static let commitAttemptsMax = 16

    private let store: any ObjectStore
    private let bucket: BucketName
    /// Where tables lie that do not lie at `<namespace>/<table>`.
    private let locations: [TableIdentifier: ObjectKey]
    private let clock: any WallClock
    private let newestSeen = Mutex<[TableIdentifier: Int64]>([:])

    public init(
        store: any ObjectStore, bucket: BucketName, locations: [TableIdentifier: ObjectKey] = [:],
        clock: any WallClock = SystemClock()
    ) {
        self.store = store
        self.bucket = bucket
        self.locations = locations
        self.clock = clock
    }

    // MARK: - Namespaces

    public func listNamespaces(under parent: NamespaceName?) async throws(CatalogError) -> [NamespaceName] {
        let prefix = parent.map { $0.levels.map { PercentEncoding.encode($0) }.joined(separator: "/") + "/" } ?? ""
        var names: Set<NamespaceName> = []
        for folder in try await folders(below: prefix) where try await !isTable(folder: prefix + folder) {
            if let level = PercentEncoding.decode(folder) {
                names.insert(try NamespaceName((parent?.levels ?? []) + [level]))
            }
        }
        if parent == nil { names.formUnion(locations.keys.map(\.namespace).filter { $0.levels.count == 1 }) }
        return names.sorted()
    }

    /// Always true: a namespace is a folder, made by its first table.
    public func namespaceExists(_ name: NamespaceName) async throws(CatalogError) -> Bool { true }

    /// Makes nothing, since a folder needs no making.
    public func createNamespace(_ name: NamespaceName, properties: [String: String]) async throws(CatalogError) {
        guard properties.isEmpty else { throw Self.unsupported("properties of namespaces") }
    }

    public func dropNamespace(_ name: NamespaceName) async throws(CatalogError) {
        throw Self.unsupported("dropping a namespace")
    }

    // MARK: - Tables

    public func listTables(in namespace: NamespaceName) async throws(CatalogError) -> [TableIdentifier] {
        let prefix = namespace.levels.map { PercentEncoding.encode($0) }.joined(separator: "/") + "/"
        var tables: Set<TableIdentifier> = []
        for folder in try await folders(below: prefix) where try await isTable(folder: prefix + folder) {
            if let name = PercentEncoding.decode(folder) { tables.insert(try TableIdentifier(namespace, name)) }
        }
        for table in locations.keys where table.namespace == namespace {
            if try await tableExists(table) { tables.insert(table) }
        }
        return tables.sorted()
    }

    public func tableExists(_ table: TableIdentifier) async throws(CatalogError) -> Bool {
        try await newestVersion(table) > 0
    }

    public func loadTable(_ table: TableIdentifier) async throws(CatalogError) -> LoadedTable {
        let file = try await newest(table).file
        return LoadedTable(metadata: file.metadata, metadataLocation: file.location)
    }

    public func createTable(
        _ table: TableIdentifier, _ creation: TableCreation
    ) async throws(CatalogError) -> LoadedTable {
        let location = store.uri(of: ObjectLocation(bucket: bucket, key: try folder(of: table)))
        if let wanted = creation.location, wanted != location {
            throw CatalogError(.badRequest, "without a catalog service \(table) lies at \(location), not at \(wanted)")
        }
        guard try await newestVersion(table) == 0 else {
            throw CatalogError(.alreadyExists, "the table \(table) already exists")
        }
        let metadata = try creation.metadata(location: location, at: clock.now())
        guard let file = try await StoredMetadata.write(metadata, to: try uri(of: table, version: 1), in: store) else {
            throw CatalogError(.alreadyExists, "the table \(table) already exists")
        }
        await writeHints(table, version: 1)
        return LoadedTable(metadata: file.metadata, metadataLocation: file.location)
    }

    public func dropTable(_ table: TableIdentifier, purge: Bool) async throws(CatalogError) {
        throw Self.unsupported("dropping a table")
    }

    public func renameTable(
        _ source: TableIdentifier, to destination: TableIdentifier
    ) async throws(CatalogError) {
        throw Self.unsupported("renaming a table")
    }

    // MARK: - Commit

    public func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome {
        do {
            for _ in 0..<Self.commitAttemptsMax {
                let (version, base) = try await newest(table)
                for requirement in requirements { try requirement.check(against: base.metadata) }
                let metadata = try base.metadata.applying(
                    updates, at: clock.now(), previousMetadataFile: base.location)
                let location = try uri(of: table, version: version + 1)
                // This put is the commit: from here on every reader finds the new version.
                if let file = try await StoredMetadata.write(metadata, to: location, in: store) {
                    await writeHints(table, version: version + 1)
                    return .committed(LoadedTable(metadata: file.metadata, metadataLocation: file.location))
                }
            }
            return .rejected(
                CatalogError(.commitFailed, "\(table): \(Self.commitAttemptsMax) times another commit was first"))
        } catch let error as CatalogError {
            return error.code == .commitStateUnknown ? .unknown(error.message) : .rejected(error)
        } catch let error as RequirementFailure {
            return .rejected(CatalogError(.commitFailed, "\(error)"))
        } catch let error as IcebergError {
            return .rejected(CatalogError(error))
        } catch {
            return .unknown("\(error)")
        }
    }

    // MARK: - Versions

    private func newest(_ table: TableIdentifier) async throws(CatalogError) -> (version: Int64, file: StoredMetadata) {
        let version = try await newestVersion(table)
        guard version > 0 else { throw CatalogError(.noSuchTable, "there is no table \(table)") }
        return (version, try await StoredMetadata.read(try uri(of: table, version: version), from: store))
    }

    /// The newest version, from the hints forward; 0 when there is no table.
    private func newestVersion(_ table: TableIdentifier) async throws(CatalogError) -> Int64 {
        var version = newestSeen.withLock { $0[table] } ?? 0
        if version == 0 { version = try await hintedVersion(table) }
        if version > 0, try await !exists(table, version) { version = 0 }
        var step: Int64 = 1
        // Doubling steps from the known version, then bisection: versions have no gaps.
        while try await exists(table, version + step) {
            version += step
            step *= 2
        }
        var missing = version + step
        while missing - version > 1 {
            let probe = version + (missing - version) / 2
            if try await exists(table, probe) { version = probe } else { missing = probe }
        }
        let found = version
        if found > 0 { newestSeen.withLock { $0[table] = max($0[table] ?? 0, found) } }
        return found
    }

    private func hintedVersion(_ table: TableIdentifier) async throws(CatalogError) -> Int64 {
        do {
            let hint = try await store.get(try location(table, "version-hint.text"), range: nil)
            let digits = hint.bytes.prefix { (0x30...0x39).contains($0) }
            return Int64(String(decoding: digits, as: UTF8.self)) ?? 0
        } catch let error as ObjectStoreError {
            if error.code == .notFound { return 0 }
            throw CatalogError(.serviceUnavailable, error.message)
        } catch {
            throw CatalogError(.internalError, "\(error)")
        }
    }

    private func exists(_ table: TableIdentifier, _ version: Int64) async throws(CatalogError) -> Bool {
        let place = try location(table, "v\(version).metadata.json")
        do {
            return try await store.head(place) != nil
        } catch {
            throw CatalogError(.serviceUnavailable, error.message)
        }
    }

    /// Hints only shorten the search, so one that cannot be written is left as it is.
    private func writeHints(_ table: TableIdentifier, version: Int64) async {
        newestSeen.withLock { $0[table] = max($0[table] ?? 0, version) }
        let hints = [("version-hint.text", String(version)), ("current", "v\(version).metadata.json")]
        for (name, text) in hints {
            do {
                _ = try await store.put(
                    try location(table, name), Array(text.utf8), condition: .always, contentType: "text/plain")
            } catch {
                continue
            }
        }
    }

    // MARK: - Places

    private func folder(of table: TableIdentifier) throws(CatalogError) -> ObjectKey {
        if let known = locations[table] { return known }
        let segments = (table.namespace.levels + [table.name]).map { PercentEncoding.encode($0) }
        do {
            return try ObjectKey(segments.joined(separator: "/"))
        } catch {
            throw CatalogError(.badRequest, error.message)
        }
    }

    private func location(_ table: TableIdentifier, _ name: String) throws(CatalogError) -> ObjectLocation {
        let folder = try folder(of: table)
        do {
            return ObjectLocation(bucket: bucket, key: try ObjectKey("\(folder)/metadata/\(name)"))
        } catch {
            throw CatalogError(.badRequest, error.message)
        }
    }

    private func uri(of table: TableIdentifier, version: Int64) throws(CatalogError) -> String {
        store.uri(of: try location(table, "v\(version).metadata.json"))
    }

    private func isTable(folder: String) async throws(CatalogError) -> Bool {
        do {
            let key = try ObjectKey("\(folder)/metadata/v1.metadata.json")
            return try await store.head(ObjectLocation(bucket: bucket, key: key)) != nil
        } catch {
            throw CatalogError(.serviceUnavailable, error.message)
        }
    }

    /// The names of the folders directly below `prefix`, still escaped.
    private func folders(below prefix: String) async throws(CatalogError) -> [String] {
        var names: [String] = []
        var after: String?
        do {
            repeat {
                let page = try await store.list(bucket, prefix: prefix, delimiter: "/", startAfter: after, limit: 1000)
                names += page.commonPrefixes.map { String($0.dropFirst(prefix.count).dropLast()) }
                after = page.next
            } while after != nil
        } catch {
            throw CatalogError(.serviceUnavailable, error.message)
        }
        return names
    }

    private static func unsupported(_ what: String) -> CatalogError {
        CatalogError(.unsupportedOperation, "\(what) needs a catalog service")
    }
}
