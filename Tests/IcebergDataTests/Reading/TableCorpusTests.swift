import Foundation
import IcebergData
import IcebergSpec
import IcebergTable
import JSONFormat
import Testing

/// Reads every open table of the corpus as its engines wrote it: from Spark, Flink, Trino, Hive, Impala and others.
@Suite struct `Tables of other engines` {
    /// Tables of Parquet files that are not read, and why.
    static let refused: [String: DataError.Code] = [
        // The maps of its manifests are arrays of nullable records with nullable keys; its manifests have no snapshot ids.
        "duckdb-iceberg/big_query_error": .malformed
    ]

    @Test(.enabled(if: TableCorpus.root != nil, "\(TableCorpus.missing)"))
    func `give the rows that other readers agree on`() async throws {
        var compared = 0
        var counted = 0
        var onlyRead = 0
        var refusals: [String] = []
        for entry in try TableCorpus.entries() where entry.isComplete {
            do {
                let table = try await Self.read(entry)
                #expect(Self.refused[entry.table] == nil && !entry.formats.contains("orc"), "\(entry.table) is read")
                guard let expected = entry.expected else {
                    onlyRead += 1
                    continue
                }
                let golden = try TableCorpus.json(expected)
                let rowCount = golden["row_count"]?.integer
                #expect(Int64(table.rows.count) == rowCount, "\(entry.table): the number of rows")
                guard let rows = golden["rows_sorted"]?.array, Int64(rows.count) == rowCount else {
                    counted += 1
                    continue
                }
                compared += 1
                Self.compare(table, rows, golden, entry.table)
            } catch let error as DataError {
                refusals.append(entry.table)
                #expect(
                    error.code == (entry.formats.contains("orc") ? .unsupported : Self.refused[entry.table]),
                    "\(entry.table): \(error)")
                #expect(!entry.formats.contains("orc") || error.message.contains("ORC"), "\(entry.table): \(error)")
            }
        }
        #expect(compared == 45)
        #expect(counted == 5)
        #expect(onlyRead == 1)
        #expect(refusals.count == 12)
    }

    /// Hive wrote its file without field ids, and the table has no name mapping: the specification has nulls for that,
    /// Iceberg's Java library takes columns by position.
    @Test(.enabled(if: TableCorpus.root != nil, "\(TableCorpus.missing)"))
    func `columns without ids can be taken by position`() async throws {
        let name = "impala/hadoop_catalog/ice/airports_parquet"
        let entry = try #require(try TableCorpus.entries().first { $0.table == name })
        let table = try await Self.read(entry, unidentified: .byPosition)
        #expect(table.rows.count == 3376)
        #expect(table.rows.contains { $0.hasPrefix("\"00M\" | \"Thigpen \" | \"Bay Springs\"") })
    }

    private struct Table {
        var fields: [NestedField]
        var rows: [String]
    }

    private static func read(
        _ entry: TableCorpus.Entry, unidentified: UnidentifiedColumns = .absent
    ) async throws -> Table {
        let path = "tables/\(entry.table)"
        let metadata = try TableMetadataFile.decode(try TableCorpus.bytes("\(path)/\(entry.metadataFile)"))
        let store = try RelocatedStore(table: entry.table, tableLocation: metadata.location)
        var scan = TableScan(metadata, loader: ManifestLoader(store: store))
        scan.unidentifiedColumns = unidentified
        let plan = try await scan.plan()
        var table = Table(fields: try scan.fields(of: plan), rows: [])
        for try await batch in scan.batches(of: plan) {
            for row in 0..<batch.rowCount { table.rows.append(CanonicalRow.text(batch, row: row)) }
        }
        return table
    }

    private static func compare(_ table: Table, _ rows: [JSONValue], _ golden: JSONValue, _ name: String) {
        let columns = golden["columns_arrow"]?.array ?? golden["columns_duckdb"]?.array ?? []
        #expect(table.fields.map(\.name) == columns.compactMap { $0.array?.first?.string }, "\(name): columns")
        let wanted = rows.map { CanonicalRow.text($0.array ?? [], table.fields) }.sorted()
        let found = table.rows.sorted()
        if let index = zip(found, wanted).enumerated().first(where: { $0.element.0 != $0.element.1 })?.offset {
            Issue.record("\(name): row \(found[index]) where \(wanted[index]) is expected")
        }
    }
}
