import Batching
import Clocks
import Configuration
import Events
import Foundation
import GeoIP
import HTTP
import JSONFormat
import ServiceHost
import Testing

@testable import Collector

private let now = Timestamp(microseconds: 1_700_000_000_000_000)

@Suite struct `Rules on events` {
    private func batch(_ events: String...) throws -> EventBatch {
        let parser = EventParser(secret: EventKeySecret(low: 1, high: 2))
        let body = "[" + events.joined(separator: ",") + "]"
        return try parser.parse(EventRequest(contentType: "application/json", body: Array(body.utf8)), at: now)
    }

    @Test func `types that the key is not for are refused`() throws {
        let types = ["page.*", "click"].compactMap { NamePattern($0) }
        let judged = EventRules(types: types).apply(
            to: try batch(
                #"{"event_type":"page.view"}"#, #"{"event_type":"clicks"}"#, #"{"event_type":"click"}"#,
                #"{"event_type":"Page.view"}"#))
        #expect(judged.accepted.map(\.index) == [0, 2])
        #expect(judged.rejections.map(\.index) == [1, 3])
        #expect(judged.rejections.allSatisfy { $0.reason == .typeNotAllowed && $0.attribute == "type" })
    }

    @Test func `a time is refused one microsecond beyond what is allowed`() throws {
        let rules = EventRules(latest: Timestamp(microseconds: now.microseconds + 5_000_000))
        let judged = rules.apply(
            to: try batch(
                #"{"event_type":"a","timestamp":"2023-11-14T22:13:25Z"}"#,
                #"{"event_type":"a","timestamp":"2023-11-14T22:13:25.000001Z"}"#, #"{"event_type":"a"}"#,
                #"{"event_type":"a","timestamp":"0001-01-01T00:00:00Z"}"#))
        #expect(judged.accepted.map(\.index) == [0, 2, 3])
        #expect(judged.rejections.map(\.reason) == [.timeOutOfRange])
    }

    @Test func `without a rule nothing is looked at`() throws {
        let given = try batch(#"{"event_type":"a","timestamp":"9999-01-01T00:00:00Z"}"#)
        #expect(EventRules().apply(to: given).accepted == given.accepted)
    }

    @Test(arguments: [
        ([EventRejection.Reason.typeNotAllowed, .typeNotAllowed], 403), ([.typeNotAllowed, .invalidTime], 400),
        ([.timeOutOfRange], 400), ([.eventTooLarge, .eventTooLarge], 413), ([.eventTooLarge, .typeNotAllowed], 400),
    ])
    func `a request has the status that all of its events have`(
        reasons: [EventRejection.Reason], status: Int
    ) throws {
        let rejections = reasons.enumerated().map { EventRejection(index: $0, id: nil, reason: $1, text: 0..<1) }
        let reply = EventIntake.Reply(accepted: 0, duplicates: 0, rejections: rejections)
        #expect(CollectorRoutes.response(to: reply).status == status)
        let mixed = EventIntake.Reply(accepted: 1, duplicates: 0, rejections: rejections)
        let response = CollectorRoutes.response(to: mixed, isDryRun: true)
        #expect(response.status == 202)
        #expect(try JSONValue.parse(response.body)["dry_run"]?.bool == true)
    }
}

@Suite struct `Places and agents` {
    private func place(_ country: String?, city: String? = nil) -> GeoPlace {
        var place = GeoPlace()
        (place.country, place.city, place.timezone) = (country, city, "Europe/Amsterdam")
        return place
    }

    @Test(
        arguments: [
            (nil, "NL", "Amsterdam"), ("NL", "NL", "Amsterdam"), ("XX", "NL", "Amsterdam"), ("DE", "DE", nil),
        ] as [(String?, String, String?)])
    func `the database fills in what no proxy said, unless they contradict`(
        header: String?, country: String, city: String?
    ) {
        var context = EventContext(receivedAt: now)
        context[.country] = header
        context.fill(place("NL", city: "Amsterdam"))
        #expect(context[.country] == country && context[.city] == city)
        #expect(context[.timezone] == (city == nil ? nil : "Europe/Amsterdam"))
    }

    @Test func `what a proxy said stays`() {
        var context = EventContext(receivedAt: now)
        context[.city] = "Utrecht"
        context.fill(place("NL", city: "Amsterdam"))
        #expect(context[.city] == "Utrecht" && context[.country] == "NL")
    }

    private func configuration(_ environment: [String: String]) -> (EnrichmentConfiguration, [String]) {
        var reader = ConfigurationReader(Environment(environment))
        let configuration: EnrichmentConfiguration = reader.section()
        return (configuration, reader.problems.map(\.variable))
    }

    @Test func `by default the agent is kept and the address is not`() {
        let (plain, problems) = configuration([:])
        #expect(plain.storesUserAgent && !plain.storesClientAddress && plain.geoIPDatabase == nil && problems.isEmpty)
        #expect(configuration(["MAXMIND_DB_PATH": "/x"]).0.geoIPDatabase == "/x")
    }

    @Test func `a database that cannot be used stops the start`() {
        let error = #expect(throws: ConfigurationError.self) {
            try Enricher(configuration(["GEOIP_DATABASE": "/nowhere/x.mmdb"]).0)
        }
        #expect(error?.description == "GEOIP_DATABASE: /nowhere/x.mmdb: No such file or directory")
    }
}
