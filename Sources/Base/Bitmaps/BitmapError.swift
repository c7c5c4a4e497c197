/// Bytes are not a serialized bitmap.
public struct BitmapError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where in the bytes, counted from the start of the bitmap.
    public let offset: Int
    public let message: String

    init(at offset: Int, _ message: String) {
        self.offset = offset
        self.message = message
    }

    public var description: String { "bitmap, at byte \(offset): \(message)" }
}
