import Bytes
import Checksums
import Clocks
import HTTP
import Synchronization

/// Where an S3 is and how to speak to it.
public struct S3Configuration: Hashable, Sendable {
    public enum Addressing: String, CaseIterable, Sendable {
        /// `https://endpoint/bucket/key`
        case path
        /// `https://bucket.endpoint/key`
        case virtual
    }

    /// `https://host[:port][/path]`, without a trailing slash.
    public var endpoint: String
    public var region: String
    public var credentials: S3Credentials
    public var addressing = Addressing.path
    /// Larger bodies go up in parts of `partBytes`.
    public var multipartThresholdBytes = 64 << 20
    /// At least 5 MiB, as S3 asks.
    public var partBytes = 16 << 20
    /// Longer objects are not read whole.
    public var objectBytesMax = 1 << 30
    public var connectTimeoutMilliseconds = 5_000
    /// How long a request may stand still; in all it may take this and the time its bytes need at 256 KiB a second.
    public var timeoutMilliseconds = 30_000

    public init(endpoint: String, region: String = "auto", credentials: S3Credentials) {
        self.endpoint = endpoint
        self.region = region
        self.credentials = credentials
    }
}

/// Signs and sends one request after the other; knows nothing of objects.
final class S3Client: Sendable {
    struct Call {
        var method: HTTPMethod
        /// nil: the service itself.
        var bucket: BucketName?
        var key: ObjectKey?
        var query: [(name: String, value: String)] = []
        var headers: [(name: String, value: String)] = []
        var body: [UInt8] = []
        var responseBytesMax = 16 << 20
        /// For messages: "read bucket/key".
        var what: String
        /// What it means for the caller when no clear answer comes.
        var effect: ObjectStoreError.Effect
    }

    let configuration: S3Configuration
    let clock: any WallClock
    private let http: any HTTPClient
    private let signer: SigV4Signer
    /// The part of the endpoint between `https://` and the path.
    private let authority: String
    private let scheme: String
    private let basePath: String
    /// How far the store's clock is ahead of ours, learned when it refuses a signature for its time.
    private let skewMicroseconds = Atomic<Int64>(0)

    init(_ configuration: S3Configuration, http: any HTTPClient, clock: any WallClock) throws(ObjectStoreError) {
        let parts = configuration.endpoint.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count >= 3, parts[0] == "https:" || parts[0] == "http:", parts[1].isEmpty, !parts[2].isEmpty else {
            throw ObjectStoreError(
                .invalidName, "the endpoint \"\(configuration.endpoint)\" is not of the form https://host[:port]")
        }
        scheme = String(parts[0].dropLast())
        authority = Self.withoutDefaultPort(String(parts[2]), scheme)
        var path = parts.count > 3 && !parts[3].isEmpty ? "/\(parts[3])" : ""
        while path.hasSuffix("/") { path.removeLast() }
        basePath = path
        self.configuration = configuration
        self.http = http
        self.clock = clock
        signer = SigV4Signer(credentials: configuration.credentials, region: configuration.region)
    }

    private static func withoutDefaultPort(_ authority: String, _ scheme: String) -> String {
        let port = scheme == "https" ? ":443" : ":80"
        return authority.hasSuffix(port) ? String(authority.dropLast(port.count)) : authority
    }

    var now: Timestamp {
        Timestamp(microseconds: clock.now().microseconds + skewMicroseconds.load(ordering: .relaxed))
    }

    /// Sends the call and returns the answer, whatever its status.
    func send(_ call: Call) async throws(ObjectStoreError) -> HTTPResponse {
        let response = try await sendOnce(call)
        guard response.status == 403 || response.status == 400, learnSkew(from: response) else { return response }
        return try await sendOnce(call)
    }

    /// The failure an answer stands for.
    func failure(_ response: HTTPResponse, _ call: Call) -> ObjectStoreError {
        S3Failure(response, now: now).error(call.what, effect: call.effect)
    }

    /// Sends the call; an answer outside 200…299 is an error.
    func succeed(_ call: Call) async throws(ObjectStoreError) -> HTTPResponse {
        let response = try await send(call)
        guard (200..<300).contains(response.status) else { throw failure(response, call) }
        return response
    }

    /// The XML document of an answer.
    func document(_ response: HTTPResponse, _ call: Call, root: String) throws(ObjectStoreError) -> XMLElement {
        do throws(XMLElement.SyntaxError) {
            let document = try XMLElement.parse(response.body)
            if document.name == root { return document }
        } catch {
            throw ObjectStoreError(.failed, "cannot \(call.what): the answer is \(error)", effect: call.effect)
        }
        // S3 reports some failures under status 200, once it has begun to answer.
        throw failure(response, call)
    }

    private func sendOnce(_ call: Call) async throws(ObjectStoreError) -> HTTPResponse {
        let request = signed(call)
        var options = HTTPRequestOptions()
        options.connectTimeoutMilliseconds = configuration.connectTimeoutMilliseconds
        let bytes = max(call.body.count, call.responseBytesMax)
        options.timeoutMilliseconds = configuration.timeoutMilliseconds + bytes / 262
        options.stallSeconds = max(1, configuration.timeoutMilliseconds / 1000)
        options.responseBytesMax = call.responseBytesMax
        do throws(HTTPClientError) {
            return try await http.send(request, options: options)
        } catch {
            throw ObjectStoreError(error, call.what, effect: call.effect)
        }
    }

    private static let hashOfNothing = Hexadecimal.encode(Digest.sha256([UInt8]()))

    func signed(_ call: Call) -> HTTPRequest {
        let time = now
        let isVirtual = configuration.addressing == .virtual && call.bucket != nil
        let host = isVirtual ? "\(call.bucket?.rawValue ?? "").\(authority)" : authority
        var path = basePath
        if let bucket = call.bucket, !isVirtual { path += "/\(bucket)" }
        if let key = call.key { path += "/\(SigV4Signer.encodePath(key.rawValue))" }
        if path.isEmpty { path = "/" }
        let query = SigV4Signer.encodeQuery(call.query)
        let hash = call.body.isEmpty ? Self.hashOfNothing : Hexadecimal.encode(Digest.sha256(call.body))
        var headers = call.headers
        headers.append(("host", host))
        headers.append(("x-amz-date", SigV4Signer.dateTime(time)))
        headers.append(("x-amz-content-sha256", hash))
        if let token = configuration.credentials.sessionToken { headers.append(("x-amz-security-token", token)) }
        let authorization = signer.authorization(
            for: SigV4Request(
                method: call.method.rawValue, encodedPath: path, encodedQuery: query, headers: headers,
                payloadHash: hash), at: time)
        var request = HTTPRequest(
            method: call.method, target: "\(scheme)://\(host)\(path)\(query.isEmpty ? "" : "?\(query)")",
            body: call.body)
        for header in headers { request.headers.append(header.name, header.value) }
        request.headers.append("authorization", authorization)
        return request
    }

    /// Takes over the store's clock when it has refused a request for ours; false when that was not the reason.
    private func learnSkew(from response: HTTPResponse) -> Bool {
        guard S3Failure(response, now: now).code == "RequestTimeTooSkewed",
            let theirs = response.headers["Date"].flatMap(HTTPDate.parse)
        else { return false }
        skewMicroseconds.store(theirs.microseconds - clock.now().microseconds, ordering: .relaxed)
        return true
    }
}
