/// Why bytes are not a Puffin file or a blob of the kind they should be, or cannot become one.
public struct PuffinError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// The bytes are damaged, cut short or do not follow the specification.
        case corrupt
        /// A size or count is above what `PuffinLimits` allows.
        case tooLarge
        /// A compression codec or flag this reader does not know.
        case unsupported
        /// The caller gave what cannot be written or read, such as a blob that is not there.
        case invalidArgument
    }

    public let code: Code
    /// The part of the file: `footer`, `blob 3`, `deletion vector`.
    public let place: String
    public let message: String

    public init(_ code: Code, at place: String, _ message: String) {
        self.code = code
        self.place = place
        self.message = message
    }

    public var description: String { "Puffin, \(place): \(message)" }
}
