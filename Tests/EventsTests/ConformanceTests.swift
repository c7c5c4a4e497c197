import Clocks
import Foundation
import JSONFormat
import Testing

@testable import Events

/// The vectors of github.com/cloudevents/conformance, where `CLOUDEVENTS_VECTORS` names their directory `json`.
private let directory = ProcessInfo.processInfo.environment["CLOUDEVENTS_VECTORS"]

@Suite(.enabled(if: directory != nil, "CLOUDEVENTS_VECTORS names no directory"))
struct ConformanceTests {
    private func vectors(_ name: String) throws -> [JSONCursor] {
        let path = try #require(directory) + "/" + name
        let document = try JSONValue.parse(Array(try Data(contentsOf: URL(filePath: path))))
        return try JSONCursor(document).member("tests").elements()
    }

    private func parse(_ json: JSONValue, _ contentType: String, strict: Bool) throws -> EventBatch {
        let parser = EventParser(strict: strict, secret: EventKeySecret(low: 1, high: 2))
        return try parser.parse(
            EventRequest(contentType: contentType, body: json.serialized()), at: Timestamp(microseconds: 0))
    }

    @Test func `valid events are accepted`() throws {
        for vector in try vectors("valid-events.json") {
            let batch = try parse(vector.member("event").value, "application/cloudevents+json", strict: false)
            #expect(batch.accepted.count == 1 && batch.rejections.isEmpty, "\(vector.value.serializedString())")
        }
    }

    @Test func `invalid events are refused`() throws {
        for vector in try vectors("invalid-events.json") {
            // A date makes sure that no event is refused only because strict wants one.
            var event = try vector.member("event").object()
            if event["time"] == nil { event["time"] = "2018-04-05T17:31:00Z" }
            let batch = try parse(.object(event), "application/cloudevents+json", strict: true)
            #expect(batch.accepted.isEmpty && batch.rejections.count == 1, "\(vector.value.serializedString())")
        }
    }

    @Test func `valid batches are accepted`() throws {
        for vector in try vectors("valid-batches.json") {
            let batch = try parse(vector.member("batch").value, "application/cloudevents-batch+json", strict: false)
            #expect(batch.rejections.isEmpty, "\(vector.value.serializedString())")
        }
    }

    @Test func `invalid batches have a refused event`() throws {
        for vector in try vectors("invalid-batches.json") {
            let batch = try parse(vector.member("batch").value, "application/cloudevents-batch+json", strict: true)
            #expect(!batch.rejections.isEmpty, "\(vector.value.serializedString())")
        }
    }
}
