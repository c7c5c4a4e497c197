import Events
import HTTP
import JSONFormat
import Testing

@testable import Collector

struct IntakeResponseTests {
    private func rejection(
        _ index: Int, _ reason: EventRejection.Reason, id: String? = nil, attribute: String = ""
    ) -> EventRejection {
        EventRejection(index: index, id: id, reason: reason, attribute: attribute, text: 0..<0)
    }

    private func reply(accepted: Int = 0, duplicates: Int = 0, _ rejections: [EventRejection]) -> EventIntake.Reply {
        EventIntake.Reply(accepted: accepted, duplicates: duplicates, rejections: rejections)
    }

    @Test func `names and values of callers are quoted`() throws {
        let odd = "a\"\\\n\u{0}é😀"
        let response = CollectorRoutes.response(to: reply([rejection(3, .invalidName, id: odd, attribute: odd)]))
        let body = try JSONValue.parse(response.body)
        let refused = try #require(body["rejected"]?.array?.first)
        #expect(refused["index"]?.integer == 3 && refused["id"]?.string == odd)
        #expect(refused["error"]?["message"]?.string?.contains(odd) == true)
        #expect(refused["error"]?["reason"]?.string == "invalid_name")
        #expect(body["error"]?["message"] == refused["error"]?["message"])
        #expect(body["accepted"]?.integer == 0 && body["duplicates"]?.integer == 0)
        #expect(response.headers["Content-Type"] == "application/json")
    }

    @Test(arguments: [
        (1, 0, [EventRejection.Reason.invalidTime], 202), (0, 1, [.invalidTime], 202), (0, 0, [], 202),
        (0, 0, [.invalidTime], 400), (0, 0, [.eventTooLarge, .eventTooLarge], 413),
        (0, 0, [.eventTooLarge, .invalidTime], 400),
    ])
    func `only a request without an acceptable event fails`(
        accepted: Int, duplicates: Int, reasons: [EventRejection.Reason], status: Int
    ) throws {
        let rejections = reasons.enumerated().map { rejection($0.offset, $0.element) }
        let response = CollectorRoutes.response(to: reply(accepted: accepted, duplicates: duplicates, rejections))
        let body = try JSONValue.parse(response.body)
        #expect(response.status == status)
        #expect(body["error"]?["code"]?.integer == (status == 202 ? nil : Int64(status)))
        #expect(body["rejected"]?.array?.count == reasons.count && body["accepted"]?.integer == Int64(accepted))
    }
}
