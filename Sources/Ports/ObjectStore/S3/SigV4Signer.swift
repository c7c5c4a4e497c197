import Bytes
import Checksums
import Clocks

/// Who signs.
public struct S3Credentials: Hashable, Sendable, CustomStringConvertible {
    public let accessKeyID: String
    public let secretAccessKey: String
    /// Of temporary credentials; sent and signed with every request.
    public let sessionToken: String?

    public init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
    }

    public var description: String { "S3Credentials(\(accessKeyID), [redacted])" }
}

/// A request as it is to be sent: what is signed are these very bytes, nothing is parsed or encoded again.
public struct SigV4Request: Sendable {
    public let method: String
    /// Percent-encoded, as it goes into the request line.
    public let encodedPath: String
    /// As it goes into the request line: `SigV4Signer.encodeQuery` makes it, sorted and encoded as the signature wants it.
    public let encodedQuery: String
    /// All header fields to sign, `host` among them.
    public let headers: [(name: String, value: String)]
    /// SHA-256 of the body in hexadecimal, or the marker that stands for it in `x-amz-content-sha256`.
    public let payloadHash: String

    public init(
        method: String, encodedPath: String, encodedQuery: String, headers: [(name: String, value: String)],
        payloadHash: String
    ) {
        self.method = method
        self.encodedPath = encodedPath
        self.encodedQuery = encodedQuery
        self.headers = headers
        self.payloadHash = payloadHash
    }
}

/// AWS Signature Version 4 in the `Authorization` header, with the rules of S3: the path is encoded once and never
/// normalized. Pure: the time is an argument.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>
public struct SigV4Signer: Sendable {
    public let credentials: S3Credentials
    public let region: String
    public let service: String

    public init(credentials: S3Credentials, region: String, service: String = "s3") {
        self.credentials = credentials
        self.region = region
        self.service = service
    }

    /// The value of the `Authorization` header. `x-amz-date` must be among the headers, with the same time.
    public func authorization(for request: SigV4Request, at time: Timestamp) -> String {
        let credential = "\(credentials.accessKeyID)/\(scope(at: time))"
        return "AWS4-HMAC-SHA256 Credential=\(credential), SignedHeaders=\(Self.signedHeaders(request)), "
            + "Signature=\(signature(for: request, at: time))"
    }

    public func signature(for request: SigV4Request, at time: Timestamp) -> String {
        let date = Array(Self.date(time).utf8)
        var key = Digest.hmacSHA256(key: Array("AWS4\(credentials.secretAccessKey)".utf8), date)
        for part in [region, service, "aws4_request"] { key = Digest.hmacSHA256(key: key, Array(part.utf8)) }
        return Hexadecimal.encode(Digest.hmacSHA256(key: key, Array(stringToSign(for: request, at: time).utf8)))
    }

    func stringToSign(for request: SigV4Request, at time: Timestamp) -> String {
        let digest = Digest.sha256(Array(Self.canonicalRequest(request).utf8))
        return "AWS4-HMAC-SHA256\n\(Self.dateTime(time))\n\(scope(at: time))\n\(Hexadecimal.encode(digest))"
    }

    private func scope(at time: Timestamp) -> String { "\(Self.date(time))/\(region)/\(service)/aws4_request" }

    // MARK: - Canonical form

    static func canonicalRequest(_ request: SigV4Request) -> String {
        let headers = canonicalHeaders(request).map { "\($0.name):\($0.value)\n" }.joined()
        return "\(request.method)\n\(request.encodedPath)\n\(request.encodedQuery)\n\(headers)\n"
            + "\(signedHeaders(request))\n\(request.payloadHash)"
    }

    private static func signedHeaders(_ request: SigV4Request) -> String {
        canonicalHeaders(request).map(\.name).joined(separator: ";")
    }

    /// Names in lowercase, sorted; the values of one name joined in the order they came.
    private static func canonicalHeaders(_ request: SigV4Request) -> [(name: String, value: String)] {
        var values: [String: [String]] = [:]
        for header in request.headers { values[header.name.lowercased(), default: []].append(trimmed(header.value)) }
        return values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            .map { ($0.key, $0.value.joined(separator: ",")) }
    }

    /// Without white space around, and with one space for each run of it inside.
    private static func trimmed(_ value: String) -> String {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        return value.utf8.split(whereSeparator: isSpace).map { String(decoding: $0, as: UTF8.self) }
            .joined(separator: " ")
    }

    /// The query string, encoded and sorted. Send exactly this.
    public static func encodeQuery(_ parameters: [(name: String, value: String)]) -> String {
        parameters.map { (PercentEncoding.encode($0.name), PercentEncoding.encode($0.value)) }
            .sorted { $0.0 == $1.0 ? $0.1 < $1.1 : $0.0 < $1.0 }
            .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    /// A path, encoded once; slashes stay.
    public static func encodePath(_ path: String) -> String { PercentEncoding.encode(path, keeping: "/") }

    /// `20130524T000000Z`, the value of `x-amz-date`.
    public static func dateTime(_ time: Timestamp) -> String {
        let civil = time.civil
        let clock = [civil.hour, civil.minute, civil.second].map { Timestamp.pad($0, 2) }.joined()
        return "\(date(time))T\(clock)Z"
    }

    private static func date(_ time: Timestamp) -> String {
        let civil = time.civil
        return Timestamp.pad(civil.year, 4) + Timestamp.pad(civil.month, 2) + Timestamp.pad(civil.day, 2)
    }
}
