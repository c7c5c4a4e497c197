import Clocks
import IcebergSpec
import ParquetFormat
import Testing

@testable import IcebergTable

@Suite struct DataFileMetricsTests {
    private func describe(
        _ type: IcebergType, _ node: SchemaNode, partitioned: Bool = false, fill: (inout LeafColumn) -> Void
    ) throws -> DataFile {
        let parquet = try ParquetSchema(fields: [node])
        var group = RowGroup(parquet)
        fill(&group.columns[0])
        group = try RowGroup(columns: group.columns, rowCount: group.columns[0].rowCount)
        var writer = try ParquetWriter(schema: parquet)
        try writer.append(group)
        let file = try writer.finish()
        let schema = try Schema(fields: [.optional(1, "c", type)])
        let spec = PartitionSpec(
            fields: partitioned ? [PartitionField(sourceID: 1, fieldID: 1000, name: "c", transform: .identity)] : [])
        return DataFile.make(from: file.summary, path: "p", schema: schema, spec: spec, partition: [])
    }

    @Test func `counts, sizes and exact bounds come from the file`() throws {
        let node = SchemaNode.primitive(
            "c", .int64, .optional, logical: .timestamp(unit: .microseconds, isAdjustedToUTC: true), fieldID: 1)
        let file = try describe(.timestamptz, node) { column in
            column.append(Int64(5))
            column.appendNull()
            column.append(Int64(-3))
        }
        #expect(file.recordCount == 3 && file.valueCounts == [1: 3] && file.nullValueCounts == [1: 1])
        #expect(file.lowerBounds[1] == Datum.timestamptz(-3).singleValueBinary)
        #expect(file.upperBounds[1] == Datum.timestamptz(5).singleValueBinary)
        #expect(file.columnSizes[1] ?? 0 > 0 && file.fileSizeBytes > file.columnSizes[1] ?? 0)
        #expect(file.splitOffsets == [4])
    }

    @Test(
        arguments: [
            ("abc", "abc", "abc"), ("0123456789abcdefgh", "0123456789abcdef", "0123456789abcdeg"),
            ("ééééééééééééééééé", "éééééééééééééééé", "éééééééééééééééê"),
            ("123456789012345\u{10FFFF}x", "123456789012345\u{10FFFF}", "123456789012346"),
            ("\(String(repeating: "\u{10FFFF}", count: 17))", String(repeating: "\u{10FFFF}", count: 16), nil),
            ("123456789012345\u{D7FF}x", "123456789012345\u{D7FF}", "123456789012345\u{E000}"),
        ] as [(String, String, String?)])
    func `long strings are cut, the upper bound upwards`(value: String, lower: String, upper: String?) throws {
        let file = try describe(.string, .string("c", fieldID: 1)) { $0.append(utf8: value) }
        #expect(file.lowerBounds[1] == Array(lower.utf8))
        #expect(file.upperBounds[1] == upper.map { Array($0.utf8) })
    }

    @Test func `bounds of a partition column are kept whole`() throws {
        let text = "com.example.very.long.event.type"
        let file = try describe(.string, .string("c", fieldID: 1), partitioned: true) { $0.append(utf8: text) }
        #expect(file.lowerBounds[1] == Array(text.utf8) && file.upperBounds[1] == Array(text.utf8))
    }

    @Test func `binary is cut by bytes`() throws {
        let file = try describe(.binary, .primitive("c", .byteArray, fieldID: 1)) {
            $0.append([UInt8](repeating: 0xFF, count: 17))
            $0.append([1] + [UInt8](repeating: 0xFF, count: 17))
        }
        #expect(file.lowerBounds[1] == [1] + [UInt8](repeating: 0xFF, count: 15))
        #expect(file.upperBounds[1] == nil, "nothing of 16 bytes lies above")
    }

    @Test func `decimals become the shortest big-endian bytes`() throws {
        let node = SchemaNode.primitive(
            "c", .int32, .optional, logical: .decimal(precision: 9, scale: 2), fieldID: 1)
        let file = try describe(.decimal(precision: 9, scale: 2), node) {
            $0.append(Int32(-128))
            $0.append(Int32(128))
        }
        #expect(file.lowerBounds[1] == [0x80])
        #expect(file.upperBounds[1] == [0x00, 0x80])
    }

    @Test func `times in another unit have no bounds`() throws {
        let node = SchemaNode.primitive(
            "c", .int64, .optional, logical: .timestamp(unit: .milliseconds, isAdjustedToUTC: true), fieldID: 1)
        let file = try describe(.timestamptz, node) { $0.append(Int64(5)) }
        #expect(file.lowerBounds.isEmpty && file.upperBounds.isEmpty)
    }
}
