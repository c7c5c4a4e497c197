import Concurrency
import ObjectStore
import ParquetFormat

/// A Parquet file in a store, of which only the needed parts are read.
struct StoredParquetFile: Sendable {
    let file: StoredFile
    let metadata: FileMetadata

    /// Reads the footer: one request, or two when it is long.
    ///
    /// - Parameter size: what the manifest says the file's size is. Some writers state another one than the file has;
    ///   then the store is asked.
    /// - Throws: errors at the file's URI.
    init(_ uri: String, size: Int64, store: any ObjectStore) async throws(DataError) {
        let stated = StoredFile(uri: uri, size: size, store: store)
        do throws(DataError) {
            try await self.init(stated)
        } catch {
            guard error.code == .malformed, let actual = try await stated.actualSize(), actual != size else {
                throw error
            }
            try await self.init(StoredFile(uri: uri, size: actual, store: store))
        }
    }

    private init(_ file: StoredFile) async throws(DataError) {
        guard file.size >= 12 else {
            throw DataError(.malformed, at: file.uri, "\(file.size) bytes are no Parquet file")
        }
        let tailStart = max(0, file.size - Int64(FileMetadata.tailBytesHint))
        var read = try Self.footer(try await file.read(tailStart..<file.size), file)
        if case .needs(let range) = read { read = try Self.footer(try await file.read(range), file) }
        guard case .metadata(let metadata) = read else {
            throw DataError(.malformed, at: file.uri, "its footer does not end")
        }
        self.metadata = metadata
        self.file = file
    }

    private static func footer(_ tail: [UInt8], _ file: StoredFile) throws(DataError) -> FooterRead {
        do throws(ParquetError) {
            return try FileMetadata.read(tail: tail, fileSize: file.size)
        } catch {
            throw DataError(error).within(file.uri)
        }
    }

    var uri: String { file.uri }

    /// Some leaves of the rows of a row group: of `rows` (nil for all), those that `predicate` does not rule out.
    /// Fetches only the parts of the file that hold them.
    func read(
        rowGroup: Int, leaves: [Int], where predicate: ColumnPredicate? = nil, rows: RowRanges? = nil,
        decodedBytesMax: Int = DataLimits.decodedBytesMax
    ) async throws(DataError) -> SelectedRows {
        let file = file
        var options = RangeReadOptions()
        options.decodedBytesMax = decodedBytesMax
        var scan: RowGroupScan
        do throws(ParquetError) {
            scan = try RowGroupScan(
                metadata, rowGroup: rowGroup, leaves: leaves, where: predicate, rows: rows, options: options)
        } catch {
            throw DataError(error).within(uri)
        }
        while true {
            switch try step(&scan) {
            case .finished(let selected): return selected
            case .fetch(let ranges):
                for range in ranges where range.upperBound > file.size {
                    throw DataError(
                        .malformed, at: "\(uri), row group \(rowGroup)",
                        "a column reaches to byte \(range.upperBound) of \(file.size)")
                }
                let parts = try await mapConcurrently(ranges, limit: DataLimits.concurrentRangesMax) {
                    (range) async throws(DataError) in try await file.read(range)
                }
                for (range, bytes) in zip(ranges, parts) { scan.supply(bytes, at: range.lowerBound) }
            }
        }
    }

    private func step(_ scan: inout RowGroupScan) throws(DataError) -> RowGroupScan.Step {
        do throws(ParquetError) {
            return try scan.next()
        } catch {
            throw DataError(error).within(uri)
        }
    }
}
