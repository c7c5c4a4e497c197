import IcebergCatalog
import IcebergSpec
import IcebergTable
import Schemas

/// What a table behind the log is for: how it is made, and what its columns hold.
///
/// Only the tables made here look exactly so. Of any other table each column is filled by its name: from the event's
/// attributes (`EventTable.columnsByName`), else from the top-level field of `data` with that name, as far as the value
/// fits the column's type.
package enum TableShape: Hashable, Sendable {
    /// Every accepted event: `EventTable`.
    case events
    /// Events that were refused: `QuarantineTable`.
    case quarantine
    /// Events of one type: the columns of the event table, and one for each of these.
    case typed([TypedColumn])

    /// - Parameter location: nil: the catalog chooses.
    package func creation(location: String?) throws(IcebergError) -> TableCreation {
        switch self {
        case .events: return try EventTable.creation(location: location)
        case .quarantine: return try QuarantineTable.creation(location: location)
        case .typed(let columns):
            let base = try EventTable.schema()
            var fields = base.fields
            for (offset, column) in columns.enumerated() {
                fields.append(
                    .optional(base.highestFieldID + 1 + offset, column.name, column.icebergType, doc: column.doc))
            }
            return TableCreation(
                schema: try Schema(fields: fields), partitionSpec: EventTable.partitionSpec, location: location,
                properties: EventTable.properties)
        }
    }

    /// What an existing table lacks.
    package struct Evolution: Sendable {
        /// nil: nothing that could be added.
        package var change: TableChange?
        /// Columns that are not as they should be and cannot be made so, and why.
        package var refused: [String] = []
    }

    /// How the table is brought to this shape: optional columns are added, `int` becomes `long` and `float` becomes
    /// `double` where the shape says so. Anything else stays, and is said.
    package func evolution(of metadata: TableMetadata) throws(CommitError) -> Evolution {
        do {
            switch self {
            case .events:
                guard let change = try EventTable.evolution(of: metadata) else { return Evolution() }
                return Evolution(change: TableChange(updates: change.updates, requirements: change.requirements))
            case .quarantine:
                let wanted = try QuarantineTable.schema().fields.filter { !$0.required && $0.type.isPrimitive }
                return try evolution(of: metadata, wanted.map { ($0.name, $0.type, $0.doc) })
            case .typed(let columns):
                let base = try EventTable.schema().fields.filter { !$0.required && $0.type.isPrimitive }
                return try evolution(
                    of: metadata,
                    base.map { ($0.name, $0.type, $0.doc) } + columns.map { ($0.name, $0.icebergType, $0.doc) })
            }
        } catch {
            throw CommitError(.failed, "the table's columns cannot be changed: \(error)")
        }
    }

    private func evolution(
        of metadata: TableMetadata, _ wanted: [(name: String, type: IcebergType, doc: String?)]
    ) throws -> Evolution {
        var update = SchemaUpdate(metadata)
        var evolution = Evolution()
        for (name, type, doc) in wanted {
            guard let field = metadata.currentSchema.field(named: name) else {
                if let other = metadata.currentSchema.field(namedIgnoringCase: name) {
                    evolution.refused.append(
                        "\"\(name)\" is not added: there is \"\(other.name)\", and many readers ignore the case of names"
                    )
                } else {
                    try update.add(name, type, doc: doc)
                }
                continue
            }
            guard field.type != type else { continue }
            switch (field.type, type) {
            case (.int, .long), (.float, .double): try update.promote(name, to: type)
            // A table's own text or number is as good where all values fit.
            case (.string, _), (.double, .long), (.timestamp, .timestamptz): break
            default:
                evolution.refused.append(
                    "\"\(name)\" stays \(field.type): it cannot become \(type), so values that do not fit are null there "
                        + "and remain in data")
            }
        }
        let change = try TableChange.schema(update, on: metadata)
        evolution.change = change.isEmpty ? nil : change
        return evolution
    }
}
