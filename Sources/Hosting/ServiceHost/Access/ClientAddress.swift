import HTTP

/// The proxies that are believed (`TRUSTED_PROXIES`): addresses, blocks of addresses, or all.
package struct TrustedProxies: Hashable, Sendable {
    private let networks: [IPNetwork]
    private let trustsAll: Bool
    /// Peers that need not be looked for in the blocks: nearly every request comes from one of them, or there are none.
    private let usual: Set<String>

    /// What can stand in the list.
    package static let allowed = "an address such as 192.0.2.1, a block such as 10.0.0.0/8, or * for all"
    package static let none = TrustedProxies()
    /// What development believes unless it is told otherwise: programs of the same machine.
    package static let loopback = ["127.0.0.0/8", "::1"]

    private init() {
        networks = []
        trustsAll = false
        usual = []
    }

    /// Nil when one of `texts` is neither.
    package init?(_ texts: [String]) {
        trustsAll = texts.contains("*")
        let networks = texts.filter { $0 != "*" }.map { IPNetwork($0) }
        self.networks = networks.compactMap { $0 }
        guard self.networks.count == networks.count else { return nil }
        let known = self.networks
        usual = Set(
            (texts + ["127.0.0.1", "::1"]).filter { text in
                IPAddress(plain: text).map { address in known.contains { $0.contains(address) } } ?? false
            })
    }

    func contains(_ address: IPAddress) -> Bool { networks.contains { $0.contains(address) } }

    /// Whether the fields of `request` that speak of others are believed: over a Unix socket they are, since who may use that
    /// may do more.
    func believes(_ request: HTTPRequest) -> Bool {
        switch request.peer {
        case .unixSocket: true
        case .unknown: trustsAll
        case .address(let text):
            trustsAll || usual.contains(text)
                || !networks.isEmpty && (IPAddress(text).map { contains($0) } ?? false)
        }
    }

    /// Whose request it is: the peer's address, or what the proxies that are believed say.
    ///
    /// Of `X-Forwarded-For` counts the last address that is not a believed proxy's: whatever stands further left may have been
    /// sent by the client. `CF-Connecting-IP` counts where that field is missing. With `*` nothing can be told apart:
    /// `CF-Connecting-IP` counts first, then the first of `X-Forwarded-For`.
    func clientAddress(of request: HTTPRequest, isBelieved: Bool) -> String {
        guard isBelieved else { return Self.peerAddress(request) }
        let connecting = request.headers["CF-Connecting-IP"].flatMap { IPAddress($0) }
        if trustsAll, let connecting { return connecting.description }
        return forwarded(request) ?? connecting?.description ?? Self.peerAddress(request)
    }

    private static func peerAddress(_ request: HTTPRequest) -> String {
        switch request.peer {
        // A socket that takes both families shows IPv4 as mapped.
        case .address(let text): text.hasPrefix("::ffff:") ? IPAddress(plain: text)?.description ?? text : text
        case .unixSocket: "unix"
        case .unknown: "unknown"
        }
    }

    private func forwarded(_ request: HTTPRequest) -> String? {
        guard request.headers["X-Forwarded-For"] != nil else { return nil }
        let hops = request.headers.values("X-Forwarded-For").joined(separator: ",").split(separator: ",")
        let address = { (hop: Substring) in IPAddress(hop.filter { $0 != " " && $0 != "\t" }) }
        if trustsAll { return hops.first.flatMap(address)?.description }
        // From the right, however many the client has put in front of them.
        for hop in hops.reversed() {
            // What is no address was not written by a proxy that is believed.
            guard let address = address(hop) else { return nil }
            if !contains(address) { return address.description }
        }
        return nil
    }
}
