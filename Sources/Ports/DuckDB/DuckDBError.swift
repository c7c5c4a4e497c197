import CDuckDB

/// DuckDB refused or failed.
public struct DuckDBError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// The SQL cannot be parsed.
        case syntax
        /// It names a table, column or function that does not exist, or mixes types that do not fit.
        case binding
        /// A value could not be converted or computed.
        case value
        /// A setting forbids it.
        case permission
        case outOfMemory
        case interrupted
        /// A file could not be read.
        case io
        case unsupported
        case failed
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }

    init(_ type: duckdb_error_type, message: UnsafePointer<CChar>?) {
        let text = message.map { String(cString: $0) } ?? "DuckDB gave no message."
        self.init(Self.code(type, text), text)
    }

    /// Preparing a statement gives a message without a type: the type is its first words.
    init(message: UnsafePointer<CChar>?) { self.init(DUCKDB_ERROR_INVALID, message: message) }

    private static func code(_ type: duckdb_error_type, _ message: String) -> Code {
        switch type {
        case DUCKDB_ERROR_PARSER, DUCKDB_ERROR_SYNTAX: return .syntax
        case DUCKDB_ERROR_CATALOG, DUCKDB_ERROR_BINDER, DUCKDB_ERROR_EXPRESSION: return .binding
        case DUCKDB_ERROR_CONVERSION, DUCKDB_ERROR_OUT_OF_RANGE, DUCKDB_ERROR_INVALID_INPUT,
            DUCKDB_ERROR_DIVIDE_BY_ZERO, DUCKDB_ERROR_MISMATCH_TYPE, DUCKDB_ERROR_DECIMAL:
            return .value
        case DUCKDB_ERROR_PERMISSION, DUCKDB_ERROR_SETTINGS: return .permission
        case DUCKDB_ERROR_OUT_OF_MEMORY: return .outOfMemory
        case DUCKDB_ERROR_INTERRUPT: return .interrupted
        case DUCKDB_ERROR_IO, DUCKDB_ERROR_HTTP, DUCKDB_ERROR_NETWORK: return .io
        case DUCKDB_ERROR_NOT_IMPLEMENTED: return .unsupported
        default: break
        }
        let prefixes: [(String, Code)] = [
            ("Parser Error", .syntax), ("Syntax Error", .syntax), ("Binder Error", .binding),
            ("Catalog Error", .binding), ("Conversion Error", .value), ("Out of Range Error", .value),
            ("Invalid Input Error", .value), ("Permission Error", .permission), ("Out of Memory Error", .outOfMemory),
            ("INTERRUPT Error", .interrupted), ("IO Error", .io), ("Not implemented Error", .unsupported),
        ]
        return prefixes.first { message.hasPrefix($0.0) }?.1 ?? .failed
    }
}
