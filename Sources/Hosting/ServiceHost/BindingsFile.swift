import Configuration
import JSONFormat

/// The service bindings of a host: which name leads where.
///
///     {"services":[{"binding":"ANALYTICS_CATALOG","service":"analytics-catalog-development","url":"unix:/run/catalog.sock"}]}
package struct BindingsFile: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package let binding: String
        /// The deployed name of the worker it leads to.
        package let service: String
        /// `unix:/path`, or `http(s)://host:port[/path]`.
        package let url: EndpointURL
    }

    package let entries: [Entry]

    package init(entries: [Entry]) { self.entries = entries }

    package init(json bytes: [UInt8]) throws(JSONError) {
        var entries: [Entry] = []
        for element in try JSONCursor(try JSONValue.parse(bytes)).member("services").elements() {
            let member = try element.member("url")
            guard let url = EndpointURL(try member.string()), ["unix", "http", "https"].contains(url.scheme) else {
                throw member.fail(
                    "expected unix:/path or http(s)://host:port, found \(member.value.serializedString())")
            }
            let binding = try element.member("binding").string()
            let service = try element.member("service").string()
            guard !entries.contains(where: { $0.binding == binding }) else {
                throw element.fail("the binding \(binding) is there twice")
            }
            entries.append(Entry(binding: binding, service: service, url: url))
        }
        self.entries = entries
    }

    package subscript(binding: String) -> Entry? { entries.first { $0.binding == binding } }

    /// The socket a worker listens on: the one its own entry names.
    package func socketPath(service: String, binding: String) -> String? {
        let entry = entries.first { $0.service == service } ?? self[binding]
        guard let url = entry?.url, url.scheme == "unix" else { return nil }
        return url.path
    }
}
