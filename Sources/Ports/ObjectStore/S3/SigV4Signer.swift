import Bytes
import Checksums
import Clocks
import Synchronization

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
    private let dayKey = DayKey()

    public init(credentials: S3Credentials, region: String, service: String = "s3") {
        self.credentials = credentials
        self.region = region
        self.service = service
    }

    /// The value of the `Authorization` header. `x-amz-date` must be among the headers, with the same time.
    public func authorization(for request: SigV4Request, at time: Timestamp) -> String {
        let (moment, headers) = (Moment(time), CanonicalHeaders(request.headers))
        let credential = "\(credentials.accessKeyID)/\(scope(moment))"
        return "AWS4-HMAC-SHA256 Credential=\(credential), SignedHeaders=\(headers.names), "
            + "Signature=\(signature(request, headers, moment))"
    }

    public func signature(for request: SigV4Request, at time: Timestamp) -> String {
        signature(request, CanonicalHeaders(request.headers), Moment(time))
    }

    func stringToSign(for request: SigV4Request, at time: Timestamp) -> String {
        stringToSign(request, CanonicalHeaders(request.headers), Moment(time))
    }

    private func signature(_ request: SigV4Request, _ headers: CanonicalHeaders, _ moment: Moment) -> String {
        let text = Array(stringToSign(request, headers, moment).utf8)
        return Hexadecimal.encode(Digest.hmacSHA256(key: key(of: moment.date), text))
    }

    private func stringToSign(_ request: SigV4Request, _ headers: CanonicalHeaders, _ moment: Moment) -> String {
        let digest = Digest.sha256(Array(Self.canonicalRequest(request, headers).utf8))
        return "AWS4-HMAC-SHA256\n\(moment.dateTime)\n\(scope(moment))\n\(Hexadecimal.encode(digest))"
    }

    private func scope(_ moment: Moment) -> String { "\(moment.date)/\(region)/\(service)/aws4_request" }

    /// The key that signs all requests of a day.
    private func key(of date: String) -> [UInt8] {
        if let known = dayKey.key.withLock({ $0 }), known.date == date { return known.key }
        var key = Digest.hmacSHA256(key: Array("AWS4\(credentials.secretAccessKey)".utf8), Array(date.utf8))
        for part in [region, service, "aws4_request"] { key = Digest.hmacSHA256(key: key, Array(part.utf8)) }
        dayKey.key.withLock { [key] in $0 = (date, key) }
        return key
    }

    private final class DayKey: Sendable {
        let key = Mutex<(date: String, key: [UInt8])?>(nil)
    }

    // MARK: - Canonical form

    static func canonicalRequest(_ request: SigV4Request) -> String {
        canonicalRequest(request, CanonicalHeaders(request.headers))
    }

    private static func canonicalRequest(_ request: SigV4Request, _ headers: CanonicalHeaders) -> String {
        "\(request.method)\n\(request.encodedPath)\n\(request.encodedQuery)\n\(headers.lines)\n"
            + "\(headers.names)\n\(request.payloadHash)"
    }

    /// Names in lowercase, sorted; the values of one name joined in the order they came.
    private struct CanonicalHeaders {
        var names = ""
        var lines = ""

        init(_ headers: [(name: String, value: String)]) {
            let sorted = headers.enumerated()
                .map {
                    (name: $0.element.name.lowercased(), order: $0.offset, value: SigV4Signer.trimmed($0.element.value))
                }
                .sorted {
                    $0.name == $1.name ? $0.order < $1.order : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
                }
            var last: String?
            for header in sorted {
                if header.name == last {
                    lines.removeLast()
                    lines += ","
                } else {
                    names += last == nil ? header.name : ";\(header.name)"
                    lines += "\(header.name):"
                }
                lines += "\(header.value)\n"
                last = header.name
            }
        }
    }

    /// Without white space around, and with one space for each run of it inside.
    private static func trimmed(_ value: String) -> String {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        guard value.utf8.contains(where: isSpace) else { return value }
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
    public static func dateTime(_ time: Timestamp) -> String { Moment(time).dateTime }

    /// A time as signatures say it.
    private struct Moment {
        let date: String
        let dateTime: String

        init(_ time: Timestamp) {
            let civil = time.civil
            date = Timestamp.pad(civil.year, 4) + Timestamp.pad(civil.month, 2) + Timestamp.pad(civil.day, 2)
            let clock = [civil.hour, civil.minute, civil.second].map { Timestamp.pad($0, 2) }.joined()
            dateTime = "\(date)T\(clock)Z"
        }
    }
}
