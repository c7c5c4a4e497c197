/// What a table format records about a finished file: Iceberg's `DataFile` metrics are made from it.
public struct ParquetFileSummary: Hashable, Sendable {
    public let rowCount: Int64
    public let fileSizeBytes: Int64
    /// Where each row group begins: Iceberg's `split_offsets`.
    public let splitOffsets: [Int64]
    /// One per leaf, in schema order.
    public let columns: [ColumnSummary]

    public init(rowCount: Int64, fileSizeBytes: Int64, splitOffsets: [Int64], columns: [ColumnSummary]) {
        self.rowCount = rowCount
        self.fileSizeBytes = fileSizeBytes
        self.splitOffsets = splitOffsets
        self.columns = columns
    }
}

/// One leaf over all row groups of a file.
public struct ColumnSummary: Hashable, Sendable {
    public let leaf: SchemaLeaf
    /// Bytes of its column chunks as they lie in the file, page headers included: Iceberg's `column_sizes`.
    public internal(set) var compressedBytes: Int64
    public internal(set) var uncompressedBytes: Int64
    /// Values, nulls and NaNs together: Iceberg's `value_counts`.
    public internal(set) var valueCount: Int64
    /// Nil when a file that was read does not say.
    public internal(set) var nullCount: Int64?
    /// Only for float and double, and only when this module wrote the file.
    public internal(set) var nanCount: Int64?
    /// Nil when there is no value, only NaN, or no order (int96).
    public internal(set) var min: ColumnBound?
    public internal(set) var max: ColumnBound?
}

/// A minimum or maximum as PLAIN bytes without a length: little-endian numbers, UTF-8, big-endian UUIDs and decimals in
/// (fixed) byte arrays, one byte for a boolean. Floats never hold NaN; zeros are -0.0 as minimum and +0.0 as maximum.
public struct ColumnBound: Hashable, Sendable {
    public let bytes: [UInt8]
    /// False when the value was longer than `ParquetLimits.boundBytesMax`: a minimum is then a prefix, a maximum a
    /// prefix with its last character or byte raised, so both still enclose every value.
    public let isExact: Bool

    public init(bytes: [UInt8], isExact: Bool) {
        self.bytes = bytes
        self.isExact = isExact
    }
}

/// A finished file.
public struct ParquetFile: Hashable, Sendable {
    /// What was not drained before: the whole file if `drain` was never called.
    public let bytes: [UInt8]
    public let summary: ParquetFileSummary
}
