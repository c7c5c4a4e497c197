import IcebergCatalog
import IcebergData
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore
import ParquetFormat

extension Request {
    /// `create`: "schema" and, if there are any, "spec", "order", "properties" (`format-version` among them), as in table
    /// metadata. Ids of fields must be those a catalog assigns: from 1 on, breadth first.
    func create() async throws -> LoadedTable {
        let creation = TableCreation(
            schema: try Schema(json: try body.member("schema").value),
            partitionSpec: try body.optional("spec").map { try PartitionSpec(json: $0.value) },
            sortOrder: try body.optional("order").map { try SortOrder(json: $0.value) },
            properties: try body.optional("properties")?.stringMap() ?? [:])
        return try await catalog.createTable(table, creation)
    }

    /// `append`: "rows", objects by column name with Iceberg's JSON single values; "writer" with options beyond what the
    /// table's properties say.
    func append() async throws -> LoadedTable {
        let base = try await loadTable()
        return try await commit(Append(files: try await write(try body.member("rows"), base)), on: base)
    }

    /// `overwrite`: "rows" for those of the files that "filter" accepts whole.
    func overwrite() async throws -> LoadedTable {
        let base = try await loadTable()
        let filter = try Predicate(json: try body.member("filter").value)
        let added = try await body.optional("rows").asyncMap { try await write($0, base) } ?? []
        return try await commit(Overwrite(added: added, filter: filter), on: base)
    }

    /// `commit`: "updates" of the REST catalog protocol: schemas, specs, properties, format version.
    func commitUpdates() async throws -> LoadedTable {
        try await commit(try body.member("updates").elements().map { try TableUpdate(json: $0.value) })
    }

    // MARK: - Data files

    func write(_ rows: JSONCursor, _ base: TableMetadata) async throws -> [DataFile] {
        var writer = try TableWriter(base, options: try options(base))
        for (index, row) in try rows.elements().enumerated() {
            try writer.append(try RowValue.fields(row.value, writer.schema.fields, .names, "row \(index)"))
        }
        return try await put(try writer.finish())
    }

    func put(_ files: [WrittenFile]) async throws -> [DataFile] {
        for file in files { try await put(try store.location(of: file.file.path), file.bytes) }
        return files.map(\.file)
    }

    private func options(_ base: TableMetadata) throws -> TableWriterOptions {
        var options = try TableWriterOptions(properties: base.properties)
        guard let given = try body.optional("writer") else { return options }
        for (key, value) in try given.members() {
            switch key {
            case "sorts": options.sorts = try value.bool()
            case "row-group-rows": options.parquet.rowGroupRows = try value.integer(as: Int.self)
            case "page-rows": options.parquet.pageRows = try value.integer(as: Int.self)
            case "profile": options.parquet.profile = try value.string() == "compact" ? .compact : .compatible
            case "page-version": options.parquet.dataPageVersion = try value.integer() == 2 ? .v2 : .v1
            case "target-file-bytes": options.targetFileBytes = try value.integer(as: Int.self)
            default: throw DriverError("no writer option is called \(key)")
            }
        }
        return options
    }
}

extension Optional {
    fileprivate func asyncMap<T>(_ transform: (Wrapped) async throws -> T) async rethrows -> T? {
        guard let self else { return nil }
        return try await transform(self)
    }
}
