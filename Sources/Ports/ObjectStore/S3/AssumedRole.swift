import Bytes
import Checksums
import Clocks
import HTTP
import JSONFormat

/// Credentials that end.
public struct TemporaryS3Credentials: Hashable, Sendable {
    public let credentials: S3Credentials
    public let expires: Timestamp

    public init(credentials: S3Credentials, expires: Timestamp) {
        self.credentials = credentials
        self.expires = expires
    }
}

/// What temporary credentials are for: the objects of one bucket whose keys begin with a prefix that ends in `/`.
public struct S3Scope: Hashable, Sendable {
    public let bucket: BucketName
    public let prefix: String
    public let canWrite: Bool

    public init(_ place: ObjectLocation, canWrite: Bool) {
        bucket = place.bucket
        prefix = "\(place.key)/"
        self.canWrite = canWrite
    }
}

/// The security token service of an S3: `AssumeRole` with a policy that narrows the role to one prefix.
///
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
public struct SecurityTokenService: Sendable {
    /// Where the service is: `https://host[:port][/path]`, without a trailing slash.
    public let endpoint: String
    public let region: String
    public let role: String
    /// Who asks.
    public let credentials: S3Credentials

    public init(endpoint: String, region: String, role: String, credentials: S3Credentials) {
        self.endpoint = endpoint
        self.region = region
        self.role = role
        self.credentials = credentials
    }

    /// Asks for credentials of the role, narrowed to `scope`.
    public func assumeRole(
        _ scope: S3Scope, seconds: Int, http: any HTTPClient, at time: Timestamp
    ) async throws(ObjectStoreError) -> TemporaryS3Credentials {
        var options = HTTPRequestOptions()
        options.timeoutMilliseconds = 10_000
        options.responseBytesMax = 1 << 20
        let response: HTTPResponse
        do throws(HTTPClientError) {
            response = try await http.send(try request(scope, seconds: seconds, at: time), options: options)
        } catch let error {
            throw ObjectStoreError(.unavailable, "asking \(endpoint) for credentials: \(error.message)")
        }
        guard response.status == 200 else {
            throw S3Failure(response, now: time).error("assume the role \(role)", effect: .none)
        }
        return try Self.credentials(in: response)
    }

    /// The request, signed.
    func request(_ scope: S3Scope, seconds: Int, at time: Timestamp) throws(HTTPClientError) -> HTTPRequest {
        let parts = endpoint.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count >= 3 else {
            throw HTTPClientError(stage: .notSent, message: "the endpoint is not of the form https://host[:port]")
        }
        let path = parts.count > 3 ? "/\(parts[3])" : "/"
        let body = SigV4Signer.encodeQuery([
            ("Action", "AssumeRole"), ("Version", "2011-06-15"), ("RoleArn", role),
            ("RoleSessionName", "analytics-catalog"), ("DurationSeconds", String(seconds)),
            ("Policy", Self.policy(scope).serializedString()),
        ])
        let hash = Hexadecimal.encode(Digest.sha256(Array(body.utf8)))
        var headers = [
            (name: "host", value: String(parts[2])), (name: "x-amz-date", value: SigV4Signer.dateTime(time)),
            (name: "x-amz-content-sha256", value: hash),
            (name: "content-type", value: "application/x-www-form-urlencoded"),
        ]
        if let token = credentials.sessionToken { headers.append((name: "x-amz-security-token", value: token)) }
        let authorization = SigV4Signer(credentials: credentials, region: region, service: "sts").authorization(
            for: SigV4Request(method: "POST", encodedPath: path, encodedQuery: "", headers: headers, payloadHash: hash),
            at: time)
        var request = HTTPRequest(method: .post, target: "\(parts[0])//\(parts[2])\(path)", body: Array(body.utf8))
        for header in headers { request.headers.append(header.name, header.value) }
        request.headers.append("authorization", authorization)
        return request
    }

    /// What the credentials may do: objects below the prefix, and lists of it.
    static func policy(_ scope: S3Scope) -> JSONValue {
        let reading: [JSONValue] = ["s3:GetObject"]
        let writing: [JSONValue] = [
            "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts",
        ]
        let bucket = "arn:aws:s3:::\(scope.bucket)"
        let prefix = escaped(scope.prefix)
        return [
            "Version": "2012-10-17",
            "Statement": [
                [
                    "Effect": "Allow", "Action": .array(scope.canWrite ? reading + writing : reading),
                    "Resource": [.string("\(bucket)/\(prefix)*")],
                ],
                [
                    "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [.string(bucket)],
                    "Condition": ["StringLike": ["s3:prefix": [.string("\(prefix)*")]]],
                ],
                ["Effect": "Allow", "Action": ["s3:GetBucketLocation"], "Resource": [.string(bucket)]],
            ],
        ]
    }

    /// `*`, `?` and `$` mean something else in policies.
    private static func escaped(_ text: String) -> String {
        text.map { "*?$".contains($0) ? "${\($0)}" : String($0) }.joined()
    }

    private static func credentials(in response: HTTPResponse) throws(ObjectStoreError) -> TemporaryS3Credentials {
        do throws(XMLElement.SyntaxError) {
            let found = try XMLElement.parse(response.body).child("AssumeRoleResult")?.child("Credentials")
            if let found, let id = found.text("AccessKeyId"), let secret = found.text("SecretAccessKey"),
                let token = found.text("SessionToken"), !id.isEmpty, !secret.isEmpty, !token.isEmpty,
                let expires = found.text("Expiration").flatMap({ Timestamp(rfc3339: $0) })
            {
                return TemporaryS3Credentials(
                    credentials: S3Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: token),
                    expires: expires)
            }
        } catch {
            throw ObjectStoreError(.failed, "the token service's answer is \(error)")
        }
        throw ObjectStoreError(.failed, "the token service's answer holds no credentials")
    }
}
