import IcebergSpec
import ObjectStore

/// A change of a table could not be prepared, or a scan not planned.
public struct TableError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// The table's own files are damaged, or contradict each other.
        case malformed
        /// A format version or feature this library does not write.
        case unsupported
        /// What the caller asks for makes no sense for this table.
        case invalid
        /// A commit since the change was planned conflicts with it: a file is no longer part of the table, has new
        /// deletes, or new rows match the filter. Plan again.
        case stale
        /// A file matches a row filter in part: it must be rewritten or get row-level deletes.
        case partial
        /// A file the table refers to does not exist.
        case missing
        /// The object store failed; `isRetryable` says whether to try again.
        case store
    }

    public let code: Code
    public let message: String
    public let isRetryable: Bool

    public init(_ code: Code, _ message: String, isRetryable: Bool = false) {
        self.code = code
        self.message = message
        self.isRetryable = isRetryable
    }

    init(_ error: IcebergError) {
        let code: Code =
            switch error.code {
            case .malformed, .limitExceeded: .malformed
            case .unsupported: .unsupported
            case .invalid: .invalid
            case .stale: .stale
            }
        self.init(code, error.description)
    }

    init(_ error: ObjectStoreError, at location: String) {
        self.init(
            error.code == .notFound ? .missing : .store, "\(location): \(error.message)",
            isRetryable: error.isRetryable)
    }

    public var description: String { message }
}

/// What this module reads and keeps at most.
public enum TableLimits {
    /// Manifests fetched at the same time.
    public static let concurrentFetchesMax = 16
    /// Bytes of one manifest or manifest list as stored.
    public static let manifestBytesMax: Int64 = 1 << 30
    /// Estimated bytes of decoded manifests in a cache, unless its owner says otherwise.
    public static let manifestCacheBytes = 256 << 20
    /// Characters of a string bound, bytes of a binary one: the metrics mode `truncate(16)`.
    public static let boundLengthMax = 16
}
