import ParquetFormat

/// What cannot be measured.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Answers requests; keeps the rows that `write` writes.
struct Benchmark {
    private var schema: ParquetSchema?
    private var rows: RowGroup?

    mutating func answer(_ request: [String]) throws -> String {
        switch (request.first, request.count) {
        case ("load", 2): try load(request[1])
        case ("write", 4): try write(request[1], profile: request[2], rowGroupRows: request[3])
        case ("read", 2): try read(request[1])
        case ("filter", 6...):
            try filter(request[1], time: request[2], from: request[3], to: request[4], columns: Array(request[5...]))
        default: throw BenchmarkError("no request \(request)")
        }
    }

    // MARK: - Writing

    private mutating func load(_ path: String) throws -> String {
        let reader = try ParquetReader(try InputFile(path).all())
        var rows = RowGroup(reader.schema)
        for index in reader.metadata.rowGroups.indices { rows.append(try reader.rowGroup(index)) }
        (schema, self.rows) = (reader.schema, rows)
        return "{\"rows\": \(rows.rowCount), \"memory\": \(rows.byteCount)}"
    }

    private func write(_ path: String, profile: String, rowGroupRows: String) throws -> String {
        guard let schema, let rows else { throw BenchmarkError("nothing was loaded") }
        guard let rowGroupRows = Int(rowGroupRows), rowGroupRows > 0 else { throw BenchmarkError("no row count") }
        var options = ParquetWriterOptions(codec: .zstd(level: 1))
        options.rowGroupRows = rowGroupRows
        switch profile {
        case "compatible": break
        case "compact": options.profile = .compact
        default: throw BenchmarkError("no profile \(profile)")
        }
        let watch = Stopwatch()
        var writer = try ParquetWriter(schema: schema, options: options)
        for start in stride(from: 0, to: rows.rowCount, by: rowGroupRows) {
            let end = min(start + rowGroupRows, rows.rowCount)
            let group = rows.rowCount == end - start ? rows : rows.slice(rows: start..<end)
            try writer.appendRowGroup(group.columns, rowCount: group.rowCount)
        }
        let bytes = try writer.finish().bytes
        try OutputFile.write(path, bytes)
        return watch.answer("\"rows\": \(rows.rowCount), \"bytes\": \(bytes.count)")
    }

    // MARK: - Reading

    private func read(_ path: String) throws -> String {
        let watch = Stopwatch()
        let file = try InputFile(path)
        let metadata = try Self.footer(file)
        var columns: [LeafColumn] = []
        for (group, rowGroup) in metadata.rowGroups.enumerated() {
            for leaf in rowGroup.columns.indices {
                let range = try metadata.columnChunkRange(rowGroup: group, leaf: leaf)
                columns.append(try metadata.decode(try file.read(range), rowGroup: group, leaf: leaf))
            }
        }
        let answer = watch.answer("\"rows\": \(metadata.rowCount)")
        // The columns live until here, as a table of the peers does.
        guard columns.reduce(0, { $0 + $1.byteCount }) > 0 else { throw BenchmarkError("nothing was read") }
        return answer
    }

    private func filter(
        _ path: String, time: String, from: String, to: String, columns names: [String]
    ) throws -> String {
        guard let from = Int64(from), let to = Int64(to) else { throw BenchmarkError("no times") }
        let watch = Stopwatch()
        let file = try InputFile(path)
        let metadata = try Self.footer(file)
        func leaf(_ name: String) throws -> Int {
            guard let leaf = metadata.schema.leaf(path: [name]) else { throw BenchmarkError("no column \(name)") }
            return leaf.index
        }
        let timeLeaf = try leaf(time)
        let predicate = ColumnPredicate.and([
            .test(leaf: timeLeaf, .greaterOrEqual(.integer(from))), .test(leaf: timeLeaf, .less(.integer(to))),
        ])
        let leaves = try names.map(leaf)
        var result: [SelectedRows] = []
        for group in try metadata.rowGroups(where: predicate) {
            var scan = try RowGroupScan(metadata, rowGroup: group, leaves: leaves, where: predicate)
            var rows: SelectedRows?
            while rows == nil {
                switch try scan.next() {
                case .fetch(let ranges): for range in ranges { scan.supply(try file.read(range), at: range.lowerBound) }
                case .finished(let selected): rows = selected
                }
            }
            if let rows { result.append(rows) }
        }
        return watch.answer("\"rows\": \(result.reduce(0) { $0 + $1.rowCount })")
    }

    private static func footer(_ file: InputFile) throws -> FileMetadata {
        var start = max(0, file.size - Int64(FileMetadata.tailBytesHint))
        while true {
            switch try FileMetadata.read(tail: try file.read(start..<file.size), fileSize: file.size) {
            case .metadata(let metadata): return metadata
            case .needs(let range): start = range.lowerBound
            }
        }
    }
}
