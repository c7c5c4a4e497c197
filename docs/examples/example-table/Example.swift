import Clocks
import Glibc
import IcebergCatalog
import IcebergData
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore

/// A table from nothing, with the library alone: `swift run example-table /tmp/warehouse`.
@main struct Example {
    static func main() async {
        do {
            try await run(in: CommandLine.arguments.dropFirst().first ?? "/tmp/example-warehouse")
        } catch {
            print("example-table: \(error)")
            exit(1)
        }
    }

    private static func run(in folder: String) async throws {
        var sales = try await SalesTable(folder)
        try await sales.append([
            #"{"id": 1, "at": "2026-03-01T09:00:00Z", "item": "apple", "price": "1.20"}"#,
            #"{"id": 2, "at": "2026-03-01T10:30:00Z", "item": "pear", "price": "0.90"}"#,
            #"{"id": 3, "at": "2026-03-02T08:15:00Z", "item": "plum", "price": "2.50"}"#,
        ])
        let first = sales.table.currentSnapshotID
        try await sales.delete(where: .equal("item", .string("pear")))
        try await sales.rename("price", to: "amount", adding: "note")
        try await sales.append([
            #"{"id": 4, "at": "2026-03-02T11:00:00Z", "item": "apple", "amount": "1.30", "note": "the last one"}"#
        ])
        try await sales.print("now", .current)
        try await sales.print("before the delete", first.map { .snapshot($0) } ?? .current)
        try await sales.print(
            "apples since March 2", .current,
            .and([
                .equal("item", .string("apple")), .atLeast("at", .string("2026-03-02T00:00:00Z")),
            ]))
    }
}

/// Sales by day, in files below a local directory. Commits go to the directory itself: there is no catalog service.
struct SalesTable {
    private let store: any ObjectStore
    private let catalog: DirectCatalog
    private let loader: ManifestLoader
    private let name: TableIdentifier
    /// The table as the last commit left it.
    private(set) var table: TableMetadata

    /// Creates the table; it must not be there yet.
    init(_ folder: String) async throws {
        store = try LocalObjectStore(root: folder)
        catalog = DirectCatalog(store: store, bucket: try BucketName("warehouse"))
        loader = ManifestLoader(store: store)
        name = try TableIdentifier(dotted: "shop.sales")
        let schema = try Schema(fields: [
            .required(1, "id", .long), .required(2, "at", .timestamptz), .optional(3, "item", .string),
            .optional(4, "price", .decimal(precision: 9, scale: 2)),
        ])
        let byDay = PartitionSpec(fields: [PartitionField(sourceID: 2, fieldID: 1000, name: "day", transform: .day)])
        table = try await catalog.createTable(name, TableCreation(schema: schema, partitionSpec: byDay)).metadata
    }

    /// Rows become data files, the files one snapshot.
    mutating func append(_ rows: [String]) async throws {
        var writer = try TableWriter(table, options: TableWriterOptions(properties: table.properties))
        for row in rows {
            try writer.append(RowValue.fields(try JSONValue.parse(row), table.currentSchema.fields, .names, row))
        }
        let files = try writer.finish()
        try await put(files)
        try await commit(Append(files: files.map(\.file)))
    }

    /// Finds the rows by reading them, and writes down file and position of each: data files stay as they are.
    mutating func delete(where predicate: Predicate) async throws {
        let scan = TableScan(table, loader: loader, columns: ["_file", "_pos"], predicate: predicate)
        let plan = try await scan.plan()
        var deletes: [[Datum?]: PositionDeleteFile] = [:]
        for try await batch in scan.batches(of: plan) {
            for row in 0..<batch.rowCount {
                guard let path = batch.columns[0].datum(at: row)?.string,
                    let position = batch.columns[1].datum(at: row)?.integer,
                    let file = plan.files.first(where: { $0.file.path == path })?.file
                else { continue }
                deletes[
                    file.partition, default: PositionDeleteFile(spec: table.defaultSpec, partition: file.partition)
                ].delete(position, in: path)
            }
        }
        var places = FilePlaces(table)
        let files = try deletes.values.map { try $0.encode(places: &places) }
        try await put(files)
        // Refused when somebody else has changed such rows since they were read.
        let checks = ConflictChecks(startingSnapshotID: table.currentSnapshotID, filter: predicate)
        try await commit(RowDelta(addedDeletes: files.map(\.file), checks: checks))
    }

    /// A new schema; files that are there keep the old one and are read as the new one says.
    mutating func rename(_ column: String, to newName: String, adding added: String) async throws {
        var columns = SchemaUpdate(table)
        try columns.rename(column, to: newName)
        try columns.add(added, .string)
        let change = try TableChange.schema(columns, on: table)
        try await commit(change.updates, change.requirements)
    }

    func print(_ title: String, _ target: ScanTarget, _ predicate: Predicate? = nil) async throws {
        Swift.print("\(title):")
        for try await batch in TableScan(table, loader: loader, predicate: predicate, target: target).batches() {
            var lines: [UInt8] = []
            batch.appendJSONLines(to: &lines)
            Swift.print(String(decoding: lines, as: UTF8.self), terminator: "")
        }
    }

    private func put(_ files: [WrittenFile]) async throws {
        for file in files {
            let place = try store.location(of: file.file.path)
            _ = try await store.put(place, file.bytes, condition: .ifAbsent, contentType: nil)
        }
    }

    private mutating func commit(_ operation: some TableOperation) async throws {
        let commit = try await operation.prepare(base: table, loader: loader)
        for object in commit.objects {
            _ = try await store.put(object.location, object.bytes, condition: .ifAbsent, contentType: nil)
        }
        try await self.commit(commit.updates, commit.requirements)
    }

    private mutating func commit(_ updates: [TableUpdate], _ requirements: [TableRequirement]) async throws {
        switch await catalog.commit(name, requirements: requirements, updates: updates) {
        case .committed(let loaded): table = loaded.metadata
        // Another commit was first: load the table, prepare on top of it and try again.
        case .rejected(let error): throw error
        // It may have happened: load the table and look for the snapshot; delete nothing.
        case .unknown(let message): throw CatalogError(.commitStateUnknown, message)
        }
    }
}
