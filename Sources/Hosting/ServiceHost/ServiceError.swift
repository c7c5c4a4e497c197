import HTTP
import JSONFormat

/// What a handler throws to answer with an error: the one shape of every error body of the suite,
/// `{"error":{"message":…,"type":…,"code":…}}`.
package struct ServiceError: Error, Hashable, Sendable, CustomStringConvertible {
    package var status: Int
    /// A stable exception-style name, such as `NoSuchTableException`.
    package var type: String
    /// For the caller: what was wrong and what is allowed. Never a secret, never an internal detail.
    package var message: String
    package var headers: HTTPHeaders
    /// Why a request was not admitted, for the metrics.
    package private(set) var refusal: RefusalReason?

    package init(status: Int, type: String? = nil, _ message: String, headers: HTTPHeaders = [:]) {
        self.status = status
        self.type = type ?? Self.defaultType(status)
        self.message = message
        self.headers = headers
    }

    package static func badRequest(_ message: String) -> ServiceError { ServiceError(status: 400, message) }
    package static func notAuthorized(_ message: String) -> ServiceError {
        ServiceError(status: 401, message, headers: ["WWW-Authenticate": "Bearer"])
    }
    package static func forbidden(_ message: String) -> ServiceError { ServiceError(status: 403, message) }
    package static func notFound(_ message: String) -> ServiceError { ServiceError(status: 404, message) }
    package static func conflict(_ message: String) -> ServiceError { ServiceError(status: 409, message) }
    package static func tooLarge(_ message: String) -> ServiceError { ServiceError(status: 413, message) }
    package static func unsupportedMediaType(_ message: String) -> ServiceError { ServiceError(status: 415, message) }
    package static func unprocessable(_ message: String) -> ServiceError { ServiceError(status: 422, message) }
    package static func unavailable(_ message: String, retryAfterSeconds: Int = 5) -> ServiceError {
        ServiceError(status: 503, message, headers: ["Retry-After": String(retryAfterSeconds)])
    }
    package static func insufficientStorage(_ message: String, retryAfterSeconds: Int = 30) -> ServiceError {
        ServiceError(status: 507, message, headers: ["Retry-After": String(retryAfterSeconds)])
    }

    func counted(as reason: RefusalReason) -> ServiceError {
        var error = self
        error.refusal = reason
        return error
    }

    package var description: String { "\(status) \(type): \(message)" }

    package var response: HTTPResponse {
        var response = HTTPResponse.json(
            ["error": ["message": .string(message), "type": .string(type), "code": JSONValue(status)]], status: status)
        for field in headers.fields { response.headers.append(field.name, field.value) }
        return response
    }

    private static func defaultType(_ status: Int) -> String {
        switch status {
        case 400: "BadRequestException"
        case 401: "NotAuthorizedException"
        case 403: "ForbiddenException"
        case 404: "NotFoundException"
        case 405: "MethodNotAllowedException"
        case 408: "RequestTimeoutException"
        case 409: "ConflictException"
        case 413: "PayloadTooLargeException"
        case 414: "UriTooLongException"
        case 415: "UnsupportedMediaTypeException"
        case 417: "ExpectationFailedException"
        case 422: "UnprocessableEntityException"
        case 429: "TooManyRequestsException"
        case 431: "HeadersTooLargeException"
        case 501: "NotImplementedException"
        case 503: "ServiceUnavailableException"
        case 505: "HTTPVersionNotSupportedException"
        case 507: "InsufficientStorageException"
        case 400..<500: "BadRequestException"
        default: "InternalServerErrorException"
        }
    }
}

extension HTTPResponse {
    /// A response with a JSON body.
    package static func json(_ value: JSONValue, status: Int = 200, headers: HTTPHeaders = [:]) -> HTTPResponse {
        var response = HTTPResponse(status: status, headers: headers, body: value.serialized())
        if response.headers["Content-Type"] == nil { response.headers.append("Content-Type", "application/json") }
        return response
    }

    package static func text(
        _ text: String, status: Int = 200, contentType: String = "text/plain; charset=utf-8"
    ) -> HTTPResponse {
        HTTPResponse(status: status, headers: ["Content-Type": contentType], body: Array(text.utf8))
    }

    package static func html(_ text: String, status: Int = 200) -> HTTPResponse {
        self.text(text, status: status, contentType: "text/html; charset=utf-8")
    }

    package static var noContent: HTTPResponse { HTTPResponse(status: 204) }
}
