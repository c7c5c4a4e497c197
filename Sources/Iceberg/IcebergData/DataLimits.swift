/// What this module reads and keeps at most.
public enum DataLimits {
    /// Requests of one row group in flight.
    public static let concurrentRangesMax = 8
    /// Rows of one row group: positions within it are kept in 32 bits.
    public static let rowGroupRowsMax = 1 << 30
    /// Slots of one nested column made of one constant.
    public static let constantBytesMax = 1 << 30
    /// Stored bytes of a delete file.
    public static let deleteFileBytesMax: Int64 = 1 << 30
    /// Decoded deletes kept for the data files of a scan.
    public static let deleteCacheBytes = 256 << 20
}
