import JSONFormat

/// What a catalog answers when it does not do what was asked: the `ErrorModel` of the Iceberg REST catalog.
public struct CatalogError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The exception types that clients tell apart. Raw values are the `type` of the error body.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        case noSuchTable = "NoSuchTableException"
        case noSuchNamespace = "NoSuchNamespaceException"
        case noSuchView = "NoSuchViewException"
        case noSuchFunction = "NoSuchFunctionException"
        case noSuchWarehouse = "NoSuchWarehouseException"
        case noSuchPlanID = "NoSuchPlanIdException"
        case noSuchPlanTask = "NoSuchPlanTaskException"
        case notFound = "NotFoundException"
        case alreadyExists = "AlreadyExistsException"
        case namespaceNotEmpty = "NamespaceNotEmptyException"
        /// The commit certainly did not take place: load the table again and try on top of what is there now.
        case commitFailed = "CommitFailedException"
        /// Nobody knows whether the change took place: load and look; delete nothing.
        case commitStateUnknown = "CommitStateUnknownException"
        case badRequest = "BadRequestException"
        /// Well-formed, but nothing the table or view specification allows: Java clients tell it from the former.
        case illegalArgument = "IllegalArgumentException"
        case unprocessable = "UnprocessableEntityException"
        case unsupportedOperation = "UnsupportedOperationException"
        case notAuthorized = "NotAuthorizedException"
        case authenticationTimeout = "AuthenticationTimeoutException"
        case forbidden = "ForbiddenException"
        case tooManyRequests = "TooManyRequestsException"
        case serviceUnavailable = "ServiceUnavailableException"
        case internalError = "InternalServerError"

        /// The HTTP status a catalog answers it with.
        public var status: Int {
            switch self {
            case .badRequest, .illegalArgument: 400
            case .notAuthorized: 401
            case .forbidden: 403
            case .noSuchTable, .noSuchNamespace, .noSuchView, .noSuchFunction, .noSuchWarehouse, .noSuchPlanID,
                .noSuchPlanTask, .notFound:
                404
            case .unsupportedOperation: 406
            case .alreadyExists, .namespaceNotEmpty, .commitFailed: 409
            case .authenticationTimeout: 419
            case .unprocessable: 422
            case .tooManyRequests: 429
            case .internalError: 500
            case .serviceUnavailable: 503
            case .commitStateUnknown: 504
            }
        }
    }

    public let code: Code
    public let message: String
    /// The status as answered, which may differ from the usual one of `code` with other catalogs.
    public let status: Int

    public init(_ code: Code, _ message: String, status: Int? = nil) {
        self.code = code
        self.message = message
        self.status = status ?? code.status
    }

    /// Whether the same request may succeed later without any change.
    public var isRetryable: Bool {
        switch code {
        case .serviceUnavailable, .tooManyRequests: true
        default: false
        }
    }

    public var description: String { "\(code.rawValue): \(message)" }

    /// `{"error":{"message":…,"type":…,"code":…}}`.
    public var json: JSONValue {
        [
            "error": [
                "message": .string(message), "type": .string(code.rawValue), "code": .integer(Int64(status)),
            ]
        ]
    }
}
