/// What this module reads and keeps at most.
public enum DataLimits {
    /// Requests of one row group in flight.
    public static let concurrentRangesMax = 8
    /// Rows of one row group: columns that a file does not have are made for all of them, whatever its size.
    public static let rowGroupRowsMax = 1 << 27
    /// What the stored columns of one row group may take in memory, unless the scan says otherwise: a few bytes of
    /// dictionary and runs can be very many.
    public static let decodedBytesMax = 2 << 30
    /// Slots of one nested column made of one constant.
    public static let constantBytesMax = 1 << 30
    /// The values that the rows of an equality delete file, or of one row group, are compared by.
    public static let keyBytesMax = Int(UInt32.max)
    /// Stored bytes of a delete file.
    public static let deleteFileBytesMax: Int64 = 1 << 30
    /// Decoded deletes kept for the data files of a scan.
    public static let deleteCacheBytes = 256 << 20
}
