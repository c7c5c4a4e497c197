/// A compressed run of bytes could not be made or read.
public struct CompressionError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// The input is not what the codec makes, or is cut short.
        case corrupt
        /// The output would be larger than the caller allows.
        case tooLarge
        /// The library could not get memory or was misused.
        case failed
    }

    public let code: Code
    public let codec: String
    public let message: String

    public init(_ code: Code, codec: String, _ message: String) {
        self.code = code
        self.codec = codec
        self.message = message
    }

    public var description: String { "\(codec): \(message)" }
}
