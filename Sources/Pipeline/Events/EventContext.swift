import Clocks

/// What the collector knows of a request besides its events: the columns `cf_*`, when it came, and from what.
package struct EventContext: Hashable, Sendable {
    package enum Field: Int, CaseIterable, Sendable {
        // The columns in the order of the event table.
        case colo, country, city, continent, postalCode, region, timezone, httpProtocol, tlsVersion, tlsCipher
        // Stored as extensions, unless the event has them itself.
        case userAgent, clientAddress

        package static let columns = Array(allCases.prefix(10))
        package static let extensions = Array(allCases.dropFirst(10))

        /// The extension that shows it; nil for the columns.
        package var extensionName: String? {
            switch self {
            case .userAgent: "useragent"
            case .clientAddress: "clientaddress"
            default: nil
            }
        }
    }

    package var receivedAt: Timestamp
    private var values = [String?](repeating: nil, count: Field.allCases.count)

    package init(receivedAt: Timestamp) { self.receivedAt = receivedAt }

    /// Values are cut to 256 characters, the user agent to 512, and to 1,024 bytes; an empty one counts as missing.
    package subscript(field: Field) -> String? {
        get { values[field.rawValue] }
        set {
            values[field.rawValue] = newValue.flatMap {
                $0.isEmpty ? nil : Self.cut($0, field == .userAgent ? 512 : 256)
            }
        }
    }

    /// One character may be of any number of bytes.
    private static func cut(_ text: String, _ characters: Int) -> String {
        guard text.utf8.count > characters else { return text }
        let short = String(text.prefix(characters))
        guard short.utf8.count > 1024 else { return short }
        var scalars = String.UnicodeScalarView()
        var bytes = 0
        for scalar in short.unicodeScalars {
            bytes += UTF8.width(scalar)
            if bytes > 1024 { break }
            scalars.append(scalar)
        }
        return String(scalars)
    }
}
