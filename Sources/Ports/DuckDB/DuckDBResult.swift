import JSONFormat

/// The rows of a query, read up to its limits.
public struct DuckDBResult: Sendable {
    public struct Column: Hashable, Sendable {
        public let name: String
        /// As SQL writes it: `DECIMAL(18,3)`, `VARCHAR[]`.
        public let type: String
    }

    public let columns: [Column]
    public let rows: [[JSONValue]]
    /// Whether rows beyond the limits were left out.
    public let isTruncated: Bool
}

/// How much of a result is read.
public struct DuckDBResultLimits: Sendable {
    public var rowsMax: Int
    /// Of the values' approximate JSON text.
    public var bytesMax: Int

    public init(rowsMax: Int = .max, bytesMax: Int = .max) {
        self.rowsMax = rowsMax
        self.bytesMax = bytesMax
    }
}

extension JSONValue {
    /// Roughly the length of this value's JSON text.
    var approximateBytes: Int {
        switch self {
        case .null, .bool: 5
        case .integer, .unsigned, .double: 12
        case .string(let text): text.utf8.count + 3
        case .array(let values): values.reduce(2) { $0 + $1.approximateBytes }
        case .object(let object): object.members.reduce(2) { $0 + $1.key.utf8.count + 4 + $1.value.approximateBytes }
        }
    }
}
