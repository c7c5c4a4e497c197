import HTTP
import IcebergCatalog
import JSONFormat

/// Responses of the REST catalog.
enum CatalogReply {
    static let empty = HTTPResponse(status: 204)

    static func json(_ value: JSONValue, status: Int = 200) -> HTTPResponse {
        json(bytes: value.serialized(), status: status)
    }

    static func json(bytes: [UInt8], status: Int = 200) -> HTTPResponse {
        HTTPResponse(status: status, headers: ["Content-Type": "application/json"], body: bytes)
    }

    static func error(_ error: CatalogError) -> HTTPResponse {
        var response = json(error.json, status: error.status)
        switch error.code {
        case .notAuthorized: response.headers["WWW-Authenticate"] = "Bearer"
        case .serviceUnavailable, .tooManyRequests: response.headers["Retry-After"] = "1"
        default: break
        }
        return response
    }
}
