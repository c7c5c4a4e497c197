import HTTP

/// Whether clients that ask for it are handed credentials of the object store with a table.
///
/// They are the deployment's own, not narrowed to the table: fit for development and for trusted engines only, which is
/// why they are handed out by default in development alone.
package struct CredentialVending: Sendable {
    /// Nil: never.
    let config: [String: String]?

    package init(config: [String: String]?) { self.config = config }

    /// What `request` is given for `location`: nothing unless it asks for `vended-credentials`.
    func credentials(
        for request: HTTPRequest, _ location: String
    ) -> [(prefix: String, config: [String: String])] {
        guard let config, !config.isEmpty else { return [] }
        let asked = request.headers.values("X-Iceberg-Access-Delegation").flatMap { $0.split(separator: ",") }
        guard asked.contains(where: { $0.contains("vended-credentials") }) else { return [] }
        return [(location, config)]
    }
}
