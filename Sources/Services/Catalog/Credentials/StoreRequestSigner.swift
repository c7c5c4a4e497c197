import Bytes
import Checksums
import Clocks
import IcebergCatalog
import ObjectStore

/// Signs requests to the object store for clients that have no keys (REST catalog: `signRequest`).
///
/// Signed is only what reads or writes objects of one table, or lists them: the request is taken apart, held to rules of
/// what may be in it, and written anew, so that what was checked is what is signed. The store takes a signature for
/// about a quarter of an hour.
package struct StoreRequestSigner: Sendable {
    let endpoint: StoreEndpoint
    private let addressing: S3Configuration.Addressing
    private let signer: SigV4Signer
    private let clock: any WallClock

    /// Nil where the store's endpoint is none.
    package init?(_ store: S3Configuration, clock: any WallClock) {
        guard let endpoint = StoreEndpoint(store.endpoint) else { return nil }
        self.endpoint = endpoint
        self.clock = clock
        addressing = store.addressing
        signer = SigV4Signer(credentials: store.credentials, region: store.region)
    }

    /// A request as it is to be sent: these headers in place of, or besides, those it had.
    struct Signed: Sendable {
        let uri: String
        let headers: [(name: String, value: String)]
    }

    /// Signs a request that `StoreRequestRules` has let pass.
    func sign(_ request: StoreRequest) throws(CatalogError) -> Signed {
        let time = clock.now()
        let isVirtual = addressing == .virtual
        let host = isVirtual ? "\(request.bucket).\(endpoint.authority)" : endpoint.authority
        var path = endpoint.basePath
        if !isVirtual { path += "/\(request.bucket)" }
        if let key = request.key { path += "/\(SigV4Signer.encodePath(key.rawValue))" }
        if path.isEmpty || request.key == nil { path += "/" }
        let query = SigV4Signer.encodeQuery(request.query)
        let hash = try payloadHash(of: request)
        var added = [(name: "x-amz-date", value: SigV4Signer.dateTime(time))]
        if request.header("x-amz-content-sha256") != hash {
            added.append((name: "x-amz-content-sha256", value: hash))
        }
        if let token = signer.credentials.sessionToken { added.append((name: "x-amz-security-token", value: token)) }
        let replaced = Set(added.map(\.name) + ["x-amz-date", "x-amz-security-token"])
        var headers = [(name: "host", value: host)] + added
        for (name, values) in request.headers.sorted(by: { $0.key < $1.key }) {
            guard name.hasPrefix("x-amz-") || name == "content-md5", !replaced.contains(name) else { continue }
            for value in values { headers.append((name: name, value: value)) }
        }
        let authorization = signer.authorization(
            for: SigV4Request(
                method: request.method, encodedPath: path, encodedQuery: query, headers: headers, payloadHash: hash),
            at: time)
        return Signed(
            uri: "\(endpoint.scheme)//\(host)\(path)\(query.isEmpty ? "" : "?\(query)")",
            headers: added + [(name: "Authorization", value: authorization)])
    }

    /// What stands for the body: of one that was shown its digest, else what the client says.
    private func payloadHash(of request: StoreRequest) throws(CatalogError) -> String {
        if let body = request.body, !body.isEmpty { return Hexadecimal.encode(Digest.sha256(Array(body.utf8))) }
        if let given = request.header("x-amz-content-sha256") {
            let isDigest = given.utf8.count == 64 && Hexadecimal.decode(given) != nil
            guard isDigest || ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"].contains(given) else {
                throw CatalogError(.badRequest, "a body signed part by part needs the store's key: send it whole")
            }
            return given
        }
        if request.header("x-amz-trailer") != nil { return "STREAMING-UNSIGNED-PAYLOAD-TRAILER" }
        return request.method == "PUT" || request.method == "POST"
            ? "UNSIGNED-PAYLOAD" : Hexadecimal.encode(Digest.sha256([UInt8]()))
    }
}
