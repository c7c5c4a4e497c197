import Bytes

/// A request method. Any token is possible; the usual ones have names.
public struct HTTPMethod: Hashable, Sendable, RawRepresentable, CustomStringConvertible {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    public static let get = HTTPMethod(rawValue: "GET")
    public static let head = HTTPMethod(rawValue: "HEAD")
    public static let post = HTTPMethod(rawValue: "POST")
    public static let put = HTTPMethod(rawValue: "PUT")
    public static let delete = HTTPMethod(rawValue: "DELETE")
    public static let options = HTTPMethod(rawValue: "OPTIONS")

    public var description: String { rawValue }
}

/// A request as the server received it, body whole and within its limit, or as the client is to send it.
public struct HTTPRequest: Sendable {
    public var method: HTTPMethod
    /// Server: path and query as received (`/events?x=1`). Client: the absolute URL, or the path on a Unix socket.
    public var target: String
    public var headers: HTTPHeaders
    public var body: [UInt8]
    /// Who sent it, as the server saw it.
    public var peer: HTTPPeer

    public init(
        method: HTTPMethod, target: String, headers: HTTPHeaders = [:], body: [UInt8] = [],
        peer: HTTPPeer = .unknown
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.peer = peer
    }

    /// The part of the target before `?`, still percent-encoded.
    public var path: Substring { target[..<(queryMark ?? target.endIndex)] }

    /// Looked for in every request, hence byte by byte: characters cost fifty times as much.
    private var queryMark: String.Index? { target.utf8.firstIndex(of: UInt8(ascii: "?")) }

    /// The decoded query parameters, in order. Broken escapes are kept as they are.
    public var query: [(name: String, value: String)] {
        guard let mark = queryMark else { return [] }
        return target[target.utf8.index(after: mark)...].split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = PercentEncoding.decode(parts[0], plusIsSpace: true) ?? String(parts[0])
            guard parts.count > 1 else { return (name, "") }
            return (name, PercentEncoding.decode(parts[1], plusIsSpace: true) ?? String(parts[1]))
        }
    }

    /// The first query parameter of that name.
    public func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }
}

/// Where a request came from.
public enum HTTPPeer: Hashable, Sendable {
    case address(String)
    /// Over a Unix socket: trusted by the permissions of the socket.
    case unixSocket
    case unknown
}

/// A response, whole.
public struct HTTPResponse: Sendable {
    public var status: Int
    public var headers: HTTPHeaders
    public var body: [UInt8]

    public init(status: Int, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
