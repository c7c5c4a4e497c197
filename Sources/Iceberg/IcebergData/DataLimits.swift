/// What this module reads and keeps at most.
public enum DataLimits {
    /// Bytes read from the end of a file in the hope that they hold its whole footer.
    public static let footerGuessBytes: Int64 = 64 << 10
    /// Column chunks with no more than this between them are fetched in one request.
    public static let rangeGapBytesMax: Int64 = 256 << 10
    /// Requests of one row group in flight.
    public static let concurrentRangesMax = 8
    /// Rows of one row group: positions within it are kept in 32 bits.
    public static let rowGroupRowsMax = 1 << 30
    /// Bytes that the columns of one batch may take.
    public static let batchBytesMax = 8 << 30
    /// Slots of one nested column made of one constant.
    public static let constantBytesMax = 1 << 30
    /// Stored bytes of a delete file.
    public static let deleteFileBytesMax: Int64 = 1 << 30
    /// Decoded deletes kept for the data files of a scan.
    public static let deleteCacheBytes = 256 << 20
}
