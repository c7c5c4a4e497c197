/// A text is not JSON, or a value is not what was expected at its place.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    /// Where: `$.schemas[0].fields`. Empty when the text is no JSON at all.
    public let path: String

    public init(_ message: String, path: String = "") {
        self.message = message
        self.path = path
    }

    public var description: String { path.isEmpty ? message : "\(path): \(message)" }
}
