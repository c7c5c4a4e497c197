import IcebergCatalog
import IcebergTable
import ObjectStore
import ParquetFormat

/// Maintenance of a table did not succeed.
package struct CompactionError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        case badRequest
        case noSuchTable
        /// What was asked for cannot be done with this table.
        case refused
        /// Other commits kept winning, or what was to be rewritten is gone: run again.
        case conflict
        /// A file of the table is damaged or missing.
        case damaged
        /// The catalog or the object store is away.
        case unavailable
        /// Nobody knows whether the commit took place; nothing was deleted.
        case unknownOutcome
        case cancelled
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    init(_ error: TableError) {
        let code: Code =
            switch error.code {
            case .malformed, .missing: .damaged
            case .unsupported, .invalid, .partial: .refused
            case .stale: .conflict
            case .store: .unavailable
            }
        self.init(code, error.message)
    }

    init(_ error: ObjectStoreError, _ what: String) {
        self.init(error.code == .notFound ? .damaged : .unavailable, "\(what): \(error.message)")
    }

    init(_ error: CatalogError) {
        let code: Code =
            switch error.code {
            case .badRequest: .badRequest
            case .noSuchTable, .noSuchNamespace, .notFound: .noSuchTable
            case .commitFailed: .conflict
            case .commitStateUnknown: .unknownOutcome
            case .serviceUnavailable, .tooManyRequests, .internalError: .unavailable
            default: .refused
            }
        self.init(code, error.message)
    }

    init(_ error: ParquetError, in path: String) {
        self.init(error.code == .unsupported ? .refused : .damaged, "\(path): \(error)")
    }

    package var description: String { message }
}
