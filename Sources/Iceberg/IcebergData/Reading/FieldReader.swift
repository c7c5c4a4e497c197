import IcebergSpec
import JSONFormat
import ParquetFormat

/// Where the values of one wanted field come from in one file.
struct FieldReader: Sendable {
    indirect enum Source: Sendable {
        case leaf(SchemaLeaf, NodeLevels, LeafConversion)
        /// `reference` is the leaf whose levels tell where the field is null.
        case structure(NodeLevels, reference: Int, fields: [FieldReader])
        case list(NodeLevels, reference: Int, inner: NodeLevels, element: FieldReader)
        case map(NodeLevels, reference: Int, inner: NodeLevels, key: FieldReader, value: FieldReader)
        case variant(NodeLevels, metadata: SchemaLeaf, value: SchemaLeaf)
        /// The file has no such field: its initial default, or null.
        case initialDefault(JSONValue?)
        /// The file has no such field, but every row of it has the same value: that of its partition.
        case partition(Datum?)
    }

    let field: NestedField
    let source: Source

    /// Indexes of the leaves that have to be read.
    var leaves: Set<Int> {
        switch source {
        case .leaf(let leaf, _, _): [leaf.index]
        case .structure(_, let reference, let fields):
            fields.reduce(into: [reference]) { $0.formUnion($1.leaves) }
        case .list(_, let reference, _, let element): element.leaves.union([reference])
        case .map(_, let reference, _, let key, let value): key.leaves.union(value.leaves).union([reference])
        case .variant(_, let metadata, let value): [metadata.index, value.index]
        case .initialDefault, .partition: []
        }
    }
}
