/// A request with events, as far as the meaning of the events needs it.
package struct EventRequest: Sendable {
    /// The field `Content-Type`.
    package var contentType: String?
    /// The fields whose name begins with `ce-`, without that, in lowercase: the attributes of binary mode.
    package var attributes: [(name: String, value: String)]
    /// The field `Origin`.
    package var origin: String?
    /// Decompressed, as far as the sender said that it was compressed.
    package var body: [UInt8]
    /// The body is one event out of a request, and no list of them whatever it looks like.
    package let isOneEvent: Bool

    package init(
        contentType: String?, attributes: [(name: String, value: String)] = [], origin: String? = nil, body: [UInt8],
        isOneEvent: Bool = false
    ) {
        self.contentType = contentType
        self.attributes = attributes
        self.origin = origin
        self.body = body
        self.isOneEvent = isOneEvent
    }

    /// Whether the attributes are fields of the request, and the body is the data of one event as it is.
    package var isBinary: Bool {
        !attributes.isEmpty && attributes.contains { $0.name == "specversion" } && !isStructured
    }

    private var isStructured: Bool { contentType.map { Self.begins($0, "application/cloudevents") } ?? false }

    /// Whether `contentType` begins with `prefix`, which is in lowercase, in any case. Without allocation.
    static func begins(_ contentType: String, _ prefix: String) -> Bool {
        var contentType = contentType
        return contentType.withUTF8 { bytes in
            let rest = bytes.drop { $0 == 0x20 }
            guard rest.count >= prefix.utf8.count else { return false }
            return zip(rest, prefix.utf8).allSatisfy { byte, wanted in
                byte | (byte >= 0x41 && byte <= 0x5A ? 0x20 : 0) == wanted
            }
        }
    }
}
