import Batching
import IcebergCatalog
import IcebergSpec

/// The table of refused events: one row each, with the bytes as they were sent and why they were refused.
///
/// A refusal is logged as an event: its type is the reason, its id that of the refusal, its time the moment of receipt,
/// its data the bytes; all else is in extensions, which the column `details` has as a whole.
package enum QuarantineTable {
    package static func schema() throws(IcebergError) -> Schema {
        try Schema(fields: [
            .required(1, "rejected_id", .string, doc: "Id of the refusal"),
            .required(2, "reason", .string, doc: "Why: the reason in replies and metrics"),
            .optional(3, "message", .string, doc: "The same for people"),
            .optional(4, "attribute", .string, doc: "The attribute at fault"),
            .optional(5, "event_id", .string, doc: "The event's own id, if it could be read"),
            .optional(6, "event_type", .string, doc: "The event's own type, if it could be read"),
            .required(7, "source", .string, doc: "Origin of the request; /events where it has none"),
            .optional(8, "content_type", .string, doc: "Content-Type of the request"),
            .optional(9, "index", .int, doc: "The event's place in its request, from 0"),
            .optional(10, "client", .string, doc: "Address of the client"),
            .optional(11, "request_id", .string),
            .optional(12, "raw", .binary, doc: "The event as it was sent"),
            .required(13, "received_at", .timestamptz, doc: "When the collector received it"),
            .optional(14, "details", .map(keyID: 15, .string, valueID: 16, .string)),
        ])
    }

    package static let partitionSpec = PartitionSpec(fields: [
        PartitionField(sourceID: 13, fieldID: 1000, name: "received_day", transform: .day)
    ])

    package static func creation(location: String?) throws(IcebergError) -> TableCreation {
        TableCreation(
            schema: try schema(), partitionSpec: partitionSpec, location: location, properties: EventTable.properties)
    }

    /// What a column of this name holds. Text columns not named here hold the extension of their name.
    static let columnsByName: [String: EventColumn] = [
        "rejected_id": .id, "reason": .type, "source": .source, "raw": .data, "received_at": .time,
        "details": .extensionName,
    ]
}
