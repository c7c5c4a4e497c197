/// A URL as configuration holds it: `http(s)://host[:port][/path]`, `file:///path`, or `unix:/path`.
public struct EndpointURL: Hashable, Sendable, CustomStringConvertible {
    /// As given, without a trailing slash.
    public let text: String
    /// Lowercase.
    public let scheme: String
    /// Empty for `file:` and `unix:`. An IPv6 address keeps its brackets.
    public let host: String
    public let port: Int?
    /// Begins with `/`, or is empty; the file or socket path for `file:` and `unix:`. Not decoded.
    public let path: String

    /// Nil for what is no such URL, or carries user information, white space or control characters.
    public init?(_ given: String) {
        guard let colon = given.firstIndex(of: ":"), !given.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else {
            return nil
        }
        scheme = given[..<colon].lowercased()
        guard scheme.utf8.first.map({ $0 >= 0x61 && $0 <= 0x7A }) == true else { return nil }
        var rest = given[given.index(after: colon)...]
        while rest.hasSuffix("/") && rest.count > 1 { rest.removeLast() }
        text = String(given[...colon]) + rest
        if scheme == "unix" || scheme == "file" {
            if rest.hasPrefix("//") { rest = rest.dropFirst(2) }
            guard rest.hasPrefix("/"), rest.count > 1 else { return nil }
            host = ""
            port = nil
            path = String(rest)
            return
        }
        guard rest.hasPrefix("//") else { return nil }
        rest = rest.dropFirst(2)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        path = String(rest[authority.endIndex...])
        guard let (host, port) = Self.splitAuthority(authority) else { return nil }
        self.host = host
        self.port = port
    }

    private static func splitAuthority(_ authority: Substring) -> (String, Int?)? {
        guard !authority.contains("@") else { return nil }
        let end = authority.hasPrefix("[") ? authority.firstIndex(of: "]").map(authority.index(after:)) : nil
        let hostEnd = end ?? authority.firstIndex(of: ":") ?? authority.endIndex
        let host = authority[..<hostEnd]
        guard !host.isEmpty else { return nil }
        let rest = authority[hostEnd...]
        if rest.isEmpty { return (String(host), nil) }
        guard rest.hasPrefix(":"), let port = Int(rest.dropFirst()), (1...65_535).contains(port) else { return nil }
        return (String(host), port)
    }

    public var description: String { text }
}

/// Counts of bytes as people write them.
enum ByteCountText {
    private static let units: [(String, Int)] = [
        ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("kb", 1 << 10), ("mb", 1 << 20), ("gb", 1 << 30),
        ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30), ("b", 1),
    ]

    static func parse(_ text: String, plainUnit: Int) -> Int? {
        let lower = text.lowercased()
        let unit = units.first { lower.hasSuffix($0.0) }
        var number = unit.map { lower.dropLast($0.0.count) } ?? lower[...]
        while number.hasSuffix(" ") { number.removeLast() }
        guard let count = Int(number), count >= 0 else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: unit?.1 ?? plainUnit)
        return overflow ? nil : product
    }
}
