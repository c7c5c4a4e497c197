/// Why the server itself refuses a request, before a handler sees it.
public struct HTTPRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// 400, 408, 413, 414, 417, 431, 501, 503 or 505.
    public let status: Int
    /// For the caller: what was wrong.
    public let message: String

    public init(_ status: Int, _ message: String) {
        self.status = status
        self.message = message
    }

    public var description: String { "\(status): \(message)" }

    static func malformed(_ message: String) -> HTTPRefusal { HTTPRefusal(400, message) }
}
