/// Where and within which limits a server listens.
public struct HTTPServerConfiguration: Sendable {
    public enum Endpoint: Hashable, Sendable, CustomStringConvertible {
        /// A numeric address (`127.0.0.1`, `::1`, `0.0.0.0`, `::`) or `localhost`; port 0 lets the system choose.
        case tcp(address: String, port: Int)
        /// A socket file with these permission bits, `0o600` or `0o660`. One that a dead process left is replaced.
        case unix(path: String, mode: UInt32)

        public var description: String {
            switch self {
            case .tcp(let address, let port): address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
            case .unix(let path, _): "unix:\(path)"
            }
        }
    }

    public struct TLS: Sendable {
        /// PEM, the whole chain.
        public var certificate: String
        /// PEM.
        public var key: String

        public init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    public var endpoints: [Endpoint]
    /// For TCP endpoints; Unix sockets stay plain.
    public var tls: TLS?
    public var limits = HTTPServerLimits()

    public init(endpoints: [Endpoint], tls: TLS? = nil, limits: HTTPServerLimits = HTTPServerLimits()) {
        self.endpoints = endpoints
        self.tls = tls
        self.limits = limits
    }
}

/// What a client may take of a server.
public struct HTTPServerLimits: Hashable, Sendable {
    /// Request line and headers; more is 431, or 414 when the request line alone is longer.
    public var headerBytesMax = 16 << 10
    /// A body as it is sent; more is 413.
    public var bodyBytesMax = 10 << 20
    /// All bodies from their first byte to their answer, together; more is 503.
    public var bodiesBytesMax = 256 << 20
    /// Open connections. Beyond it those that rest are closed for new ones; when none rests, new ones are turned away with 503.
    public var connectionsMax = 16_384
    /// Open connections of one address, 0 for no limit; more are turned away with 503.
    public var connectionsPerAddressMax = 0
    /// A connection that moves no byte for so long is closed.
    public var idleTimeoutSeconds = 60
    /// From the first byte of a request until its headers are there, even if bytes trickle in; longer is 408.
    public var headerTimeoutSeconds = 30
    /// From the headers until the body is there; longer is 408.
    public var bodyTimeoutSeconds = 120
    /// A body that comes slower than this, on average since its headers, is 408; 0 for any speed. Bytes a second.
    public var bodyBytesPerSecondMin = 0
    /// Before the average counts.
    public var bodyGraceSeconds = 10
    /// Threads that move bytes.
    public var threadCount = 1

    public init() {}
}

/// A server could not start.
public struct HTTPServerError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// Another process listens there.
        case addressInUse
        /// The address, path, certificate or key cannot be used.
        case invalid
        /// The system refused.
        case failed
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
