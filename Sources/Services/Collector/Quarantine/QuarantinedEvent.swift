import Clocks
import Events
import IcebergData
import IcebergSpec

/// A refusal as the quarantine table has it.
package struct QuarantinedEvent: Sendable {
    package let id: String
    package let reason: String
    package let receivedAt: Timestamp
    /// Some of what was sent was not kept: it cannot be replayed.
    package let isCut: Bool
    /// What was sent, as a request that means the same.
    package let request: EventRequest

    static let columns = ["rejected_id", "reason", "raw", "content_type", "received_at", "details"]

    /// nil for a row that is no refusal of this program.
    init?(_ batch: ColumnBatch, row: Int) {
        func text(_ name: String) -> String? { batch.column(named: name)?.datum(at: row)?.text }
        guard let id = text("rejected_id"), let reason = text("reason"),
            case .timestamptz(let moment)? = batch.column(named: "received_at")?.datum(at: row)
        else { return nil }
        var details: [(name: String, value: String)] = []
        if case .map(let entries)? = batch.column(named: "details")?.value(at: row) {
            for entry in entries {
                guard case .primitive(let name) = entry.key, case .primitive(let value) = entry.value,
                    let name = name.text, let value = value.text
                else { continue }
                details.append((name, value))
            }
        }
        func detail(_ name: String) -> String? { details.first { $0.name == name }?.value }
        var raw: [UInt8] = []
        if case .binary(let bytes)? = batch.column(named: "raw")?.datum(at: row) { raw = bytes }
        self.id = id
        self.reason = reason
        receivedAt = Timestamp(microseconds: moment)
        isCut = detail(Refusal.Name.missingBytes) != nil
        let prefix = Refusal.Name.attributePrefix
        let attributes = details.filter { $0.name.hasPrefix(prefix) }
            .map { (name: String($0.name.dropFirst(prefix.count)), value: $0.value) }
        let isEvent = detail(Refusal.Name.index) != nil
        let contentType = text("content_type") ?? detail(Refusal.Name.contentType)
        request = EventRequest(
            contentType: isEvent
                ? Self.contentType(ofEventIn: contentType, isBinary: !attributes.isEmpty) : contentType,
            attributes: attributes, origin: detail(Refusal.Name.origin), body: raw, isOneEvent: isEvent)
    }

    /// The content type of one event out of a request of this type.
    static func contentType(ofEventIn contentType: String?, isBinary: Bool) -> String? {
        guard let contentType, !isBinary else { return contentType }
        // Outside of the CloudEvents formats bare events are taken too.
        return contentType.lowercased().contains("application/cloudevents")
            ? "application/cloudevents+json" : "application/json"
    }
}

extension Datum {
    fileprivate var text: String? { if case .string(let text) = self { text } else { nil } }
}
