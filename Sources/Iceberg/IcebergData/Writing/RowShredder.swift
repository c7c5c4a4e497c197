import Clocks
import IcebergSpec
import IcebergTable
import ParquetFormat

/// Takes rows of a schema apart into Parquet columns: values, and the levels that say where nulls, lists and maps begin
/// (Dremel).
///
/// A row is checked whole before any of it is taken in: a refused one leaves nothing behind. Variants can only be null: they
/// are written from columns (`TableWriter.append` of a `ColumnBatch`).
public struct RowShredder: Sendable {
    public let schema: Schema
    public let parquetSchema: ParquetSchema
    public private(set) var rowCount = 0
    private let nodes: [ShredderNode?]
    private var columns: [LeafColumn]

    /// - Throws: `.unsupported` for a schema with types that are not written to Parquet.
    public init(_ schema: Schema) throws(DataError) {
        self.schema = schema
        do {
            parquetSchema = try ParquetSchema.make(for: schema)
        } catch {
            throw DataError(error).within("schema")
        }
        var leaf = 0
        nodes = schema.fields.map { ShredderNode($0, leaf: &leaf, definition: 0, repetition: 0) }
        columns = parquetSchema.leaves.map(LeafColumn.init)
    }

    /// Bytes held in memory.
    public var byteCount: Int { columns.reduce(0) { $0 + $1.byteCount } }

    /// Adds a row: one value for each field of the schema, in its order.
    ///
    /// - Throws: `.invalid`, naming the row (counted from the first one after `take`) and the column, when a required value
    ///   is null, or a value does not fit its type.
    public mutating func append(_ row: [RowValue]) throws(DataError) {
        guard row.count == schema.fields.count else {
            throw DataError(
                .invalid, at: "row \(rowCount)", "\(row.count) values for \(schema.fields.count) columns")
        }
        for (field, value) in zip(schema.fields, row) {
            if let problem = value.problem(as: field) {
                let column = ([field.name] + problem.path).joined(separator: ".")
                throw DataError(.invalid, at: "row \(rowCount), column \(column)", problem.message)
            }
        }
        for (node, value) in zip(nodes, row) {
            if let node { append(node, value, repetition: 0) }
        }
        rowCount += 1
    }

    /// The rows so far; the shredder is empty after it.
    public mutating func take() throws(DataError) -> RowGroup {
        defer {
            columns = parquetSchema.leaves.map(LeafColumn.init)
            rowCount = 0
        }
        do {
            return try RowGroup(columns: columns, rowCount: rowCount)
        } catch {
            throw DataError(error).within("rows")
        }
    }

    // MARK: - Levels

    private mutating func append(_ node: ShredderNode, _ value: RowValue, repetition: UInt8) {
        guard !value.isNull else {
            return appendMissing(node.leaves, definition: node.definition - 1, repetition: repetition)
        }
        switch (node.kind, value) {
        case (.leaf, .primitive(let datum)):
            columns[node.leaves.lowerBound].append(datum, repetition: repetition)
        case (.structure(let children), .structure(let values)):
            for (child, value) in zip(children, values) {
                if let child { append(child, value, repetition: repetition) }
            }
        case (.list(let element), .list(let values)):
            if values.isEmpty {
                appendMissing(node.leaves, definition: node.definition, repetition: repetition)
            }
            for (index, value) in values.enumerated() {
                append(element, value, repetition: index == 0 ? repetition : node.repetition + 1)
            }
        case (.map(let keys, let values), .map(let entries)):
            if entries.isEmpty {
                appendMissing(node.leaves, definition: node.definition, repetition: repetition)
            }
            for (index, entry) in entries.enumerated() {
                let repetition = index == 0 ? repetition : node.repetition + 1
                append(keys, entry.key, repetition: repetition)
                append(values, entry.value, repetition: repetition)
            }
        default: preconditionFailure("a value that was not checked against its type")
        }
    }

    private mutating func appendMissing(_ leaves: Range<Int>, definition: UInt8, repetition: UInt8) {
        for leaf in leaves { columns[leaf].appendMissing(definition: definition, repetition: repetition) }
    }
}

/// A field with its place among the leaves of the Parquet schema.
private final class ShredderNode: Sendable {
    enum Kind {
        case leaf
        /// Its metadata and its value.
        case variant
        /// Nil for a child that is not in the file: of type unknown.
        case structure([ShredderNode?])
        case list(ShredderNode)
        case map(ShredderNode, ShredderNode)
    }

    /// The definition level at which the value is there.
    let definition: UInt8
    /// Lists and maps around it.
    let repetition: UInt8
    let leaves: Range<Int>
    let kind: Kind

    /// Nil for a field of type unknown.
    init?(_ field: NestedField, leaf: inout Int, definition: UInt8, repetition: UInt8) {
        let first = leaf
        let definition = definition + (field.required ? 0 : 1)
        switch field.type {
        case .unknown: return nil
        case .structure(let fields):
            var children: [ShredderNode?] = []
            for child in fields {
                children.append(ShredderNode(child, leaf: &leaf, definition: definition, repetition: repetition))
            }
            kind = .structure(children)
        case .list(let list):
            guard
                let element = ShredderNode(
                    list.elementField, leaf: &leaf, definition: definition + 1, repetition: repetition + 1)
            else { return nil }
            kind = .list(element)
        case .map(let map):
            guard
                let keys = ShredderNode(
                    map.keyField, leaf: &leaf, definition: definition + 1, repetition: repetition + 1),
                let values = ShredderNode(
                    map.valueField, leaf: &leaf, definition: definition + 1, repetition: repetition + 1)
            else { return nil }
            kind = .map(keys, values)
        case .variant:
            leaf += 2
            kind = .variant
        default:
            leaf += 1
            kind = .leaf
        }
        self.definition = definition
        self.repetition = repetition
        leaves = first..<leaf
    }
}

extension LeafColumn {
    /// Appends a value in the physical type that `ParquetSchema.make` gives its Iceberg type.
    fileprivate mutating func append(_ datum: Datum, repetition: UInt8) {
        switch datum {
        case .boolean(let value): append(value, repetition: repetition)
        case .int(let value), .date(let value): append(value, repetition: repetition)
        case .long(let value), .time(let value), .timestamp(let value), .timestamptz(let value),
            .timestampNanos(let value), .timestamptzNanos(let value):
            append(value, repetition: repetition)
        case .float(let value): append(value, repetition: repetition)
        case .double(let value): append(value, repetition: repetition)
        case .string(let value): append(utf8: value, repetition: repetition)
        case .uuid(let value): append(value.bytes, repetition: repetition)
        case .fixed(let bytes), .binary(let bytes): append(bytes, repetition: repetition)
        case .decimal(let unscaled, _): append(unscaled: unscaled, repetition: repetition)
        }
    }

    private mutating func append(unscaled: Int128, repetition: UInt8) {
        switch values.physicalType {
        case .int32: append(Int32(truncatingIfNeeded: unscaled), repetition: repetition)
        case .int64: append(Int64(truncatingIfNeeded: unscaled), repetition: repetition)
        case .fixedLengthByteArray(let width):
            let bytes = (0..<width).reversed().map { UInt8(truncatingIfNeeded: unscaled >> Int128($0 * 8)) }
            append(bytes, repetition: repetition)
        default: preconditionFailure("a decimal in a column of \(values.physicalType)")
        }
    }
}
