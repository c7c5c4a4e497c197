import Bytes

/// Sends requests. The one real implementation is `CurlClient`; tests of what lies above use fault-injecting ones.
public protocol HTTPClient: Sendable {
    /// Sends `request` and returns the response whole, whatever its status.
    ///
    /// - Throws: `HTTPClientError` when no whole response came back; its `stage` tells whether the request may have
    ///   taken effect. Cancelling the task aborts the transfer.
    func send(_ request: HTTPRequest, options: HTTPRequestOptions) async throws(HTTPClientError) -> HTTPResponse
}

/// How a request is sent.
public struct HTTPRequestOptions: Hashable, Sendable {
    /// Connect to this Unix socket instead of the host of the URL.
    public var unixSocketPath: String?
    public var connectTimeoutMilliseconds = 5_000
    /// From the first byte sent to the last received.
    public var timeoutMilliseconds = 60_000
    /// Give up when fewer than 1 KiB a second have passed for so long, in either direction: notices a dead peer within a
    /// transfer that may rightly take long. 0: never.
    public var stallSeconds = 0
    /// A longer response is an error.
    public var responseBytesMax = 1 << 30

    public init(unixSocketPath: String? = nil) { self.unixSocketPath = unixSocketPath }
}

/// No whole response came back.
public struct HTTPClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// How far the exchange got.
    public enum Stage: Hashable, Sendable {
        /// Nothing was sent: the request certainly had no effect.
        case notSent
        /// Something was sent: the request may have taken effect.
        case maybeSent
    }

    public let stage: Stage
    public let message: String
    public let isTimeout: Bool

    public init(stage: Stage, message: String, isTimeout: Bool = false) {
        self.stage = stage
        self.message = message
        self.isTimeout = isTimeout
    }

    public var description: String { message }
}
