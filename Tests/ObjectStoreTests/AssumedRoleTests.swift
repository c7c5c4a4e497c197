import Clocks
import HTTP
import JSONFormat
import Testing

@testable import ObjectStore

/// Temporary credentials of a token service.
@Suite struct AssumedRoleTests {
    private let service = SecurityTokenService(
        endpoint: "https://sts.example.com/path", region: "eu-1", role: "arn:aws:iam::1:role/lake",
        credentials: S3Credentials(accessKeyID: "AK", secretAccessKey: "SK"))
    private let time = Timestamp(milliseconds: 1_700_000_000_000)

    private func scope(_ key: String, canWrite: Bool) throws -> S3Scope {
        S3Scope(ObjectLocation(bucket: try BucketName("lake"), key: try ObjectKey(key)), canWrite: canWrite)
    }

    @Test func `the policy allows what is below the prefix, and no more`() throws {
        let policy = SecurityTokenService.policy(try scope("db/t*?$x", canWrite: false))
        let statements = try #require(policy["Statement"]?.array)
        #expect(statements[0]["Action"] == ["s3:GetObject"])
        #expect(statements[0]["Resource"] == ["arn:aws:s3:::lake/db/t${*}${?}${$}x/*"])
        #expect(statements[1]["Condition"]?["StringLike"]?["s3:prefix"] == ["db/t${*}${?}${$}x/*"])
        let writing = SecurityTokenService.policy(try scope("db/t", canWrite: true))
        #expect(writing["Statement"]?.array?[0]["Action"]?.array?.contains("s3:PutObject") == true)
    }

    @Test func `the request is a signed form`() throws {
        let request = try service.request(try scope("db/t", canWrite: true), seconds: 900, at: time)
        #expect(request.target == "https://sts.example.com/path")
        let body = String(decoding: request.body, as: UTF8.self)
        for part in ["Action=AssumeRole", "DurationSeconds=900", "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Flake"] {
            #expect(body.contains(part))
        }
        #expect(request.headers["authorization"]?.contains("/20231114/eu-1/sts/aws4_request") == true)
    }

    @Test(arguments: [
        ("<AssumeRoleResponse/>", 200), ("no XML", 200),
        ("<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>", 403), ("", 500),
    ])
    func `an answer without credentials is an error`(body: String, status: Int) async throws {
        let http = ScriptedHTTPClient { (_, _) throws(HTTPClientError) in
            HTTPResponse(status: status, body: Array(body.utf8))
        }
        let scope = try scope("db/t", canWrite: true)
        await #expect(throws: ObjectStoreError.self) {
            try await service.assumeRole(scope, seconds: 900, http: http, at: time)
        }
    }

    @Test func `credentials come with their end`() async throws {
        let body = """
            <AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
            <AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken>
            <Expiration>2023-11-14T23:13:20Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>
            """
        let http = ScriptedHTTPClient { (_, _) throws(HTTPClientError) in
            HTTPResponse(status: 200, body: Array(body.utf8))
        }
        let found = try await service.assumeRole(try scope("db/t", canWrite: true), seconds: 900, http: http, at: time)
        #expect(found.credentials == S3Credentials(accessKeyID: "A", secretAccessKey: "S", sessionToken: "T"))
        #expect(found.expires == Timestamp(milliseconds: 1_700_003_600_000))
    }
}
