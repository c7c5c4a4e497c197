import IcebergSpec

/// What manifests say of a column of a file.
public enum MetricsMode: Hashable, Sendable {
    /// Its size alone.
    case none
    /// How many values, nulls and NaN it has, too.
    case counts
    /// And the lowest and highest value, strings and binaries cut to this many characters or bytes.
    case truncate(Int)
    /// And both as long as they are, up to the 256 bytes that `ParquetFileSummary` holds of a value.
    case full

    /// `none`, `counts`, `truncate(16)`, `full`, in letters of either case; nil for anything else.
    public init?(_ text: String) {
        let text = text.lowercased()
        switch text {
        case "none": self = .none
        case "counts": self = .counts
        case "full": self = .full
        default:
            guard text.hasPrefix("truncate("), text.hasSuffix(")"), let length = Int32(text.dropFirst(9).dropLast()),
                length > 0
            else { return nil }
            self = .truncate(Int(length))
        }
    }

    /// Characters or bytes of bounds; nil where there are none.
    var lengthMax: Int? {
        switch self {
        case .none, .counts: nil
        case .truncate(let length): length
        case .full: Int.max
        }
    }
}

/// The metrics mode of each column, as a table's properties set it.
///
/// `write.metadata.metrics.column.NAME` is that of one column, by full name; `write.metadata.metrics.default` that of
/// the others. Without a default the first `write.metadata.metrics.max-inferred-column-defaults` columns (100), those
/// least nested first, have `truncate(16)` and the rest `none`. Columns the table is sorted by have bounds in any case,
/// unless their own property says otherwise. What is no mode counts as not set.
public struct MetricsConfiguration: Hashable, Sendable {
    private var modes: [Int: MetricsMode] = [:]
    private var defaultMode: MetricsMode

    /// `truncate(16)` for every column.
    public static let standard = MetricsConfiguration(defaultMode: .truncate(TableLimits.boundLengthMax))

    public init(defaultMode: MetricsMode) { self.defaultMode = defaultMode }

    public init(properties: [String: String], schema: Schema, sortOrder: SortOrder = .unsorted) {
        let standard = MetricsMode.truncate(TableLimits.boundLengthMax)
        let columns = Self.leaves(schema.fields)
        if let text = properties["write.metadata.metrics.default"] {
            defaultMode = MetricsMode(text) ?? standard
        } else {
            let limit = properties["write.metadata.metrics.max-inferred-column-defaults"].flatMap { Int($0) } ?? 100
            defaultMode = columns.count <= limit ? standard : .none
            if columns.count > limit { for id in columns.prefix(max(0, limit)) { modes[id] = standard } }
        }
        for field in sortOrder.fields {
            for id in field.sourceIDs where mode(ofColumn: id).lengthMax == nil { modes[id] = standard }
        }
        let prefix = "write.metadata.metrics.column."
        for (key, value) in properties where key.hasPrefix(prefix) {
            guard let mode = MetricsMode(value),
                let field = schema.field(named: String(key.dropFirst(prefix.utf8.count)))
            else { continue }
            modes[field.id] = mode
        }
    }

    /// Those of a table, for new files.
    public init(_ table: TableMetadata) {
        self.init(properties: table.properties, schema: table.currentSchema, sortOrder: table.defaultSortOrder)
    }

    public func mode(ofColumn id: Int) -> MetricsMode { modes[id] ?? defaultMode }

    /// Ids of the scalars, level by level.
    private static func leaves(_ fields: [NestedField]) -> [Int] {
        var ids: [Int] = []
        var level = fields
        while !level.isEmpty {
            ids += level.filter(\.type.isPrimitive).map(\.id)
            level = level.flatMap(\.type.children)
        }
        return ids
    }
}
