/// A Parquet file could not be read, or columns could not be written.
public struct ParquetError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// The bytes break the format: cut short, damaged, or a count that contradicts another.
        case corrupt
        /// Valid by the format, but with a feature this module does not read: encryption, a codec, an encoding.
        case unsupported
        /// Larger than a limit of `ParquetLimits` or of the caller.
        case tooLarge
        /// What the caller handed over does not fit the schema, or is out of range.
        case invalidArgument
        /// A library failed, for example for want of memory.
        case failed
    }

    public let code: Code
    /// Where: `footer`, `row group 0, column a.b, page 3`, `schema`.
    public let place: String
    public let message: String

    public init(_ code: Code, at place: String, _ message: String) {
        self.code = code
        self.place = place
        self.message = message
    }

    public var description: String { "parquet \(place): \(message)" }

    /// The same error, told with the place around it.
    func within(_ outer: String) -> ParquetError {
        ParquetError(code, at: place.isEmpty ? outer : "\(outer), \(place)", message)
    }
}
