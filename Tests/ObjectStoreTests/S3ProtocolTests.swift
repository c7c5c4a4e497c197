import Clocks
import Foundation
import HTTP
import Synchronization
import Testing

@testable import ObjectStore

/// Answers as a test says: for what a real server cannot be made to do.
final class ScriptedHTTPClient: HTTPClient {
    private let answer: @Sendable (HTTPRequest, Int) throws(HTTPClientError) -> HTTPResponse
    private let seen = Mutex<[HTTPRequest]>([])

    init(_ answer: @escaping @Sendable (HTTPRequest, Int) throws(HTTPClientError) -> HTTPResponse) {
        self.answer = answer
    }

    var requests: [HTTPRequest] { seen.withLock { $0 } }

    func send(_ request: HTTPRequest, options: HTTPRequestOptions) async throws(HTTPClientError) -> HTTPResponse {
        let number = seen.withLock { seen in
            seen.append(request)
            return seen.count
        }
        return try answer(request, number)
    }
}

struct FixedClock: WallClock, MonotonicClock {
    var time = Timestamp(rfc3339: "2026-01-02T03:04:05Z") ?? Timestamp(microseconds: 0)
    func now() -> Timestamp { time }
    func nanoseconds() -> UInt64 { 0 }
    func sleep(milliseconds: Int) async throws {}
}

struct S3ProtocolTests {
    static func error(_ status: Int, _ code: String, headers: HTTPHeaders = [:]) -> HTTPResponse {
        HTTPResponse(
            status: status, headers: headers,
            body: Array("<?xml version=\"1.0\"?><Error><Code>\(code)</Code><Message>why</Message></Error>".utf8))
    }

    func store(
        _ http: ScriptedHTTPClient, _ change: (inout S3Configuration) -> Void = { _ in }
    ) throws -> S3ObjectStore {
        var configuration = S3Configuration(
            endpoint: "https://s3.example.com:443/",
            credentials: S3Credentials(accessKeyID: "AK", secretAccessKey: "SK", sessionToken: "TOKEN"))
        change(&configuration)
        return try S3ObjectStore(configuration, http: http, wallClock: FixedClock(), clock: FixedClock())
    }

    func at(_ key: String) throws -> ObjectLocation {
        ObjectLocation(bucket: try BucketName("bucket"), key: try ObjectKey(key))
    }

    // MARK: - What failures mean

    struct Case: Sendable, CustomTestStringConvertible {
        let response: HTTPResponse
        let code: ObjectStoreError.Code
        let effect: ObjectStoreError.Effect
        let name: String
        var testDescription: String { "\(response.status) \(name)" }

        init(_ status: Int, _ name: String, _ code: ObjectStoreError.Code, _ effect: ObjectStoreError.Effect) {
            response = name.isEmpty ? HTTPResponse(status: status, body: Array("<html>".utf8)) : error(status, name)
            self.code = code
            self.effect = effect
            self.name = name
        }
    }

    static let cases = [
        Case(403, "SignatureDoesNotMatch", .accessDenied, .none), Case(403, "InvalidAccessKeyId", .accessDenied, .none),
        Case(403, "AccessDenied", .accessDenied, .none), Case(401, "Unauthorized", .accessDenied, .none),
        Case(400, "ExpiredToken", .accessDenied, .none), Case(404, "NoSuchBucket", .notFound, .none),
        Case(409, "ConditionalRequestConflict", .unavailable, .none),
        Case(409, "OperationAborted", .unavailable, .none),
        Case(429, "TooManyRequests", .unavailable, .none), Case(503, "SlowDown", .unavailable, .unknown),
        Case(500, "InternalError", .unavailable, .unknown), Case(502, "", .unavailable, .unknown),
        Case(504, "", .unavailable, .unknown), Case(408, "", .unavailable, .unknown),
        Case(400, "RequestTimeout", .unavailable, .unknown), Case(507, "", .noSpace, .none),
        Case(400, "InvalidArgument", .failed, .none), Case(301, "PermanentRedirect", .failed, .none),
        Case(501, "NotImplemented", .failed, .none), Case(413, "EntityTooLarge", .failed, .none),
    ]

    @Test(arguments: cases) func `an answer says what happened`(example: Case) async throws {
        let http = ScriptedHTTPClient { (_, _) throws(HTTPClientError) in example.response }
        let store = try store(http)
        let location = try at("key")
        let write = await #expect(throws: ObjectStoreError.self) {
            try await store.put(location, [1], condition: .ifAbsent, contentType: nil)
        }
        #expect(write?.code == example.code)
        #expect(write?.effect == example.effect)
        #expect(write?.message.contains(example.name.isEmpty ? "\(example.response.status)" : example.name) == true)
        #expect(write?.message.contains("bucket/key") == true)
        let read = await #expect(throws: ObjectStoreError.self) { try await store.get(location, range: nil) }
        #expect(read?.code == example.code)
        #expect(read?.effect == ObjectStoreError.Effect.none)
        #expect(http.requests.count == 2)
    }

    @Test(arguments: [(HTTPClientError.Stage.notSent, ObjectStoreError.Effect.none), (.maybeSent, .unknown)])
    func `without an answer only what was never sent had no effect`(
        stage: HTTPClientError.Stage, effect: ObjectStoreError.Effect
    ) async throws {
        let http = ScriptedHTTPClient { (_, _) throws(HTTPClientError) in
            throw HTTPClientError(stage: stage, message: "lost")
        }
        let store = try store(http)
        let location = try at("key")
        let error = await #expect(throws: ObjectStoreError.self) {
            try await store.put(location, [1], condition: .always, contentType: nil)
        }
        #expect(error?.code == .unavailable)
        #expect(error?.effect == effect)
    }

    @Test(
        arguments: [("7", 7000), ("Fri, 02 Jan 2026 03:04:15 GMT", 10_000), ("soon", nil), ("-1", nil)]
            as [(String, Int?)])
    func `the store's wish for a pause is passed on`(text: String, milliseconds: Int?) async throws {
        let http = ScriptedHTTPClient { (_, _) throws(HTTPClientError) in
            Self.error(503, "SlowDown", headers: ["Retry-After": text])
        }
        let store = try store(http)
        let location = try at("key")
        let error = await #expect(throws: ObjectStoreError.self) { try await store.head(location) }
        #expect(error?.retryAfterMilliseconds == milliseconds)
    }

    @Test func `a condition that fails is an outcome, also where the object to match is missing`() async throws {
        let location = try at("key")
        for (response, condition) in [
            (Self.error(412, "PreconditionFailed"), PutCondition.ifAbsent),
            (Self.error(412, "PreconditionFailed"), .ifMatch("e")),
            (Self.error(404, "NoSuchKey"), .ifMatch("e")),
        ] {
            let store = try store(ScriptedHTTPClient { (_, _) throws(HTTPClientError) in response })
            #expect(try await store.put(location, [], condition: condition, contentType: nil) == .conditionFailed)
        }
    }

    // MARK: - What is sent

    @Test func `a put carries its condition, type, hash and token, all of them signed`() async throws {
        let http = ScriptedHTTPClient { (_, _) throws(HTTPClientError) in
            HTTPResponse(status: 200, headers: ["ETag": "\"new\""])
        }
        let store = try store(http)
        let outcome = try await store.put(
            at("a b/é=%2F"), Array("abc".utf8), condition: .ifMatch("old"), contentType: "x/y")
        #expect(outcome == .stored(etag: "new"))
        let request = try #require(http.requests.first)
        #expect(request.target == "https://s3.example.com/bucket/a%20b/%C3%A9%3D%252F")
        #expect(request.headers["host"] == "s3.example.com")
        #expect(request.headers["if-match"] == "\"old\"")
        #expect(request.headers["content-type"] == "x/y")
        #expect(request.headers["x-amz-security-token"] == "TOKEN")
        #expect(request.headers["x-amz-date"] == "20260102T030405Z")
        #expect(
            request.headers["x-amz-content-sha256"]
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        let signed = "SignedHeaders=content-type;host;if-match;x-amz-content-sha256;x-amz-date;x-amz-security-token,"
        #expect(request.headers["authorization"]?.contains(signed) == true)
        #expect(request.headers["authorization"]?.contains("Credential=AK/20260102/auto/s3/aws4_request,") == true)
    }

    @Test(arguments: [
        ("https://h", S3Configuration.Addressing.path, "https://h/bucket/k?list"),
        ("http://h:80/", .virtual, "http://bucket.h/k?list"),
        ("http://127.0.0.1:8333/base/", .path, "http://127.0.0.1:8333/base/bucket/k?list"),
        ("https://h:8443", .virtual, "https://bucket.h:8443/k?list"),
    ]) func `a bucket is in the path or in the host`(
        endpoint: String, addressing: S3Configuration.Addressing, expected: String
    ) async throws {
        let http = ScriptedHTTPClient { (_, _) throws(HTTPClientError) in HTTPResponse(status: 404) }
        let store = try store(http) {
            $0.endpoint = endpoint
            $0.addressing = addressing
        }
        _ = try await store.head(at("k"))
        let request = try #require(http.requests.first)
        #expect(request.target == expected.replacing("?list", with: ""))
        let host = expected.split(separator: "/")[1]
        #expect(request.headers["host"] == String(host))
    }

    @Test(arguments: ["", "h", "ftp://h", "https://", "s3://b"]) func `an endpoint that is no URL is refused`(
        endpoint: String
    ) {
        let http = ScriptedHTTPClient { (_, _) throws(HTTPClientError) in HTTPResponse(status: 200) }
        #expect(throws: ObjectStoreError.self) { try store(http) { $0.endpoint = endpoint } }
    }

    @Test func `a request refused for its time is signed again by the store's clock`() async throws {
        let http = ScriptedHTTPClient { (request, number) throws(HTTPClientError) in
            number == 1
                ? Self.error(403, "RequestTimeTooSkewed", headers: ["Date": "Fri, 02 Jan 2026 05:00:00 GMT"])
                : HTTPResponse(status: 200, headers: ["ETag": "\"e\""], body: [1])
        }
        let store = try store(http)
        #expect(try await store.get(at("k"), range: nil).bytes == [1])
        #expect(try await store.get(at("k"), range: nil).bytes == [1])
        #expect(
            http.requests.map { $0.headers["x-amz-date"] } == [
                "20260102T030405Z", "20260102T050000Z", "20260102T050000Z",
            ])
    }

    // MARK: - Ranges

    @Test func `another range than asked for is an error`() async throws {
        let http = ScriptedHTTPClient { (_, _) throws(HTTPClientError) in
            HTTPResponse(status: 206, headers: ["Content-Range": "bytes 0-4/10"], body: [0, 1, 2, 3, 4])
        }
        let store = try store(http)
        let location = try at("k")
        #expect(try await store.get(location, range: 0..<5).bytes == [0, 1, 2, 3, 4])
        await #expect(throws: ObjectStoreError.self) { try await store.get(location, range: 1..<6) }
    }

    @Test func `a server that ignores ranges is cut to the range`() async throws {
        let http = ScriptedHTTPClient { (_, _) throws(HTTPClientError) in
            HTTPResponse(status: 200, body: [0, 1, 2, 3, 4])
        }
        #expect(try await store(http).get(at("k"), range: 3..<9).bytes == [3, 4])
    }

    // MARK: - Listings and deletions

    @Test func `a listing keeps what it can name and goes on behind what it cannot`() async throws {
        let entry = "<Size>1</Size><ETag>&quot;e&quot;</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        let body =
            "<ListBucketResult xmlns=\"x\"><IsTruncated>true</IsTruncated><NextContinuationToken>t+/=</NextContinuationToken><Contents><Key>a&amp;b</Key>\(entry)</Contents>"
            + "<Contents><Key>dir/</Key>\(entry)</Contents><CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes></ListBucketResult>"
        let http = ScriptedHTTPClient { (_, _) throws(HTTPClientError) in
            HTTPResponse(status: 200, body: Array(body.utf8))
        }
        let store = try store(http)
        let page = try await store.list(
            BucketName("bucket"), prefix: "p", delimiter: "/", startAfter: "s", limit: 7)
        #expect(page.objects.map(\.key.rawValue) == ["a&b"])
        #expect(page.objects.first?.etag == "e")
        #expect(page.commonPrefixes == ["c/"])
        #expect(page.next == "//continue/t+/=")
        _ = try await store.list(BucketName("bucket"), prefix: "p", delimiter: nil, startAfter: page.next, limit: 7)
        #expect(
            http.requests.last?.target
                == "https://s3.example.com/bucket?continuation-token=t%2B%2F%3D&list-type=2&max-keys=7&prefix=p")
        #expect(
            http.requests.first?.target
                == "https://s3.example.com/bucket?delimiter=%2F&list-type=2&max-keys=7&prefix=p&start-after=s")
    }

    @Test(arguments: [
        "", "<html/>", "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
    ])
    func `a listing that makes no sense is an error`(body: String) async throws {
        let http = ScriptedHTTPClient { (_, _) throws(HTTPClientError) in
            HTTPResponse(status: 200, body: Array(body.utf8))
        }
        let store = try store(http)
        let bucket = try BucketName("bucket")
        await #expect(throws: ObjectStoreError.self) {
            try await store.list(bucket, prefix: "", delimiter: nil, startAfter: nil, limit: 1)
        }
    }

    @Test func `many deletions go in batches, and one that fails is reported`() async throws {
        let http = ScriptedHTTPClient { (_, number) throws(HTTPClientError) in
            let failed = "<Error><Key>k1500</Key><Code>InternalError</Code><Message>why</Message></Error>"
            let gone = "<Error><Key>k1</Key><Code>NoSuchKey</Code></Error>"
            return HTTPResponse(
                status: 200, body: Array("<DeleteResult>\(number == 2 ? failed : gone)</DeleteResult>".utf8))
        }
        let store = try store(http)
        let keys = try (0..<2001).map { try ObjectKey("k\($0)") }
        let bucket = try BucketName("bucket")
        let error = await #expect(throws: ObjectStoreError.self) { try await store.delete(bucket, keys) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("k1500") == true)
        #expect(
            http.requests.map { String(decoding: $0.body, as: UTF8.self).components(separatedBy: "<Key>").count - 1 }
                == [1000, 1000])
        #expect(http.requests.allSatisfy { $0.headers["content-md5"] != nil })
    }

    // MARK: - Uploads in parts

    @Test func `a part that fails is sent again, and an upload that fails is aborted without effect`() async throws {
        let failures = Mutex(0)
        let http = ScriptedHTTPClient { (request, _) throws(HTTPClientError) in
            if request.target.hasSuffix("?uploads=") {
                return HTTPResponse(
                    status: 200,
                    body: Array(
                        "<InitiateMultipartUploadResult><UploadId>u/1</UploadId></InitiateMultipartUploadResult>".utf8))
            }
            if request.target.contains("partNumber=2") {
                failures.withLock { $0 += 1 }
                return Self.error(503, "SlowDown")
            }
            return HTTPResponse(status: 200, headers: ["ETag": "\"part\""])
        }
        let store = try store(http) { $0.multipartThresholdBytes = 1 << 20 }
        let location = try at("k")
        let bytes = [UInt8](repeating: 1, count: 33 << 20)
        let error = await #expect(throws: ObjectStoreError.self) {
            try await store.put(location, bytes, condition: .always, contentType: nil)
        }
        #expect(error?.code == .unavailable)
        #expect(error?.effect == ObjectStoreError.Effect.none)
        #expect(failures.withLock { $0 } == 4)
        let last = try #require(http.requests.last)
        #expect(last.method == .delete)
        #expect(last.target.hasSuffix("?uploadId=u%2F1"))
    }

    @Test(arguments: [
        ("<Error><Code>InternalError</Code></Error>", 200, ObjectStoreError.Effect.unknown, false),
        ("<Error><Code>InvalidPart</Code></Error>", 400, .none, true),
        ("", 500, .unknown, false),
    ]) func `only what the joining of parts leaves open is unknown`(
        body: String, status: Int, effect: ObjectStoreError.Effect, isAborted: Bool
    ) async throws {
        let http = ScriptedHTTPClient { (request, _) throws(HTTPClientError) in
            switch request.method {
            case .head: HTTPResponse(status: 404)
            case .post where request.target.hasSuffix("?uploads="):
                HTTPResponse(
                    status: 200,
                    body: Array(
                        "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>".utf8))
            case .post: HTTPResponse(status: status, body: Array(body.utf8))
            default: HTTPResponse(status: 200, headers: ["ETag": "\"part\""])
            }
        }
        let store = try store(http) { $0.multipartThresholdBytes = 1 << 20 }
        let location = try at("k")
        let error = await #expect(throws: ObjectStoreError.self) {
            try await store.put(location, [UInt8](repeating: 1, count: 2 << 20), condition: .ifAbsent, contentType: nil)
        }
        #expect(error?.effect == effect)
        #expect(http.requests.contains { $0.method == .delete } == isAborted)
        let joining = try #require(http.requests.last { $0.method == .post })
        #expect(joining.headers["if-none-match"] == "*")
        #expect(
            String(decoding: joining.body, as: UTF8.self).contains("<PartNumber>1</PartNumber><ETag>\"part\"</ETag>"))
    }
}
