import Clocks
import Concurrency
import Files
import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat

/// What became of one group: files that lie in the store and that no snapshot lists yet.
struct RewrittenGroup: Sendable {
    let group: CompactionGroup
    let outputs: [DataFile]
    let locations: [ObjectLocation]
    let duplicatesRemoved: Int64
    let isSorted: Bool
}

/// Writes the rows of a group's files into as few files as the target allows.
struct GroupRewriter: Sendable {
    let store: any ObjectStore
    let metadata: TableMetadata
    let settings: RewriteSettings
    /// Later rows with the (source, id) of an earlier one are left out.
    let removesDuplicates: Bool
    let random: any RandomSource
    let clock: any WallClock
    var pool = BlockingPool.shared

    /// Durable once this returns: the outputs are in the store, under names of their own.
    ///
    /// Memory: groups whose decoded rows fit are sorted in memory; others pass through file by file, in the order they
    /// were committed, with one row group held at a time.
    func rewrite(
        _ group: CompactionGroup, progress: @Sendable (CompactionProgress) -> Void
    ) async throws(CompactionError) -> RewrittenGroup {
        let produced: Produced
        if group.inputBytes <= Int64(settings.memoryBytes / (2 * CompactionLimits.sortMemoryDivisor)),
            let inMemory = try await rewriteInMemory(group, progress: progress)
        {
            produced = inMemory
        } else {
            produced = try await rewriteStreaming(group, progress: progress)
        }
        let written = produced.files.reduce(0) { $0 + $1.summary.rowCount }
        guard written + produced.duplicates == group.records else {
            throw CompactionError(
                .damaged,
                "\(group.files[0].file.path) and \(group.files.count - 1) more state \(group.records) rows, but hold "
                    + "\(written + produced.duplicates)")
        }
        return try await put(produced, for: group)
    }

    private struct Produced: Sendable {
        var files: [ParquetFile]
        var duplicates: Int64
        var isSorted: Bool
    }

    // MARK: - In memory

    /// Nil when the footers say that the rows do not fit.
    private func rewriteInMemory(
        _ group: CompactionGroup, progress: @Sendable (CompactionProgress) -> Void
    ) async throws(CompactionError) -> Produced? {
        var inputs: [(path: String, bytes: [UInt8])] = []
        for slice in group.files.slices(of: CompactionLimits.concurrentReads) {
            inputs += try await readAll(slice)
            progress(CompactionProgress(files: slice.count, bytes: slice.reduce(0) { $0 + $1.file.fileSizeBytes }))
        }
        let settings = settings
        let removesDuplicates = removesDuplicates
        let loaded = inputs
        inputs = []
        return try await pool.run { () throws(CompactionError) -> Produced? in
            try Self.encodeInMemory(loaded, settings, removesDuplicates: removesDuplicates)
        }
    }

    private static func encodeInMemory(
        _ inputs: [(path: String, bytes: [UInt8])], _ settings: RewriteSettings, removesDuplicates: Bool
    ) throws(CompactionError) -> Produced? {
        var readers: [(path: String, reader: ParquetReader)] = []
        var decodedBytes: Int64 = 0
        for (path, bytes) in inputs {
            let reader = try open(bytes, path: path, settings)
            decodedBytes += reader.metadata.rowGroups.reduce(0) { $0 + max(0, $1.totalByteSize) }
            readers.append((path, reader))
        }
        guard decodedBytes <= Int64(settings.memoryBytes / CompactionLimits.sortMemoryDivisor) else { return nil }
        var rows = RowGroup(settings.schema)
        for (path, reader) in readers {
            let mapping = try ColumnMapping(from: reader.schema, to: settings.schema, path: path)
            for index in reader.metadata.rowGroups.indices {
                rows.append(try mapping.read(reader, rowGroup: index, path: path))
                // Encodings can expand far beyond what footers say.
                if rows.byteCount > settings.memoryBytes / 2 { return nil }
            }
        }
        readers = []
        let filter = removesDuplicates ? DuplicateFilter(settings.schema) : nil
        let kept = filter?.rowsToKeep(rows)
        let order = settings.sortLeaf.map { RowSorting.order(of: rows, by: $0, rows: kept) } ?? kept
        let output = RewriteOutput(settings, isSorted: settings.sortLeaf != nil)
        if let order {
            for slice in order.slices(of: settings.options.rowGroupRows) {
                try output.append(rows.gather(rows: Array(slice)))
            }
        } else {
            try output.append(rows)
        }
        return Produced(
            files: try output.finish(), duplicates: kept.map { Int64(rows.rowCount - $0.count) } ?? 0,
            isSorted: settings.sortLeaf != nil)
    }

    // MARK: - File by file

    private func rewriteStreaming(
        _ group: CompactionGroup, progress: @Sendable (CompactionProgress) -> Void
    ) async throws(CompactionError) -> Produced {
        let output = RewriteOutput(settings, isSorted: false)
        let settings = settings
        for file in group.files {
            let (path, bytes) = try await read(file)
            try await pool.run { () throws(CompactionError) in
                let reader = try Self.open(bytes, path: path, settings)
                let mapping = try ColumnMapping(from: reader.schema, to: settings.schema, path: path)
                for index in reader.metadata.rowGroups.indices {
                    try output.append(try mapping.read(reader, rowGroup: index, path: path))
                }
            }
            progress(CompactionProgress(files: 1, bytes: file.file.fileSizeBytes))
        }
        let files = try await pool.run { () throws(CompactionError) in try output.finish() }
        return Produced(files: files, duplicates: 0, isSorted: false)
    }

    private static func open(
        _ bytes: [UInt8], path: String, _ settings: RewriteSettings
    ) throws(CompactionError) -> ParquetReader {
        do {
            return try ParquetReader(bytes, decodedBytesMax: max(1 << 20, settings.memoryBytes / 2))
        } catch {
            throw CompactionError(error, in: path)
        }
    }

    // MARK: - The store

    private func readAll(_ files: ArraySlice<ScanPlan.File>) async throws(CompactionError) -> [(String, [UInt8])] {
        try await mapConcurrently(files, limit: 8) { (file) async throws(CompactionError) in
            try await read(file)
        }
    }

    private func read(_ file: ScanPlan.File) async throws(CompactionError) -> (String, [UInt8]) {
        let path = file.file.path
        do throws(ObjectStoreError) {
            let bytes = try await store.get(try store.location(of: path), range: nil).bytes
            guard Int64(bytes.count) == file.file.fileSizeBytes else {
                throw ObjectStoreError(
                    .notFound, "it has \(bytes.count) bytes where the table says \(file.file.fileSizeBytes)")
            }
            return (path, bytes)
        } catch {
            throw CompactionError(error, path)
        }
    }

    private func put(_ produced: Produced, for group: CompactionGroup) async throws(CompactionError) -> RewrittenGroup {
        guard let spec = metadata.partitionSpec(id: group.specID) else {
            throw CompactionError(.damaged, "the table has no partition spec \(group.specID)")
        }
        var outputs: [DataFile] = []
        var locations: [ObjectLocation] = []
        for file in produced.files {
            try verify(file)
            let location = try place(group, spec)
            do throws(ObjectStoreError) {
                guard try await store.putIfAbsentProved(location, file.bytes, contentType: nil) != .differs else {
                    throw ObjectStoreError(.failed, "there is another object of that name")
                }
            } catch {
                throw CompactionError(error, "\(location)")
            }
            locations.append(location)
            outputs.append(
                DataFile.make(
                    from: file.summary, path: store.uri(of: location), schema: metadata.currentSchema, spec: spec,
                    partition: group.partition, sortOrderID: produced.isSorted ? settings.sortOrderID : nil,
                    metrics: MetricsConfiguration(metadata)))
        }
        return RewrittenGroup(
            group: group, outputs: outputs, locations: locations, duplicatesRemoved: produced.duplicates,
            isSorted: produced.isSorted)
    }

    /// What is about to replace other files must at least read as what it claims to be.
    private func verify(_ file: ParquetFile) throws(CompactionError) {
        do throws(ParquetError) {
            let reader = try ParquetReader(file.bytes)
            let rows = reader.metadata.rowGroups.reduce(0) { $0 + $1.rowCount }
            guard rows == file.summary.rowCount, Int64(file.bytes.count) == file.summary.fileSizeBytes else {
                throw ParquetError(.failed, at: "footer", "it does not say what was written")
            }
        } catch {
            throw CompactionError(error, in: "the new file")
        }
    }

    /// Beside the files that are replaced, when those lie below the table; else where the spec puts them.
    private func place(_ group: CompactionGroup, _ spec: PartitionSpec) throws(CompactionError) -> ObjectLocation {
        let name = "\(UUID.timeOrdered(at: clock.now(), random)).parquet"
        let root = metadata.properties["write.data.path"] ?? "\(metadata.location)/data"
        let neighbour = group.files[0].file.path
        var folder = neighbour[..<(neighbour.lastIndex(of: "/") ?? neighbour.startIndex)]
        if !folder.hasPrefix("\(root)/") && folder != root {
            let path = spec.path(of: group.partition)
            folder = path.isEmpty ? root[...] : "\(root)/\(path)"[...]
        }
        do {
            return try store.location(of: "\(folder)/\(name)")
        } catch {
            throw CompactionError(error, "\(folder)")
        }
    }
}

extension RandomAccessCollection where Index == Int {
    /// The elements in runs of at most `count`.
    func slices(of count: Int) -> [SubSequence] {
        stride(from: startIndex, to: endIndex, by: count).map { self[$0..<Swift.min($0 + count, endIndex)] }
    }
}
