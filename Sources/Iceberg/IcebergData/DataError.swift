import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat

/// The rows of a table could not be read or written.
public struct DataError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// A file is damaged, contradicts itself, or does not fit the table it belongs to.
        case malformed
        /// Valid, but of a format, type or feature this module does not read or write.
        case unsupported
        /// Larger than a limit of `DataLimits` or of the file format's module.
        case tooLarge
        /// What the caller asks for does not fit the table, or the columns do not fit the schema.
        case invalid
        /// A file the table refers to does not exist.
        case missing
        /// The object store failed; `isRetryable` says whether to try again.
        case store
    }

    public let code: Code
    /// Where: the file, then row group and column, as far as they are known.
    public let place: String
    public let message: String
    public let isRetryable: Bool

    public init(_ code: Code, at place: String, _ message: String, isRetryable: Bool = false) {
        self.code = code
        self.place = place
        self.message = message
        self.isRetryable = isRetryable
    }

    public var description: String { place.isEmpty ? message : "\(place): \(message)" }

    /// The same error, told with the place around it.
    func within(_ outer: String) -> DataError {
        DataError(code, at: place.isEmpty ? outer : "\(outer), \(place)", message, isRetryable: isRetryable)
    }

    init(_ error: ParquetError) {
        let code: Code =
            switch error.code {
            case .corrupt: .malformed
            case .unsupported: .unsupported
            case .tooLarge: .tooLarge
            case .invalidArgument: .invalid
            case .failed: .store
            }
        self.init(code, at: error.place, error.message)
    }

    init(_ error: IcebergError) {
        let code: Code =
            switch error.code {
            case .malformed: .malformed
            case .unsupported: .unsupported
            case .invalid, .stale: .invalid
            case .limitExceeded: .tooLarge
            }
        self.init(code, at: error.path, error.message)
    }

    init(_ error: ObjectStoreError) {
        let code: Code =
            switch error.code {
            case .notFound: .missing
            case .invalidName: .invalid
            case .accessDenied, .noSpace, .unavailable, .failed: .store
            }
        self.init(code, at: "", error.message, isRetryable: error.isRetryable)
    }
}
