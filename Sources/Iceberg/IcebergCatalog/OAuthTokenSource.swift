import Bytes
import Clocks
import HTTP
import JSONFormat

/// Bearer tokens from an OAuth 2 token endpoint, by client credentials (RFC 6749 §4.4), as Iceberg REST catalogs have it.
///
/// A token is kept until shortly before it expires, or until the catalog refuses it.
public actor OAuthTokenSource {
    private let client: any HTTPClient
    private let tokenURL: String
    private let clientID: String
    private let clientSecret: String
    private let scope: String
    private let clock: any WallClock
    private var known: (token: String, until: Timestamp)?

    /// - Parameter tokenURL: absolute, such as `https://host/v1/oauth/tokens`.
    public init(
        client: any HTTPClient, tokenURL: String, clientID: String, clientSecret: String, scope: String = "catalog",
        clock: any WallClock = SystemClock()
    ) {
        self.client = client
        self.tokenURL = tokenURL
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.scope = scope
        self.clock = clock
    }

    /// - Throws: with stage `.notSent`: whatever the token is for has not been sent.
    public func token() async throws(HTTPClientError) -> String {
        if let known, known.until > clock.now() { return known.token }
        let asked = try await ask()
        known = asked
        return asked.token
    }

    /// The catalog refused this token.
    public func forget(_ token: String) {
        if known?.token == token { known = nil }
    }

    private func ask() async throws(HTTPClientError) -> (token: String, until: Timestamp) {
        let form = [
            ("grant_type", "client_credentials"), ("client_id", clientID), ("client_secret", clientSecret),
            ("scope", scope),
        ]
        let body = form.map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&")
        let request = HTTPRequest(
            method: .post, target: tokenURL, headers: ["Content-Type": "application/x-www-form-urlencoded"],
            body: Array(body.utf8))
        let response: HTTPResponse
        do throws(HTTPClientError) {
            response = try await client.send(request, options: HTTPRequestOptions())
        } catch {
            throw HTTPClientError(
                stage: .notSent, message: "no token from \(tokenURL): \(error.message)", isTimeout: error.isTimeout)
        }
        let answer: JSONValue
        do throws(JSONError) {
            answer = try JSONValue.parse(response.body)
        } catch {
            throw refused(response, "its answer is no JSON")
        }
        guard response.status == 200, let token = answer["access_token"]?.string, !token.isEmpty,
            token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else {
            let why =
                answer["error_description"]?.string ?? answer["error"]?.string ?? answer["error"]?["message"]?.string
            throw refused(response, why ?? "its answer has no access_token")
        }
        // Without a word about it, until it is refused.
        let seconds = answer["expires_in"]?.integer ?? 86_400
        let milliseconds = max(0, min(seconds, 86_400 * 365)) * 1000
        let kept = max(milliseconds - 60_000, milliseconds / 2)
        return (token, Timestamp(milliseconds: clock.now().milliseconds + kept))
    }

    private func refused(_ response: HTTPResponse, _ why: String) -> HTTPClientError {
        HTTPClientError(
            stage: .notSent, message: "no token from \(tokenURL): it answered \(response.status), \(why.prefix(300))")
    }
}
