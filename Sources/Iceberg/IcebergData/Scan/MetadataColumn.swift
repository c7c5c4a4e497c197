import IcebergSpec

/// Columns that every table has without storing them (specification: "Reserved Field IDs").
///
/// They are projected by name like any column. `_row_id` and `_last_updated_sequence_number` are the row lineage of
/// version 3: stored where rows were moved, else derived from the file; null in tables that have no lineage.
public enum MetadataColumn: Int, CaseIterable, Sendable {
    /// URI of the data file.
    case file = 2_147_483_646
    /// Position of the row in its file, from 0.
    case position = 2_147_483_645
    /// Id of the partition spec of the file.
    case specID = 2_147_483_643
    /// Partition of the file: a struct of the partition fields of all specs of the table.
    case partition = 2_147_483_642
    case rowID = 2_147_483_540
    case lastUpdatedSequenceNumber = 2_147_483_539

    public var name: String {
        switch self {
        case .file: "_file"
        case .position: "_pos"
        case .specID: "_spec_id"
        case .partition: "_partition"
        case .rowID: "_row_id"
        case .lastUpdatedSequenceNumber: "_last_updated_sequence_number"
        }
    }

    /// The column of this name.
    public init?(named name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }

    /// The field as a projection has it.
    public func field(in metadata: TableMetadata) -> NestedField {
        switch self {
        case .file: .required(rawValue, name, .string)
        case .position: .required(rawValue, name, .long)
        case .specID: .required(rawValue, name, .int)
        case .partition: .optional(rawValue, name, .structure(metadata.partitionFields))
        case .rowID, .lastUpdatedSequenceNumber: .optional(rawValue, name, .long)
        }
    }
}

extension TableMetadata {
    /// The fields of all partition specs, by id, each once: what `_partition` is a struct of. Fields whose source is gone
    /// are of type unknown.
    var partitionFields: [NestedField] {
        var fields: [NestedField] = []
        var seen: Set<Int> = []
        for spec in partitionSpecs.sorted(by: { $0.specID > $1.specID }) {
            for (field, type) in zip(spec.fields, partitionTypes(of: spec)) where seen.insert(field.fieldID).inserted {
                fields.append(.optional(field.fieldID, field.name, type))
            }
        }
        return fields.sorted { $0.id < $1.id }
    }
}
