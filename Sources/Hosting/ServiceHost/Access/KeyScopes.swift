import HTTP

/// What a key is good for.
package struct KeyScopes: Hashable, Sendable {
    /// The groups of routes.
    package enum Routes: String, CaseIterable, Hashable, Sendable {
        /// What the worker is for: sending events, asking, committing.
        case write
        /// `/debug` and `/admin`.
        case admin
    }

    package var routes: Set<Routes>
    /// From which pages; nil: from those of `ALLOWED_ORIGINS`, and from no page at all.
    package var origins: OriginPatterns?
    /// Which types of events; nil: every type.
    package var types: [NamePattern]?
    /// Requests a window of `RATE_LIMIT_WINDOW_MS`; nil: `RATE_LIMIT_MAX_REQUESTS`; 0: no limit.
    package var requestsMax: Int?
    /// Events a window; nil: no limit.
    package var eventsMax: Int?

    package init(
        routes: Set<Routes>, origins: OriginPatterns? = nil, types: [NamePattern]? = nil, requestsMax: Int? = nil,
        eventsMax: Int? = nil
    ) {
        self.routes = routes
        self.origins = origins
        self.types = types
        self.requestsMax = requestsMax
        self.eventsMax = eventsMax
    }

    package static let all = KeyScopes(routes: Set(Routes.allCases))
    package static let write = KeyScopes(routes: [.write])
}

/// A name, or with a `*` at its end every name that begins so.
package struct NamePattern: Hashable, Sendable, CustomStringConvertible {
    private let bytes: [UInt8]
    private let isPrefix: Bool

    /// Nil when there is a `*` elsewhere than at the end, or nothing at all.
    package init?(_ text: String) {
        isPrefix = text.hasSuffix("*")
        bytes = Array(isPrefix ? text.dropLast().utf8 : text[...].utf8)
        guard !text.isEmpty, !bytes.contains(UInt8(ascii: "*")) else { return nil }
    }

    package var description: String { String(decoding: bytes, as: UTF8.self) + (isPrefix ? "*" : "") }

    package func matches(_ name: UnsafeRawBufferPointer) -> Bool {
        isPrefix ? name.starts(with: bytes) : name.elementsEqual(bytes)
    }

    package func matches(_ name: String) -> Bool { Array(name.utf8).withUnsafeBytes { matches($0) } }
}

/// Web origins: `https://shop.example`, `https://*.shop.example` for all its subdomains, `*` for every origin.
package struct OriginPatterns: Hashable, Sendable {
    private struct Subdomains: Hashable {
        /// `https://`
        let scheme: String
        /// `.shop.example`, with a port where one was given.
        let suffix: String
    }

    private var exact: Set<String> = []
    private var subdomains: [Subdomains] = []
    package private(set) var matchesAll = false

    /// What can stand in a list of origins.
    package static let allowed = "an origin is *, scheme://host[:port] or scheme://*.host[:port]"

    package init() {}

    /// Nil when one of `texts` is no origin. A slash at the end is forgiven.
    package init?(_ texts: [String]) {
        for text in texts {
            var origin = text.lowercased()
            if origin.hasSuffix("/") { origin.removeLast() }
            if origin == "*" {
                matchesAll = true
            } else if origin == "null" {
                exact.insert(origin)
            } else {
                guard let separator = origin.firstRange(of: "://"), separator.lowerBound > origin.startIndex else {
                    return nil
                }
                let host = origin[separator.upperBound...]
                let rest = host.hasPrefix("*.") ? host.dropFirst(2) : host
                guard !rest.isEmpty, !rest.contains(where: { "/*?#@ ".contains($0) }) else { return nil }
                if host.hasPrefix("*.") {
                    subdomains.append(
                        Subdomains(scheme: String(origin[..<separator.upperBound]), suffix: "." + rest))
                } else {
                    exact.insert(origin)
                }
            }
        }
    }

    package var isEmpty: Bool { !matchesAll && exact.isEmpty && subdomains.isEmpty }

    package func matches(_ origin: String) -> Bool { matchesAll || names(origin) }

    /// Whether an entry other than `*` matches.
    package func names(_ origin: String) -> Bool {
        if exact.isEmpty && subdomains.isEmpty { return false }
        let origin = origin.lowercased()
        if exact.contains(origin) { return true }
        return subdomains.contains { entry in
            guard origin.hasPrefix(entry.scheme), origin.hasSuffix(entry.suffix) else { return false }
            let label = origin.dropFirst(entry.scheme.count).dropLast(entry.suffix.count)
            return !label.isEmpty && label.utf8.allSatisfy(Self.isHostByte)
        }
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x61...0x7A, 0x30...0x39, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }
}
