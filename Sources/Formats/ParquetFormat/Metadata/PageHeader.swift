/// `PageHeader` of parquet.thrift.
struct PageHeader {
    enum Kind {
        case data(DataPage)
        case dataV2(DataPageV2)
        case dictionary(valueCount: Int32, encoding: Int32)
        /// An index page or a type from the future: skipped.
        case other
    }

    struct DataPage {
        var valueCount: Int32 = -1
        var encoding: Int32 = -1
        var definitionEncoding = Encoding.rle
        var repetitionEncoding = Encoding.rle
    }

    struct DataPageV2 {
        var valueCount: Int32 = -1
        var nullCount: Int32 = -1
        var rowCount: Int32 = -1
        var encoding: Int32 = -1
        var definitionBytes: Int32 = -1
        var repetitionBytes: Int32 = -1
        var isCompressed = true
    }

    var kind = Kind.other
    var uncompressedSize: Int32 = -1
    var compressedSize: Int32 = -1
    var checksum: UInt32?

    /// Reads a header and leaves the reader behind it.
    init(_ reader: inout ThriftReader) throws(ParquetError) {
        var type: Int32 = -1
        var (data, dataV2): (DataPage?, DataPageV2?)
        var dictionary: (valueCount: Int32, encoding: Int32)?
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch (field.id, field.kind) {
            case (1, .int32): type = try reader.int32()
            case (2, .int32): uncompressedSize = try reader.int32()
            case (3, .int32): compressedSize = try reader.int32()
            case (4, .int32): checksum = UInt32(bitPattern: try reader.int32())
            case (5, .structure): data = try Self.dataPage(&reader)
            case (7, .structure): dictionary = try Self.dictionaryPage(&reader)
            case (8, .structure): dataV2 = try Self.dataPageV2(&reader)
            default: try reader.skip(field.kind)
            }
        }
        guard uncompressedSize >= 0, compressedSize >= 0 else {
            throw reader.error(.corrupt, "a page header without sizes")
        }
        switch type {
        case PageType.data:
            guard let data, data.valueCount >= 0 else { throw reader.error(.corrupt, "no data page header") }
            kind = .data(data)
        case PageType.dataV2:
            guard let dataV2, dataV2.valueCount >= 0, dataV2.nullCount >= 0, dataV2.definitionBytes >= 0,
                dataV2.repetitionBytes >= 0, dataV2.nullCount <= dataV2.valueCount
            else { throw reader.error(.corrupt, "no valid data page header") }
            kind = .dataV2(dataV2)
        case PageType.dictionary:
            guard let dictionary, dictionary.valueCount >= 0 else {
                throw reader.error(.corrupt, "no dictionary page header")
            }
            kind = .dictionary(valueCount: dictionary.valueCount, encoding: dictionary.encoding)
        default: kind = .other
        }
    }

    private static func dataPage(_ reader: inout ThriftReader) throws(ParquetError) -> DataPage {
        var page = DataPage()
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch (field.id, field.kind) {
            case (1, .int32): page.valueCount = try reader.int32()
            case (2, .int32): page.encoding = try reader.int32()
            case (3, .int32): page.definitionEncoding = try reader.int32()
            case (4, .int32): page.repetitionEncoding = try reader.int32()
            default: try reader.skip(field.kind)
            }
        }
        return page
    }

    private static func dictionaryPage(
        _ reader: inout ThriftReader
    ) throws(ParquetError) -> (valueCount: Int32, encoding: Int32) {
        var page: (valueCount: Int32, encoding: Int32) = (-1, -1)
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch (field.id, field.kind) {
            case (1, .int32): page.valueCount = try reader.int32()
            case (2, .int32): page.encoding = try reader.int32()
            default: try reader.skip(field.kind)
            }
        }
        return page
    }

    private static func dataPageV2(_ reader: inout ThriftReader) throws(ParquetError) -> DataPageV2 {
        var page = DataPageV2()
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch (field.id, field.kind) {
            case (1, .int32): page.valueCount = try reader.int32()
            case (2, .int32): page.nullCount = try reader.int32()
            case (3, .int32): page.rowCount = try reader.int32()
            case (4, .int32): page.encoding = try reader.int32()
            case (5, .int32): page.definitionBytes = try reader.int32()
            case (6, .int32): page.repetitionBytes = try reader.int32()
            case (7, .yes): page.isCompressed = true
            case (7, .no): page.isCompressed = false
            default: try reader.skip(field.kind)
            }
        }
        return page
    }
}
