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
        let size = file.size
        guard size >= 12 else { throw DataError(.malformed, at: file.uri, "\(size) bytes are no Parquet file") }
        var tail = try await file.read(max(0, size - DataLimits.footerGuessBytes)..<size)
        let length = try Self.located(file.uri) { () throws(ParquetError) in
            let length = try FileMetadata.footerLength(tail: tail.suffix(8))
            guard Int64(length) <= size - 12 else {
                throw ParquetError(.corrupt, at: "footer", "\(length) bytes in a file of \(size)")
            }
            return length
        }
        if length + 8 > tail.count { tail = try await file.read((size - 8 - Int64(length))..<size) }
        let footer = Array(tail[(tail.count - 8 - length)..<(tail.count - 8)])
        metadata = try Self.located(file.uri) { () throws(ParquetError) in try FileMetadata(footer: footer) }
        self.file = file
    }

    private static func located<T>(_ uri: String, _ body: () throws(ParquetError) -> T) throws(DataError) -> T {
        do throws(ParquetError) {
            return try body()
        } catch {
            throw DataError(error).within(uri)
        }
    }

    var uri: String { file.uri }

    /// The given leaves of a row group, by their index.
    func columns(rowGroup: Int, leaves: Set<Int>) async throws(DataError) -> [Int: LeafColumn] {
        let leaves = leaves.sorted()
        let ranges = try ranges(rowGroup, leaves)
        let parts = Self.coalesced(ranges)
        let file = file
        let fetched = try await mapConcurrently(parts, limit: DataLimits.concurrentRangesMax) {
            (range) async throws(DataError) in try await file.read(range)
        }
        var columns: [Int: LeafColumn] = [:]
        for (leaf, range) in zip(leaves, ranges) {
            guard
                let part = parts.firstIndex(where: {
                    $0.lowerBound <= range.lowerBound && range.upperBound <= $0.upperBound
                })
            else { continue }
            let start = Int(range.lowerBound - parts[part].lowerBound)
            let isWhole = range == parts[part]
            let bytes = isWhole ? fetched[part] : Array(fetched[part][start..<(start + range.count)])
            do {
                columns[leaf] = try metadata.decode(bytes, rowGroup: rowGroup, leaf: leaf)
            } catch {
                throw DataError(error).within(uri)
            }
        }
        return columns
    }

    private func ranges(_ rowGroup: Int, _ leaves: [Int]) throws(DataError) -> [Range<Int64>] {
        var ranges: [Range<Int64>] = []
        for leaf in leaves {
            do throws(ParquetError) {
                let range = try metadata.columnChunkRange(rowGroup: rowGroup, leaf: leaf)
                guard range.upperBound <= file.size else {
                    throw ParquetError(
                        .corrupt, at: "row group \(rowGroup), column \(metadata.schema.leaves[leaf].name)",
                        "it reaches to byte \(range.upperBound) of \(file.size)")
                }
                ranges.append(range)
            } catch {
                throw DataError(error).within(uri)
            }
        }
        return ranges
    }

    /// Joins ranges that lie close together, and sorts them.
    private static func coalesced(_ ranges: [Range<Int64>]) -> [Range<Int64>] {
        var result: [Range<Int64>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = result.last, range.lowerBound - last.upperBound <= DataLimits.rangeGapBytesMax {
                result[result.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        return result
    }
}
