/// An operation on the object store did not succeed.
public struct ObjectStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        case notFound
        /// A key, bucket or URI that is not allowed.
        case invalidName
        /// The store refuses the credentials or the signature.
        case accessDenied
        /// The local disk is full, or the store refuses for want of space.
        case noSpace
        /// The store is away, overloaded or slow: worth another try later.
        case unavailable
        /// Anything else the store or the system answered.
        case failed
    }

    /// Whether a write that failed may yet have taken place.
    public enum Effect: Hashable, Sendable {
        case none
        case unknown
    }

    public let code: Code
    public let message: String
    public let effect: Effect
    /// How long the store asks to be left alone (`Retry-After`), where it says so.
    public let retryAfterMilliseconds: Int?
    /// Of `notFound`: something that is no object has the name, as a FIFO on a local disk, so that none can be made there.
    public let isObstructed: Bool

    public init(
        _ code: Code, _ message: String, effect: Effect = .none, retryAfterMilliseconds: Int? = nil,
        isObstructed: Bool = false
    ) {
        self.isObstructed = isObstructed
        self.code = code
        self.message = message
        self.effect = effect
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }

    public var isRetryable: Bool { code == .unavailable }
    public var description: String { message }
}
