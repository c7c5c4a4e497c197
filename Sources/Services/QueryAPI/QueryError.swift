import GraphQLFormat

/// A query could not be answered. The message is for the caller: it names no file and no secret.
package struct QueryError: Error, Hashable, Sendable, CustomStringConvertible, GraphQLPresentableError {
    package enum Code: String, Hashable, Sendable {
        /// The SQL is wrong: syntax, names, types, values.
        case badQuery = "BAD_QUERY"
        /// The SQL asks for what callers may not do.
        case notAllowed = "NOT_ALLOWED"
        case badInput = "BAD_USER_INPUT"
        case noSuchTable = "TABLE_NOT_FOUND"
        case noSuchSnapshot = "SNAPSHOT_NOT_FOUND"
        case timeout = "QUERY_TIMEOUT"
        case memory = "QUERY_MEMORY_EXCEEDED"
        case overloaded = "OVERLOADED"
        /// The table uses a feature that this service does not read.
        case unsupported = "UNSUPPORTED"
        /// Catalog or object store are away.
        case unavailable = "UNAVAILABLE"
        case failed = "QUERY_FAILED"
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
    package var graphQLMessage: String { message }
    package var graphQLCode: String { code.rawValue }
}
