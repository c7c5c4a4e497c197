import Foundation
import ParquetFormat
import Testing

/// Files of the Apache parquet-testing collection, when it lies beside the repository (`ANALYTICS_CORPORA`, or
/// `../shared/corpora`).
@Suite struct CorpusTests {
    static let folder: URL? = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let candidates = [
            ProcessInfo.processInfo.environment["ANALYTICS_CORPORA"].map {
                URL(filePath: $0).appending(path: "parquet/parquet-testing")
            },
            root.appending(path: "../shared/corpora/parquet/parquet-testing"),
            root.appending(path: "../../shared/corpora/parquet/parquet-testing"),
        ]
        return candidates.compactMap { $0?.appending(path: "data") }
            .first { FileManager.default.fileExists(atPath: $0.path) }
    }()

    static func bytes(_ name: String) throws -> [UInt8] {
        let folder = try #require(folder)
        return [UInt8](try Data(contentsOf: folder.appending(path: name)))
    }

    /// What is not read, and why.
    static let refused: [String: ParquetError.Code] = [
        "datapage_v1-corrupt-checksum.parquet": .corrupt,
        "rle-dict-uncompressed-corrupt-checksum.parquet": .corrupt,
        // One page of a gigabyte, out of four kilobytes.
        "large_string_map.brotli.parquet": .tooLarge,
    ]

    @Test(
        .enabled(if: folder != nil, "the parquet-testing corpus is absent"),
        arguments: [ParquetProfile.compatible, .compact])
    func `every file is read, and written again the same, or refused for a known reason`(
        profile: ParquetProfile
    ) throws {
        let folder = try #require(Self.folder)
        var options = ParquetWriterOptions()
        options.profile = profile
        options.dataPageVersion = profile == .compact ? .v2 : .v1
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
            $0.hasSuffix(".parquet")
        }
        #expect(names.count > 50)
        for name in names.sorted() {
            do {
                let reader = try ParquetReader(try Self.bytes(name))
                var writer = try ParquetWriter(schema: reader.schema, options: options)
                var groups: [RowGroup] = []
                for index in reader.metadata.rowGroups.indices {
                    let rows = try reader.rowGroup(index)
                    groups.append(rows)
                    try writer.appendRowGroup(rows.columns, rowCount: rows.rowCount)
                }
                let back = try ParquetReader(try writer.finish().bytes)
                #expect(back.schema.leaves == reader.schema.leaves, "\(name)")
                for (index, group) in groups.filter({ $0.rowCount > 0 }).enumerated() {
                    #expect(Self.text(try back.rowGroup(index)) == Self.text(group), "\(name)")
                }
                #expect(Self.refused[name] == nil, "\(name) is read by now")
            } catch let error as ParquetError {
                #expect(Self.refused[name] == error.code, "\(name): \(error)")
            }
        }
    }

    /// Text, because NaN is not equal to itself; levels that say nothing are left out.
    private static func text(_ rows: RowGroup) -> [String] {
        rows.columns.map { "\($0.values) \($0.nullCount > 0 ? $0.definitionLevels : []) \($0.repetitionLevels)" }
    }

    @Test(
        .enabled(if: folder != nil, "the parquet-testing corpus is absent"),
        arguments: [
            "delta_binary_packed", "delta_byte_array", "delta_encoding_optional_column",
            "delta_encoding_required_column",
        ])
    func `delta encodings give what the collection expects`(name: String) throws {
        let reader = try ParquetReader(try Self.bytes(name + ".parquet"))
        let lines = String(decoding: try Self.bytes(name + "_expect.csv"), as: UTF8.self)
            .split(separator: "\n").dropFirst()
        let expected = lines.map(Self.fields)
        for leaf in reader.schema.leaves {
            let column = try reader.column(rowGroup: 0, leaf: leaf.index)
            #expect(Self.cells(column) == expected.map { $0[leaf.index] }, "\(leaf.name)")
        }
    }

    /// Splits a line of comma-separated values; quotes protect commas.
    private static func fields(_ line: Substring) -> [String] {
        var fields = [""]
        var isQuoted = false
        for character in line where character != "\r" {
            switch character {
            case "\"": isQuoted.toggle()
            case "," where !isQuoted: fields.append("")
            default: fields[fields.count - 1].append(character)
            }
        }
        return fields
    }

    private static func cells(_ column: LeafColumn) -> [String] {
        let values: [String] =
            switch column.values {
            case .int32(let values): values.map(String.init)
            case .int64(let values): values.map(String.init)
            case .byteArray(let values): (0..<values.count).map { values.string(at: $0) }
            default: []
            }
        guard !column.definitionLevels.isEmpty else { return values }
        var next = 0
        return column.definitionLevels.map { level in
            guard level == column.maxDefinitionLevel else { return "" }
            next += 1
            return values[next - 1]
        }
    }
}
