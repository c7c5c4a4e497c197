import HTTP
import JSONFormat

@testable import Catalog

/// Sends requests to the harness of a replica, as a client would.
struct HarnessClient {
    struct Answer {
        let status: Int
        let headers: HTTPHeaders
        /// Null for an answer without a body.
        let json: JSONValue

        var errorType: String? { json["error"]?["type"]?.string }
        var errorMessage: String? { json["error"]?["message"]?.string }
    }

    let harness: CatalogHarness

    init(_ service: CatalogService) {
        harness = CatalogHarness(service: service, vending: CredentialVending(config: nil))
    }

    func send(
        _ method: HTTPMethod, _ path: String, _ body: String = "", headers: HTTPHeaders = [:]
    ) async -> Answer {
        let request = HTTPRequest(method: method, target: path, headers: headers, body: Array(body.utf8))
        let response = await HarnessTests.dispatch(harness, CatalogAccess(tokens: [], clients: [:]), request)
        do {
            return Answer(
                status: response.status, headers: response.headers, json: try JSONValue.parse(response.body))
        } catch {
            return Answer(status: response.status, headers: response.headers, json: .null)
        }
    }
}
