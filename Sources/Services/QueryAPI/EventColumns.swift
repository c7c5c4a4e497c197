import DuckDB
import IcebergSpec

/// The columns of an event table by the names of either layout: CloudEvents (`id`, `type`, `time`, `subject`, `data`) or
/// the five columns `event_id`, `timestamp`, `type`, `source`, `data`.
struct EventColumns {
    let type: NestedField
    let time: NestedField
    let subject: NestedField?
    let data: NestedField?

    init(_ schema: Schema, table: String) throws(QueryError) {
        func column(_ names: String...) -> NestedField? {
            names.lazy.compactMap { name in schema.fields.first { $0.name == name } }.first
        }
        guard let type = column("type", "event_type"), let time = column("time", "timestamp") else {
            throw QueryError(
                .badInput,
                "The table \(table) is no event table: it lacks a column type, or one named time or timestamp.")
        }
        self.type = type
        self.time = time
        subject = column("subject")
        data = column("data")
    }

    private static func name(_ field: NestedField) -> String { DuckDBConnection.quoted(identifier: field.name) }

    var typeName: String { Self.name(type) }

    /// The time column as a TIMESTAMPTZ.
    var timeExpression: String {
        switch time.type {
        case .timestamptz, .timestamptzNanos: Self.name(time)
        case .string: "TRY_CAST(\(Self.name(time)) AS TIMESTAMPTZ)"
        default: "CAST(\(Self.name(time)) AS TIMESTAMPTZ)"
        }
    }

    /// Who the event is about: the subject, else the user that the data names; null if neither.
    var userExpression: String {
        var parts: [String] = []
        if let subject { parts.append("\(Self.name(subject))") }
        if let data, data.type == .string {
            let name = Self.name(data)
            for member in ["user_id", "userId"] {
                parts.append("CASE WHEN json_valid(\(name)) THEN json_extract_string(\(name), '$.\(member)') END")
            }
        }
        return parts.isEmpty ? "NULL" : "COALESCE(\(parts.joined(separator: ", ")))"
    }
}
