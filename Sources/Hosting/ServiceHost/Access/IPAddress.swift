import Glibc

/// An IP address: 16 bytes, IPv4 in the form mapped to IPv6.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    private static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]

    /// Takes `192.0.2.1` and `2001:db8::1`; nil for anything else.
    package init?(plain text: some StringProtocol) {
        guard (2...45).contains(text.utf8.count) else { return nil }
        let text = String(text)
        var six = in6_addr()
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = Self.mappedPrefix + withUnsafeBytes(of: &four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            bytes = withUnsafeBytes(of: &six) { Array($0) }
        } else {
            return nil
        }
    }

    /// Takes an address as proxies write it: also `[2001:db8::1]`, and with a port behind it.
    package init?(_ text: some StringProtocol) {
        let isPort = { (text: Substring) in text.utf8.count <= 6 && text.utf8.dropFirst().allSatisfy { $0 >> 4 == 3 } }
        let whole = Substring(text)
        if whole.hasPrefix("["), let end = whole.firstIndex(of: "]") {
            let rest = whole[whole.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") && isPort(rest) else { return nil }
            self.init(plain: whole[..<end].dropFirst())
        } else if let colon = whole.firstIndex(of: ":"), whole[..<colon].contains("."), isPort(whole[colon...]) {
            self.init(plain: whole[..<colon])
        } else {
            self.init(plain: whole)
        }
    }

    package var isIPv4: Bool { bytes.starts(with: Self.mappedPrefix) }

    /// In the canonical form: `192.0.2.1`, `2001:db8::1`.
    package var description: String {
        var text = [CChar](repeating: 0, count: 64)
        if isIPv4 {
            inet_ntop(AF_INET, Array(bytes[12...]), &text, socklen_t(text.count))
        } else {
            inet_ntop(AF_INET6, bytes, &text, socklen_t(text.count))
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A block of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
package struct IPNetwork: Hashable, Sendable {
    private let address: IPAddress
    /// Of the 16 bytes.
    private let bits: Int

    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(plain: first) else { return nil }
        let width = address.isIPv4 && !first.contains(":") ? 32 : 128
        var bits = width
        if parts.count == 2 {
            guard let given = Int(parts[1]), (0...width).contains(given) else { return nil }
            bits = given
        }
        self.address = address
        self.bits = 128 - width + bits
    }

    package func contains(_ other: IPAddress) -> Bool {
        let whole = bits / 8
        guard address.bytes[..<whole] == other.bytes[..<whole] else { return false }
        let rest = bits % 8
        guard rest > 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xFF00 >> rest)
        return address.bytes[whole] & mask == other.bytes[whole] & mask
    }
}
