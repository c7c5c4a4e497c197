/// A page as its header describes it (parquet-format: "Data Pages"): nothing of its content is decompressed.
public struct PageDescription: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case dictionary
        case data
        case dataV2
        /// An index page, or a type this module does not know.
        case other
    }

    public let kind: Kind
    /// Where the header begins in the file.
    public let offset: Int64
    public let headerSize: Int
    /// Without the header.
    public let compressedSize: Int
    public let uncompressedSize: Int
    /// Nulls included; entries of a dictionary page.
    public let valueCount: Int?
    /// `Encoding` of parquet.thrift, of the values.
    public let encoding: Int32?
    /// Only pages of version 2 say so.
    public let nullCount: Int?
    /// Only pages of version 2 say so.
    public let rowCount: Int?
    /// Of both kinds of levels, in pages of version 2, which keep them uncompressed before the values.
    public let levelsSize: Int?
    /// False for a page of version 2 whose values are kept uncompressed.
    public let isCompressed: Bool
    /// The CRC-32 in the header.
    public let checksum: UInt32?
    /// Whether it is that of the page's bytes; nil without one.
    public let isChecksumRight: Bool?
}

extension FileMetadata {
    /// Calls `body` with the pages of a column chunk, in order, until its last value.
    ///
    /// - Parameter chunk: the bytes of `columnChunkRange`.
    /// - Throws: `.corrupt` with the place of the first page that cannot be read; `body` was then called for those
    ///   before.
    public func forEachPage(
        of chunk: [UInt8], rowGroup: Int, leaf: Int, _ body: (PageDescription) -> Void
    ) throws(ParquetError) {
        let range = try columnChunkRange(rowGroup: rowGroup, leaf: leaf)
        let metadata = rowGroups[rowGroup].columns[leaf]
        let result = chunk.withUnsafeBytes { bytes in
            Result { () throws(ParquetError) in
                var (offset, page, values) = (0, 0, Int64(0))
                while values < metadata.valueCount {
                    do throws(ParquetError) {
                        let description = try PageDescription(bytes, at: offset, chunkStart: range.lowerBound)
                        offset += description.headerSize + description.compressedSize
                        if description.kind == .data || description.kind == .dataV2 {
                            values += Int64(description.valueCount ?? 0)
                        }
                        body(description)
                    } catch {
                        throw error.within("\(place(rowGroup, leaf)), page \(page)")
                    }
                    page += 1
                }
            }
        }
        try result.get()
    }
}

extension PageDescription {
    /// Reads the header at `start` of a column chunk's bytes.
    fileprivate init(_ chunk: UnsafeRawBufferPointer, at start: Int, chunkStart: Int64) throws(ParquetError) {
        var reader = ThriftReader(chunk, offset: start)
        let header = try PageHeader(&reader)
        let size = Int(header.compressedSize)
        guard size <= chunk.count - reader.offset else {
            throw ParquetError(.corrupt, at: "header", "\(size) bytes stated, \(chunk.count - reader.offset) remain")
        }
        offset = chunkStart + Int64(start)
        headerSize = reader.offset - start
        compressedSize = size
        uncompressedSize = Int(header.uncompressedSize)
        checksum = header.checksum
        let body = UnsafeRawBufferPointer(rebasing: chunk[reader.offset..<(reader.offset + size)])
        isChecksumRight = header.checksum.map { $0 == pageChecksum(body) }
        switch header.kind {
        case .dictionary(let count, let encoding):
            kind = .dictionary
            (valueCount, self.encoding) = (Int(count), encoding)
            (nullCount, rowCount, levelsSize, isCompressed) = (nil, nil, nil, true)
        case .data(let page):
            kind = .data
            (valueCount, encoding) = (Int(page.valueCount), page.encoding)
            (nullCount, rowCount, levelsSize, isCompressed) = (nil, nil, nil, true)
        case .dataV2(let page):
            kind = .dataV2
            (valueCount, encoding, nullCount) = (Int(page.valueCount), page.encoding, Int(page.nullCount))
            (rowCount, isCompressed) = (Int(page.rowCount), page.isCompressed)
            levelsSize = Int(page.definitionBytes) + Int(page.repetitionBytes)
        case .other:
            kind = .other
            (valueCount, encoding, nullCount, rowCount, levelsSize) = (nil, nil, nil, nil, nil)
            isCompressed = true
        }
    }
}
