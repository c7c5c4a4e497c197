import DuckDB
import Foundation
import IcebergSpec
import JSONFormat
import Testing

@testable import QueryAPI

@Suite struct TableViewTests {
    @Test func `rows that position deletes name are left out of their files only`() throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "view-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: root) }
        let connection = try DuckDBConnection()
        for name in ["a", "b", "c"] {
            try connection.execute(
                "COPY (SELECT '\(name)' || i AS k FROM range(3) t(i)) TO '\(root)/\(name)' (FORMAT parquet, FIELD_IDS {k: 1})"
            )
        }
        try connection.execute(
            "COPY (SELECT * FROM (VALUES ('s3://x/a', 1::BIGINT), ('s3://x/b', 0), ('s3://x/b', 2)) t(file_path, pos)) TO '\(root)/d' (FORMAT parquet)"
        )
        var view = TableView(
            reference: TableReference(schema: "n\"s", name: "t'1"),
            schema: try Schema(fields: [.optional(1, "k\"y", .string), .optional(2, "new", .long)]))
        view.files = [TableView.File(uri: "s3://x/c", path: "\(root)/c")]
        view.filesWithDeletes = ["a", "b"].map { TableView.File(uri: "s3://x/\($0)", path: "\(root)/\($0)") }
        view.deletePaths = ["\(root)/d"]
        for statement in try view.statements() { try connection.execute(statement) }
        let result = try connection.query(#"SELECT * FROM "n""s"."t'1" ORDER BY 1"#)
        #expect(result.rows == ["a0", "a2", "b1", "c0", "c1", "c2"].map { [.string($0), nil] })
    }

    @Test(arguments: [IcebergType.variant, .unknown, .geometry(crs: nil)])
    func `a column of a type that is not read is refused by name`(type: IcebergType) throws {
        let view = TableView(
            reference: TableReference(schema: nil, name: "t"), schema: try Schema(fields: [.optional(1, "odd", type)]))
        let error = #expect(throws: QueryError.self) { try view.statements() }
        #expect(error?.code == .unsupported && error?.message.contains("odd") == true)
    }
}
