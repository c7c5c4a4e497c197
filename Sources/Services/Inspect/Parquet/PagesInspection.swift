import JSONFormat
import ParquetFormat

/// `parquet pages`: every page of a Parquet file as its header describes it, its checksum computed.
enum PagesInspection {
    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        let parquet = try await InspectedParquet(try await invocation.file())
        let groups = try rowGroups(invocation, parquet.metadata)
        let leaves = try leaves(invocation, parquet.metadata)
        var chunks: [JSONValue] = []
        var problems: [String] = []
        for group in groups {
            for leaf in leaves {
                var chunk = JSONObject()
                do {
                    try await describe(group, leaf, parquet, into: &chunk)
                } catch {
                    problems.append("\(error)")
                    chunk["error"] = .string("\(error)")
                }
                chunks.append(.object(chunk))
            }
        }
        report["column chunks"] = .array(chunks)
        guard problems.isEmpty else {
            throw InspectError(.malformed, at: invocation.operands[0], problems.joined(separator: "\n"))
        }
    }

    private static func rowGroups(_ invocation: Invocation, _ metadata: FileMetadata) throws -> Range<Int> {
        guard let wanted = try invocation.count("--row-group") else { return metadata.rowGroups.indices }
        guard metadata.rowGroups.indices.contains(wanted) else {
            throw InspectError(
                .notFound, at: invocation.operands[0],
                "no row group \(wanted): the file has \(metadata.rowGroups.count)")
        }
        return wanted..<(wanted + 1)
    }

    private static func leaves(_ invocation: Invocation, _ metadata: FileMetadata) throws -> [SchemaLeaf] {
        guard let name = invocation.options["--column"] else { return metadata.schema.leaves }
        let found = metadata.schema.leaves.filter { $0.name == name || $0.name.hasPrefix(name + ".") }
        guard !found.isEmpty else {
            let names = metadata.schema.leaves.map(\.name).joined(separator: ", ")
            throw InspectError(.notFound, at: invocation.operands[0], "no column \(name); there are: \(names)")
        }
        return found
    }

    private static func describe(
        _ group: Int, _ leaf: SchemaLeaf, _ parquet: InspectedParquet, into chunk: inout JSONObject
    ) async throws {
        let metadata = parquet.metadata
        let place = "row group \(group), column \(leaf.name)"
        chunk["row group"] = JSONValue(group)
        chunk["column"] = .string(leaf.name)
        chunk["codec"] = ParquetNames.codec(metadata.rowGroups[group].columns[leaf.index].codec)
        let range = try metadata.columnChunkRange(rowGroup: group, leaf: leaf.index)
        let bytes = try await parquet.bytes(at: range.lowerBound, count: Int64(range.count), place)
        let index = await PageIndexes(parquet, rowGroup: group, leaf: leaf)
        chunk["boundary_order"] = JSONValue(index.boundaryOrder)
        var rows: [JSONValue] = []
        var problems = index.problems
        var dataPages = 0
        // Whatever stops the walk, the pages before are shown.
        defer { chunk["pages"] = .array(rows) }
        try metadata.forEachPage(of: bytes, rowGroup: group, leaf: leaf.index) { page in
            var row = describe(page)
            if page.isChecksumRight == false {
                problems.append("page \(rows.count): the CRC-32 is not the one in the header")
            }
            if page.kind == .data || page.kind == .dataV2 {
                if let problem = index.contradiction(of: page, number: dataPages) {
                    problems.append("page \(rows.count): \(problem)")
                }
                index.describe(dataPages, into: &row)
                dataPages += 1
            }
            rows.append(.object(row))
        }
        guard problems.isEmpty else { throw ParquetError(.corrupt, at: place, problems.joined(separator: "; ")) }
    }

    private static func describe(_ page: PageDescription) -> JSONObject {
        JSONObject([
            .init(key: "type", value: .string(name(page.kind))),
            .init(key: "offset", value: JSONValue(page.offset)),
            .init(key: "header", value: JSONValue(page.headerSize)),
            .init(key: "compressed", value: JSONValue(page.compressedSize)),
            .init(key: "uncompressed", value: JSONValue(page.uncompressedSize)),
            .init(key: "encoding", value: page.encoding.map(ParquetNames.encoding) ?? .null),
            .init(key: "values", value: JSONValue(page.valueCount)),
            .init(key: "nulls", value: JSONValue(page.nullCount)),
            .init(key: "rows", value: JSONValue(page.rowCount)),
            .init(key: "crc", value: page.isChecksumRight.map { $0 ? "ok" : "wrong" } ?? .null),
        ])
    }

    private static func name(_ kind: PageDescription.Kind) -> String {
        switch kind {
        case .dictionary: "DICTIONARY_PAGE"
        case .data: "DATA_PAGE"
        case .dataV2: "DATA_PAGE_V2"
        case .other: "other"
        }
    }
}
