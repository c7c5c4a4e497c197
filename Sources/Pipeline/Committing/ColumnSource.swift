import Batching
import IcebergSpec
import ParquetFormat
import Schemas

/// Where a column's values come from.
enum ColumnSource: Hashable, Sendable {
    /// An attribute of the event, or what follows from one.
    case attribute(EventColumn)
    /// The text of an extension, and the number that text is.
    case extensionText([UInt8])
    case extensionNumber([UInt8])
    /// A top-level field of `data`; the attribute fills in where there is none.
    case field(DataField, otherwise: EventColumn?)

    /// A column's source; nil for one that has to stay out of the files.
    ///
    /// - Throws: for a required column that not every event fills.
    static func source(of field: NestedField, in shape: TableShape) throws(CommitError) -> ColumnSource? {
        let found = find(field, shape)
        guard field.required else { return found }
        switch found {
        case .attribute(let column)? where EventTable.isAlwaysPresent(column) || column == .extensionName: return found
        case nil:
            throw unsuitable(
                field, "which no event has as \(field.type); only optional columns may be of types that are not filled")
        default: throw unsuitable(field, "which not every event has")
        }
    }

    private static func unsuitable(_ field: NestedField, _ why: String) -> CommitError {
        CommitError(
            .unsuitableTable, "the collector cannot write this table: it requires the column \"\(field.name)\", \(why)")
    }

    private static func find(_ field: NestedField, _ shape: TableShape) -> ColumnSource? {
        switch shape {
        case .quarantine:
            if let column = QuarantineTable.columnsByName[field.name] {
                return column.fits(field.type) ? .attribute(column) : nil
            }
            switch field.type {
            case .string: return .extensionText(Array(field.name.utf8))
            case .int: return .extensionNumber(Array(field.name.utf8))
            default: return nil
            }
        case .typed(let columns):
            guard let column = columns.first(where: { $0.name == field.name }) else { break }
            guard let data = DataField(column.field, field, column.content) else { return nil }
            return .field(data, otherwise: column.attribute.flatMap { data.attribute($0) })
        case .events: break
        }
        if let column = EventTable.columnsByName[field.name], column.fits(field.type) { return .attribute(column) }
        return DataField(field.name, field, nil).map { .field($0, otherwise: nil) }
    }

    /// How many leaves the column has.
    var leafCount: Int { self == .attribute(.extensionName) ? 2 : 1 }
}

extension EventColumn {
    /// Whether a column of this type can hold it.
    func fits(_ type: IcebergType) -> Bool {
        switch (self, type) {
        case (.time, .timestamptz), (.receivedAt, .timestamptz), (.time, .timestamp), (.receivedAt, .timestamp),
            (.year, .int), (.month, .int), (.day, .int), (.hour, .int), (.data, .binary):
            true
        case (.extensionName, .map(let map)): map.key == .string && map.value == .string
        case (.time, _), (.receivedAt, _), (.year, _), (.month, _), (.day, _), (.hour, _), (.extensionName, _): false
        case (_, .string): true
        default: false
        }
    }
}

extension DataField {
    /// The attribute's column, where it holds what this one does.
    fileprivate func attribute(_ attribute: TypedColumn.Attribute) -> EventColumn? {
        switch (attribute, kind) {
        case (.id, .text), (.id, .anyText): .id
        case (.type, .text), (.type, .anyText): .type
        case (.subject, .text), (.subject, .anyText): .subject
        case (.time, .timestamp): .time
        default: nil
        }
    }
}
