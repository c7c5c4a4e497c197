import Bytes
import Clocks
import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore

/// Cloudflare's API for temporary credentials of R2, narrowed to a prefix.
///
/// <https://developers.cloudflare.com/api/resources/r2/subresources/temporary_credentials/methods/create/>
struct TemporaryAccessAPI: Sendable {
    /// Without a trailing slash: `https://api.cloudflare.com/client/v4`.
    let endpoint: String
    let account: String
    /// Of the API, with at least the rights that are handed on.
    let token: String
    /// The access key that the credentials are derived from.
    let parentAccessKeyID: String

    private static let answerBytesMax = 64 << 10
    private static let timeoutMilliseconds = 10_000

    /// - Throws: `.serviceUnavailable`, also for what Cloudflare refuses: who asks the catalog can do nothing about it.
    func credentials(
        _ scope: S3Scope, seconds: Int, http: any HTTPClient, at time: Timestamp
    ) async throws(CatalogError) -> TemporaryS3Credentials {
        let body: JSONValue = [
            "bucket": .string(scope.bucket.rawValue), "prefixes": [.string(scope.prefix)],
            "permission": scope.canWrite ? "object-read-write" : "object-read-only",
            "ttlSeconds": JSONValue(seconds), "parentAccessKeyId": .string(parentAccessKeyID),
        ]
        let request = HTTPRequest(
            method: .post,
            target: "\(endpoint)/accounts/\(PercentEncoding.encode(account))/r2/temp-access-credentials",
            headers: ["Authorization": "Bearer \(token)", "Content-Type": "application/json"],
            body: body.serialized())
        var options = HTTPRequestOptions()
        options.timeoutMilliseconds = Self.timeoutMilliseconds
        options.responseBytesMax = Self.answerBytesMax
        let response: HTTPResponse
        do throws(HTTPClientError) {
            response = try await http.send(request, options: options)
        } catch {
            throw CatalogError(.serviceUnavailable, "temporary credentials of R2: \(error.message)")
        }
        return try Self.credentials(in: response, expires: time.adding(seconds: seconds))
    }

    private static func credentials(
        in response: HTTPResponse, expires: Timestamp
    ) throws(CatalogError) -> TemporaryS3Credentials {
        do throws(JSONError) {
            let answer = JSONCursor(try JSONValue.parse(response.body))
            guard response.status == 200, try answer.optional("success")?.bool() == true else {
                let reasons = try answer.optional("errors")?.elements() ?? []
                let reason = try reasons.first?.optional("message")?.string() ?? "no reason given"
                throw JSONError("\(response.status), \(reason.prefix(200))")
            }
            let result = try answer.member("result")
            return TemporaryS3Credentials(
                credentials: S3Credentials(
                    accessKeyID: try result.member("accessKeyId").string(),
                    secretAccessKey: try result.member("secretAccessKey").string(),
                    sessionToken: try result.member("sessionToken").string()), expires: expires)
        } catch {
            throw CatalogError(.serviceUnavailable, "temporary credentials of R2: Cloudflare answered \(error)")
        }
    }
}

extension Timestamp {
    func adding(seconds: Int) -> Timestamp { Timestamp(microseconds: microseconds + Int64(seconds) * 1_000_000) }
}
