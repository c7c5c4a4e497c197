import Foundation
import Inspect
import JSONFormat
import ParquetFormat
import Testing

@Suite struct `Inspecting Parquet` {
    private func options() -> ParquetWriterOptions {
        var options = ParquetWriterOptions(codec: .snappy)
        options.pageRows = 400
        options.pageChecksums = true
        options.keyValueMetadata = [ParquetKeyValue(key: "origin", value: "a test")]
        options.sortingColumns = [SortingColumn(leafIndex: 0, isDescending: false, nullsFirst: false)]
        return options
    }

    @Test func `the footer shows ids, types and bounds as values`() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(try TestParquet.bytes(options()), "a.parquet")
        let footer = try await inspected("parquet", "footer", file)
        #expect(footer["num_rows"] == 2000)
        #expect(footer["key_value_metadata"]?["origin"] == "a test")
        let schema = try #require(footer["schema"]?.array)
        #expect(schema.map { $0["field_id"] } == [1, 2, 3])
        #expect(schema[1]["logicalType"] == "TIMESTAMP(MICROS, UTC)")
        #expect(schema[1]["repetition_type"] == "optional")
        let group = try #require(footer["row_groups"]?.array?.last)
        #expect(group["sorting_columns"] == ["id asc nulls last"])
        let columns = try #require(group["columns"]?.array)
        #expect(columns[0]["min_value"] == 1000)
        #expect(columns[0]["max_value"] == 1999)
        #expect(columns[1]["null_count"] == 1)
        #expect(columns[1]["max_value"] == "2023-11-14T22:13:20.001998+00:00")
        #expect(columns[2]["codec"] == "SNAPPY")
        #expect(columns[2]["min_value"] == "type-0")
        #expect(try await inspected("parquet", file) == footer)
    }

    @Test func `pages are listed one by one, and those of one column and row group alone`() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(try TestParquet.bytes(options()), "a.parquet")
        let all = try await inspected("parquet", "pages", file)
        #expect(all["column chunks"]?.array?.count == 6)
        let one = try await inspected("parquet", "pages", file, "--column", "time", "--row-group=1")
        let chunk = try #require(one["column chunks"]?.array?.first)
        #expect(one["column chunks"]?.array?.count == 1)
        #expect(chunk["column"] == "time")
        let pages = try #require(chunk["pages"]?.array).filter { $0["type"] == "DATA_PAGE" }
        #expect(pages.compactMap { $0["values"]?.integer } == [400, 400, 200])
        #expect(pages.allSatisfy { $0["crc"] == "ok" })
        // What only the page index says.
        #expect(chunk["boundary_order"] == "ascending")
        #expect(pages.map { $0["first row"] } == [0, 400, 800])
        #expect(pages.map { $0["nulls"] } == [0, 0, 1])
        #expect(pages[1]["min"] == "2023-11-14T22:13:20.001400+00:00")
        #expect(pages[2]["max"] == "2023-11-14T22:13:20.001998+00:00")
    }

    @Test func `a page index that is damaged, or says what is not so, is named; the pages are shown`() async throws {
        let directory = try TemporaryDirectory()
        let bytes = try TestParquet.bytes(options())
        let footer = try await inspected("parquet", "footer", try directory.write(bytes, "whole.parquet"))
        let chunk = try #require(footer["row_groups"]?.array?.first?["columns"]?.array?.first)
        for (index, flipped) in [("offset_index_offset", 2), ("column_index_offset", 0)] {
            var damaged = bytes
            let place = try #require(chunk[index]?.integer)
            damaged[Int(place) + flipped] ^= 0x42
            let file = try directory.write(damaged, "damaged.parquet")
            let pages = try await inspected("parquet", "pages", file, "--column", "id", "--row-group", "0", exitCode: 1)
            #expect(pages["column chunks"]?.array?.first?["pages"]?.array?.count ?? 0 >= 3)
            #expect(pages["error"]?.string?.contains("index") == true)
        }
    }

    @Test func `a damaged page is shown as such, and the others too`() async throws {
        let directory = try TemporaryDirectory()
        var bytes = try TestParquet.bytes(options())
        let whole = try await inspected("parquet", "pages", try directory.write(bytes, "whole.parquet"))
        let page = try #require(whole["column chunks"]?.array?[3]["pages"]?.array?.last)
        let (offset, header) = (try #require(page["offset"]?.integer), try #require(page["header"]?.integer))
        bytes[Int(offset + header) + 3] ^= 1
        let file = try directory.write(bytes, "damaged.parquet")
        let damaged = try await inspected("parquet", "pages", file, exitCode: 1)
        #expect(damaged["column chunks"]?.array?.count == 6)
        #expect(damaged["column chunks"]?.array?[3]["pages"]?.array?.last?["crc"] == "wrong")
        #expect(damaged["error"]?.string?.contains("row group 1, column id: page 2: the CRC-32") == true)
    }

    @Test(arguments: [["--column", "none"], ["--row-group", "2"]])
    func `what the file does not have is refused by name`(arguments: [String]) async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(try TestParquet.bytes(options()), "a.parquet")
        let result = await InspectCommand.run(["parquet", "pages", file] + arguments)
        #expect(result.exitCode == 1)
        #expect(result.problem.contains("no column none") || result.problem.contains("no row group 2"))
    }

    @Test func `every truncation is an error with the file's name, never a crash`() async throws {
        let directory = try TemporaryDirectory()
        let bytes = try TestParquet.bytes(options())
        for length in stride(from: 0, to: bytes.count, by: 97) {
            let file = try directory.write(Array(bytes.prefix(length)), "cut.parquet")
            for command in ["footer", "pages"] {
                let result = await InspectCommand.run(["parquet", command, file])
                #expect(result.exitCode == 1, "\(command) of \(length) bytes")
                #expect(result.problem.contains(file))
            }
        }
    }
}
