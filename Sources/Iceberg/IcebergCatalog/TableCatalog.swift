import IcebergSpec

/// A catalog of Iceberg tables: a REST service (`RESTCatalog`) or the bucket itself (`DirectCatalog`).
///
/// A mutation that throws `.commitStateUnknown` may have taken place; every other error says that it did not.
public protocol TableCatalog: Sendable {
    /// The namespaces directly under `parent`, or at the top, sorted.
    func listNamespaces(under parent: NamespaceName?) async throws(CatalogError) -> [NamespaceName]
    func namespaceExists(_ name: NamespaceName) async throws(CatalogError) -> Bool
    /// - Throws: `.alreadyExists` when there is one of that name.
    func createNamespace(_ name: NamespaceName, properties: [String: String]) async throws(CatalogError)
    func dropNamespace(_ name: NamespaceName) async throws(CatalogError)

    /// The tables directly in `namespace`, sorted.
    func listTables(in namespace: NamespaceName) async throws(CatalogError) -> [TableIdentifier]
    func tableExists(_ table: TableIdentifier) async throws(CatalogError) -> Bool
    /// The table as it is now.
    ///
    /// - Throws: `.noSuchTable`, `.noSuchNamespace`.
    func loadTable(_ table: TableIdentifier) async throws(CatalogError) -> LoadedTable
    /// Creates a table; field ids of the schema may be assigned anew, so use those of the returned metadata.
    ///
    /// - Throws: `.alreadyExists`, `.noSuchNamespace`.
    func createTable(_ table: TableIdentifier, _ creation: TableCreation) async throws(CatalogError) -> LoadedTable
    func dropTable(_ table: TableIdentifier, purge: Bool) async throws(CatalogError)
    func renameTable(_ source: TableIdentifier, to destination: TableIdentifier) async throws(CatalogError)

    /// Applies `updates` in one step if every requirement holds at that moment.
    ///
    /// Never retries on its own. After `.unknown`, load and look; delete nothing.
    func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome
}

/// What became of a commit. Three, because an answer can get lost.
public enum CommitOutcome: Sendable {
    /// It took place; the table after it (or after a later commit).
    case committed(LoadedTable)
    /// It certainly did not take place.
    case rejected(CatalogError)
    /// It may or may not have taken place, now or a little later.
    case unknown(String)
}

/// A table's state as a catalog hands it out.
public struct LoadedTable: Sendable {
    public let metadata: TableMetadata
    /// Where the metadata file lies; nil for a table that is only staged.
    public let metadataLocation: String?
    /// What the catalog adds for clients: settings and credentials of the object store.
    public let config: [String: String]
    /// Credentials by prefix, which go before those in `config`.
    public let credentials: [StorageCredential]

    public init(
        metadata: TableMetadata, metadataLocation: String?, config: [String: String] = [:],
        credentials: [StorageCredential] = []
    ) {
        self.metadata = metadata
        self.metadataLocation = metadataLocation
        self.config = config
        self.credentials = credentials
    }
}

/// What a new table is to be.
public struct TableCreation: Sendable {
    public var schema: Schema
    public var partitionSpec: UnboundPartitionSpec?
    public var sortOrder: SortOrder?
    /// nil: the catalog chooses.
    public var location: String?
    public var properties: [String: String]

    public init(
        schema: Schema, partitionSpec: PartitionSpec? = nil, sortOrder: SortOrder? = nil, location: String? = nil,
        properties: [String: String] = [:]
    ) {
        self.schema = schema
        self.partitionSpec = partitionSpec.map { UnboundPartitionSpec($0) }
        self.sortOrder = sortOrder
        self.location = location
        self.properties = properties
    }
}
