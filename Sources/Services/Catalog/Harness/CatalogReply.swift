import Bytes
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

    /// `{"metadata-location":…,"metadata":…,…}`: the metadata goes in as it lies on the store, without being written
    /// anew.
    static func document(location: String?, metadata: [UInt8], rest: JSONObject) -> [UInt8] {
        let place = location.map { JSONValue.string($0) } ?? .null
        var text: [UInt8] = []
        text.append(utf8: "{\"metadata-location\":\(place.serializedString()),\"metadata\":")
        text += metadata
        text.append(utf8: rest.isEmpty ? "" : ",")
        text += JSONValue.object(rest).serialized().dropFirst()
        return text
    }
}
