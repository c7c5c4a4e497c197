import Clocks

/// One CloudEvent (version 1.0) as it is stored.
///
/// `data` is the JSON text as it was sent; the text itself when `datacontenttype` is not JSON and the data came as a
/// JSON string; base64 when `isBase64`, which the table shows as the extension `data_base64` = `true` (no attribute of
/// CloudEvents can have that name).
package struct Event: Hashable, Sendable {
    package struct Extension: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package var id: String
    package var type: String
    package var source: String
    package var time: Timestamp
    package var subject: String?
    package var dataContentType: String?
    package var dataSchema: String?
    package var data: String?
    package var isBase64: Bool
    package var extensions: [Extension]
    package var key: EventKey

    package static let specVersion = "1.0"
    /// The extension that marks `data` as base64.
    package static let base64Marker = "data_base64"
}

/// A keyed 128-bit hash (SipHash-2-4) of (`source`, `id`), which stands for the pair.
///
/// Two different pairs share a key with a probability of 2⁻¹²⁸: among the 10⁹ pairs of a very busy window the chance of
/// one wrong "duplicate" is below 2·10⁻²¹. The secret is random for each log, so that nobody can look for a collision.
package struct EventKey: Hashable, Sendable {
    package let low: UInt64
    package let high: UInt64

    package init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }
}

/// The secret of `EventKey`.
package struct EventKeySecret: Hashable, Sendable {
    package let low: UInt64
    package let high: UInt64

    package init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }
}
