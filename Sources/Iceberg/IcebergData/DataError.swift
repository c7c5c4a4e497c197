import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat

/// The rows of a table could not be read or written.
public struct DataError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// A file is damaged, or contradicts what the table says about it.
        case malformed
        /// A type, file format or feature this module does not read or write.
        case unsupported
        /// A value or request does not fit the table: a missing required value, a number out of range.
        case invalid
        /// A file the table lists does not exist.
        case missing
        /// More than `DataLimits` or the caller allows.
        case limitExceeded
        /// The object store failed; `isRetryable` says whether to try again.
        case store
    }

    public let code: Code
    /// Where: a file, with its row group or row, or a column: `row 3, column items.element.price`.
    public let place: String
    public let message: String
    public let isRetryable: Bool

    public init(_ code: Code, at place: String, _ message: String, isRetryable: Bool = false) {
        self.code = code
        self.place = place
        self.message = message
        self.isRetryable = isRetryable
    }

    public init(_ error: ParquetError, at place: String) {
        let code: Code =
            switch error.code {
            case .corrupt: .malformed
            case .unsupported: .unsupported
            case .tooLarge: .limitExceeded
            default: .invalid
            }
        self.init(code, at: place, error.description)
    }

    public init(_ error: IcebergError, at place: String) {
        let code: Code =
            switch error.code {
            case .malformed: .malformed
            case .unsupported: .unsupported
            case .invalid, .stale: .invalid
            case .limitExceeded: .limitExceeded
            }
        self.init(code, at: place, error.description)
    }

    public init(_ error: TableError, at place: String) {
        let code: Code =
            switch error.code {
            case .malformed: .malformed
            case .unsupported: .unsupported
            case .missing: .missing
            case .store: .store
            default: .invalid
            }
        self.init(code, at: place, error.message, isRetryable: error.isRetryable)
    }

    public init(_ error: ObjectStoreError, at place: String) {
        self.init(
            error.code == .notFound ? .missing : .store, at: place, error.message, isRetryable: error.isRetryable)
    }

    public var description: String { place.isEmpty ? message : "\(place): \(message)" }
}
