import JSONFormat

/// Something that claims to be Iceberg is not, or a change would break the table specification.
public struct IcebergError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// The document does not have the shape the specification gives it.
        case malformed
        /// A version or feature this library does not know.
        case unsupported
        /// Well formed, but it contradicts itself, the table it is for, or a rule of the specification.
        case invalid
        /// It was made from an older state of the table: loading again and retrying can help.
        case stale
        /// More of something than `Limits` allows.
        case limitExceeded
    }

    public let code: Code
    public let message: String
    /// Where in the document: `$.schemas[0].fields[2].type`. Empty when there is no one place.
    public let path: String

    public init(_ code: Code, _ message: String, path: String = "") {
        self.code = code
        self.message = message
        self.path = path
    }

    init(_ error: JSONError) {
        self.init(.malformed, error.message, path: error.path)
    }

    public var description: String { path.isEmpty ? message : "\(path): \(message)" }
}
