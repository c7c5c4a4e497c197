/// What a reader accepts from a file it does not trust.
public struct PuffinLimits: Hashable, Sendable {
    /// Bytes of the footer's payload, once decompressed.
    public var footerBytesMax = 64 << 20
    /// Blobs of one file.
    public var blobsMax = 1 << 20
    /// Bytes of one blob, once decompressed.
    public var blobBytesMax = 512 << 20

    public init() {}
}
