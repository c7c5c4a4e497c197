import Bytes
import Checksums
import Clocks
import Foundation
import JSONFormat
import Testing

@testable import ObjectStore

/// The signing vectors of other projects: the directory `sigv4` of `ANALYTICS_CORPORA`.
private enum SigningVectors {
    static let directory: URL? = ProcessInfo.processInfo.environment["ANALYTICS_CORPORA"]
        .map { URL(filePath: $0).appending(path: "sigv4") }
        .flatMap { FileManager.default.fileExists(atPath: $0.path) ? $0 : nil }
    static let missing: Comment = "ANALYTICS_CORPORA names no directory of foreign files"

    static var suite: URL? { directory?.appending(path: "aws-signing-test-suite/v4") }

    /// S3 never normalizes a path, so the vectors for other services that do are left out.
    static var names: [String] {
        guard let suite, let all = try? FileManager.default.contentsOfDirectory(atPath: suite.path) else { return [] }
        return all.filter { !$0.hasSuffix("-normalized") }.sorted()
    }

    static func text(_ path: String) throws -> String {
        let url = try #require(directory?.appending(path: path))
        return try String(contentsOf: url, encoding: .utf8)
    }
}

@Suite(.enabled(if: SigningVectors.directory != nil, SigningVectors.missing))
struct SigningVectorTests {
    @Test(arguments: SigningVectors.names) func `AWS's signing test suite`(name: String) throws {
        func text(_ file: String) throws -> String {
            try SigningVectors.text("aws-signing-test-suite/v4/\(name)/\(file)")
        }
        let context = try JSONDecoder().decode(Context.self, from: Data(try text("context.json").utf8))
        let time = try #require(Timestamp(rfc3339: context.timestamp))
        let parsed = try RawRequest(try text("request.txt"))
        var headers = parsed.headers + [("X-Amz-Date", SigV4Signer.dateTime(time))]
        if let token = context.credentials.token, context.omit_session_token != true {
            headers.append(("X-Amz-Security-Token", token))
        }
        let body = Hexadecimal.encode(Digest.sha256(parsed.body))
        if context.sign_body { headers.append(("x-amz-content-sha256", body)) }
        let request = SigV4Request(
            method: parsed.method, encodedPath: SigV4Signer.encodePath(parsed.path),
            encodedQuery: SigV4Signer.encodeQuery(parsed.query), headers: headers, payloadHash: body)
        let signer = SigV4Signer(
            credentials: S3Credentials(
                accessKeyID: context.credentials.access_key_id,
                secretAccessKey: context.credentials.secret_access_key, sessionToken: context.credentials.token),
            region: context.region, service: context.service)
        #expect(SigV4Signer.canonicalRequest(request) == (try text("header-canonical-request.txt")))
        #expect(signer.stringToSign(for: request, at: time) == (try text("header-string-to-sign.txt")))
        #expect(signer.signature(for: request, at: time) == (try text("header-signature.txt")))
        #expect(try text("header-signed-request.txt").contains(signer.authorization(for: request, at: time)))
    }

    @Test func `the examples of the S3 reference`() throws {
        let examples = try JSONDecoder().decode(
            Examples.self, from: Data(try SigningVectors.text("s3-documented-examples.json").utf8))
        let signer = SigV4Signer(
            credentials: S3Credentials(accessKeyID: examples.access_key, secretAccessKey: examples.secret_key),
            region: examples.region)
        let time = try #require(Timestamp(rfc3339: "2013-05-24T00:00:00Z"))
        var checked = 0
        for example in examples.cases where example.name != "presigned-get" {
            let hash = try #require(example.headers["x-amz-content-sha256"])
            let request = SigV4Request(
                method: example.method, encodedPath: example.path, encodedQuery: example.query,
                headers: example.headers.map { ($0.key, $0.value) }, payloadHash: hash)
            #expect(SigV4Signer.canonicalRequest(request) == example.canonical_request, "\(example.name)")
            #expect(signer.signature(for: request, at: time) == example.signature, "\(example.name)")
            checked += 1
        }
        #expect(checked == 5)
    }

    private struct Context: Decodable {
        struct Credentials: Decodable {
            let access_key_id: String
            let secret_access_key: String
            let token: String?
        }
        let credentials: Credentials
        let region: String
        let service: String
        let sign_body: Bool
        /// The token is added after signing.
        let omit_session_token: Bool?
        let timestamp: String
    }

    private struct Examples: Decodable {
        struct Case: Decodable {
            let name: String
            let method: String
            let path: String
            let query: String
            let headers: [String: String]
            let canonical_request: String
            let signature: String
        }
        let access_key: String
        let secret_key: String
        let region: String
        let cases: [Case]
    }

    /// The vectors' own form of a request: raw path, folded header lines.
    private struct RawRequest {
        let method: String
        let path: String
        var query: [(name: String, value: String)] = []
        var headers: [(name: String, value: String)] = []
        let body: [UInt8]

        init(_ text: String) throws {
            let parts = text.components(separatedBy: "\n\n")
            var lines = parts[0].components(separatedBy: "\n")
            let first = lines.removeFirst()
            let space = try #require(first.firstIndex(of: " "))
            method = String(first[..<space])
            let target = String(first[first.index(after: space)...].dropLast(" HTTP/1.1".count))
            let mark = target.firstIndex(of: "?") ?? target.endIndex
            path = String(target[..<mark])
            for pair in target[mark...].dropFirst().split(separator: "&") {
                let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                query.append((String(halves[0]), halves.count > 1 ? String(halves[1]) : ""))
            }
            for line in lines {
                if line.hasPrefix(" "), let last = headers.popLast() {
                    headers.append((last.name, last.value + "\n" + line))
                } else if let colon = line.firstIndex(of: ":") {
                    headers.append((String(line[..<colon]), String(line[line.index(after: colon)...])))
                }
            }
            body = Array(parts.dropFirst().joined(separator: "\n\n").utf8)
        }
    }
}

struct SigV4SignerTests {
    @Test(arguments: [
        ([("b", "2"), ("a", "1")], "a=1&b=2"), ([("a", "b c+d/é=&")], "a=b%20c%2Bd%2F%C3%A9%3D%26"),
        ([("uploads", "")], "uploads="),
        ([("a", "2"), ("a", "1"), ("a-b", "0")], "a=1&a=2&a-b=0"),
    ]) func `a query is encoded once and sorted`(parameters: [(String, String)], expected: String) {
        #expect(SigV4Signer.encodeQuery(parameters.map { (name: $0.0, value: $0.1) }) == expected)
    }

    @Test func `a path is encoded once, and its slashes stay`() {
        #expect(SigV4Signer.encodePath("type=a%2Fb/x y/é~") == "type%3Da%252Fb/x%20y/%C3%A9~")
    }

    @Test func `credentials do not print their secret`() {
        let credentials = S3Credentials(accessKeyID: "AK", secretAccessKey: "hidden", sessionToken: "hidden")
        #expect(!"\(credentials)".contains("hidden"))
    }
}
