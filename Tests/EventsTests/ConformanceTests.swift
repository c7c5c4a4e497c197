import Clocks
import Foundation
import JSONFormat
import Testing

@testable import Events

/// The vectors of github.com/cloudevents (conformance, spec) but for those of CESQL, a query language the collector does not
/// offer, and of other protocols and formats than HTTP and JSON, where `ANALYTICS_CORPORA` names the folder of corpora.
private let corpus = ProcessInfo.processInfo.environment["ANALYTICS_CORPORA"].map { $0 + "/cloudevents" }
private let hasCorpus = corpus.map { FileManager.default.fileExists(atPath: $0) } ?? false

private func text(_ path: String) throws -> String {
    try String(contentsOf: URL(filePath: try #require(corpus) + "/" + path), encoding: .utf8)
}

private func parse(_ request: EventRequest, strict: Bool = true) throws -> EventBatch {
    let parser = EventParser(strict: strict, secret: EventKeySecret(low: 1, high: 2))
    return try parser.parse(request.unwrapped(bytesMax: 1 << 20), at: Timestamp(microseconds: 0))
}

private func event(_ batch: EventBatch) throws -> Event {
    #expect(batch.rejections.isEmpty)
    return try #require(
        try EventRecord.events(batch.record(context: EventContext(receivedAt: Timestamp(microseconds: 0)))).first)
}

@Suite(.enabled(if: hasCorpus, "ANALYTICS_CORPORA names no folder with cloudevents"))
struct `Format vectors of CloudEvents` {
    /// Of each file: how many vectors, so that an empty one cannot pass. None is an exception.
    private func vectors(_ name: String, _ count: Int) throws -> [JSONCursor] {
        let document = try JSONValue.parse(Array(text("conformance-format-tests/json/\(name).json").utf8))
        let tests = try JSONCursor(document).member("tests").elements()
        #expect(tests.count == count)
        return tests
    }

    private func parse(_ json: JSONValue, _ contentType: String, strict: Bool) throws -> EventBatch {
        try EventsTests.parse(EventRequest(contentType: contentType, body: json.serialized()), strict: strict)
    }

    @Test func `valid events are accepted`() throws {
        for vector in try vectors("valid-events", 10) {
            let batch = try parse(vector.member("event").value, "application/cloudevents+json", strict: false)
            #expect(batch.accepted.count == 1 && batch.rejections.isEmpty, "\(vector.value.serializedString())")
        }
    }

    @Test func `invalid events are refused`() throws {
        for vector in try vectors("invalid-events", 25) {
            // A date makes sure that no event is refused only because strict wants one.
            var event = try vector.member("event").object()
            if event["time"] == nil { event["time"] = "2018-04-05T17:31:00Z" }
            let batch = try parse(.object(event), "application/cloudevents+json", strict: true)
            #expect(batch.accepted.isEmpty && batch.rejections.count == 1, "\(vector.value.serializedString())")
        }
    }

    @Test func `valid batches are accepted`() throws {
        for vector in try vectors("valid-batches", 5) {
            let batch = try parse(vector.member("batch").value, "application/cloudevents-batch+json", strict: false)
            #expect(batch.rejections.isEmpty, "\(vector.value.serializedString())")
        }
    }

    @Test func `invalid batches have a refused event`() throws {
        for vector in try vectors("invalid-batches", 3) {
            let batch = try parse(vector.member("batch").value, "application/cloudevents-batch+json", strict: true)
            #expect(!batch.rejections.isEmpty, "\(vector.value.serializedString())")
        }
    }

    /// XML, protobuf and Avro are other formats than JSON, which a receiver need not take: 415 says so (HTTP binding §3.2).
    @Test(arguments: [
        "application/cloudevents+xml", "application/cloudevents+protobuf", "application/cloudevents+avro",
    ])
    func `other formats are named as not supported`(contentType: String) throws {
        let error = #expect(throws: EventBodyError.self) {
            try EventsTests.parse(EventRequest(contentType: contentType, body: Array("<event/>".utf8)))
        }
        #expect(error?.code == .unsupportedMediaType)
    }
}

/// Scenarios of `conformance-features/http-protocol-binding.feature`: a request, then its attributes and data.
@Suite(.enabled(if: hasCorpus, "ANALYTICS_CORPORA names no folder with cloudevents"))
struct `HTTP binding scenarios of CloudEvents` {
    struct Scenario {
        var request = ""
        var attributes: [String: String] = [:]
        var data = ""
        var contentTypes: [String] = []
    }

    static func read(_ feature: String) -> [Scenario] {
        var scenarios: [Scenario] = []
        var quoted: [String]?
        var section = ""
        for line in feature.split(separator: "\n", omittingEmptySubsequences: false) {
            let words = line.trimmingCharacters(in: .whitespaces)
            if words == "\"\"\"" {
                if let lines = quoted {
                    let body = lines.joined(separator: "\n")
                    if section.hasPrefix("Given an HTTP request") { scenarios[scenarios.count - 1].request = body }
                    if section.hasPrefix("And the data") { scenarios[scenarios.count - 1].data = body }
                    quoted = nil
                } else {
                    quoted = []
                }
            } else if quoted != nil {
                quoted?.append(line.hasPrefix("        ") ? String(line.dropFirst(8)) : words)
            } else if words.hasPrefix("Scenario Outline") {
                scenarios.append(Scenario())
            } else if words.hasPrefix("|") {
                let cells = words.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
                if section.hasPrefix("Then the attributes"), cells[0] != "key" {
                    scenarios[scenarios.count - 1].attributes[cells[0]] = cells[1]
                } else if section.hasPrefix("Examples"), cells[0] != "contentType" {
                    scenarios[scenarios.count - 1].contentTypes.append(cells[0])
                }
            } else {
                section = words
            }
        }
        return scenarios
    }

    private func request(_ message: String) -> EventRequest {
        let parts = message.components(separatedBy: "\n\n")
        var request = EventRequest(contentType: nil, body: Array(parts.dropFirst().joined(separator: "\n\n").utf8))
        for line in parts[0].split(separator: "\n").dropFirst() {
            let field = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            let name = field[0].lowercased()
            if name == "content-type" { request.contentType = field[1] }
            if name.hasPrefix("ce-") { request.attributes.append((String(name.dropFirst(3)), field[1])) }
        }
        return request
    }

    @Test func `each is read as it says`() throws {
        let scenarios = Self.read(try text("conformance-features/http-protocol-binding.feature"))
        #expect(scenarios.count == 2 && scenarios.allSatisfy { $0.contentTypes.count == 2 })
        for scenario in scenarios {
            for contentType in scenario.contentTypes {
                let message = scenario.request.replacingOccurrences(of: "<contentType>", with: contentType)
                let event = try event(try parse(request(message)))
                var found = [
                    "id": event.id, "type": event.type, "source": event.source, "specversion": Event.specVersion,
                    "time": event.time.description,
                ]
                found["datacontenttype"] = event.dataContentType
                let wanted = scenario.attributes.mapValues {
                    $0.replacingOccurrences(of: "<contentType>", with: contentType)
                }
                #expect(found == wanted)
                let data = try JSONValue.parse(Array(try #require(event.data).utf8))
                #expect(data == (try JSONValue.parse(Array(scenario.data.utf8))))
            }
        }
    }
}

/// Documents of `conformance-yaml`: an event each, sent in binary and in structured mode.
@Suite(.enabled(if: hasCorpus, "ANALYTICS_CORPORA names no folder with cloudevents"))
struct `Documents of cloudevents conformance` {
    struct Document {
        var attributes: [String: String] = [:]
        var extensions: [String: String] = [:]
        var data = ""
    }

    /// The part of YAML that the documents use: maps of scalars, block scalars (`|`), comments, `---`.
    static func read(_ yaml: String) -> [Document] {
        yaml.components(separatedBy: "\n---\n").map { text in
            var document = Document()
            var parent = ""
            var block: (key: String, indent: Int, lines: [String])?
            func set(_ key: String, _ value: String, _ indent: Int) {
                if indent == 0 {
                    if key == "Data" { document.data = value }
                } else if indent == 2, parent == "ContextAttributes" || parent == "Extensions" {
                    document.attributes[key] = value
                } else if indent == 4 {
                    document.extensions[key] = value
                }
            }
            func close() {
                guard let open = block else { return }
                let margin = open.lines.first.map { $0.prefix { $0 == " " }.count } ?? 0
                let value = open.lines.map { $0.dropFirst(margin) + "\n" }.joined()
                // The line end that YAML adds is no part of an attribute: none may have a control character (spec §3.1).
                set(open.key, open.indent == 0 ? value : String(value.dropLast()), open.indent)
                block = nil
            }
            for line in text.split(separator: "\n") where !line.hasPrefix("#") {
                let indent = line.prefix { $0 == " " }.count
                if let open = block, indent > open.indent {
                    block?.lines.append(String(line))
                    continue
                }
                close()
                guard let colon = line.firstIndex(of: ":") else { continue }
                let key = line[..<colon].trimmingCharacters(in: .whitespaces)
                let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
                if value == "|" {
                    block = (key, indent, [])
                } else if value.isEmpty {
                    parent = key
                } else {
                    set(key, value.trimmingCharacters(in: CharacterSet(charactersIn: "\"")), indent)
                }
            }
            close()
            return document
        }
    }

    private func documents(_ name: String, _ count: Int) throws -> [Document] {
        let documents = Self.read(try text("conformance-yaml/\(name)"))
        #expect(documents.count == count && documents.allSatisfy { $0.attributes["id"] != nil && !$0.data.isEmpty })
        return documents
    }

    private func binary(_ document: Document) -> EventRequest {
        var attributes = document.attributes.merging(document.extensions) { $1 }
        let contentType = attributes.removeValue(forKey: "datacontenttype")
        return EventRequest(
            contentType: contentType ?? "application/json",
            attributes: attributes.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) },
            body: Array(document.data.utf8))
    }

    private func structured(_ document: Document) -> EventRequest {
        var json = JSONObject()
        for (name, value) in document.attributes.merging(document.extensions, uniquingKeysWith: { $1 }) {
            json[name] = .string(value)
        }
        let isJSON = document.attributes["datacontenttype"].map { $0.hasPrefix("application/json") } ?? true
        do {
            json["data"] = isJSON ? try JSONValue.parse(Array(document.data.utf8)) : .string(document.data)
        } catch {
            json["data"] = .string(document.data)
        }
        return EventRequest(
            contentType: "application/cloudevents+json; charset=utf-8", body: JSONValue.object(json).serialized())
    }

    @Test(arguments: [("v1.yaml", 2), ("v1.0/v1_minimum.yaml", 6)])
    func `version 1 is accepted in both modes, whole`(name: String, count: Int) throws {
        for document in try documents(name, count) {
            for request in [binary(document), structured(document)] {
                // The minimum documents have no time, which is optional.
                let event = try event(parse(request, strict: false))
                #expect(event.id == document.attributes["id"] && event.type == document.attributes["type"])
                #expect(event.source == document.attributes["source"])
                if let time = document.attributes["time"] { #expect(event.time.description == time) }
                let extensions = Dictionary(event.extensions.map { ($0.name, $0.value) }) { $1 }
                #expect(extensions == document.extensions)
                if let contentType = document.attributes["datacontenttype"] {
                    #expect(event.dataContentType == contentType)
                }
                let data = try #require(event.data)
                let isJSON = event.dataContentType?.hasPrefix("application/json") ?? true
                if isJSON {
                    #expect(
                        try JSONValue.parse(Array("[\(data)]".utf8))
                            == JSONValue.parse(Array("[\(document.data)]".utf8)))
                } else {
                    #expect(data == document.data)
                }
            }
        }
    }

    /// Only CloudEvents 1.0 is stored: 0.3 has another meaning of `data` and another name for `dataschema`.
    @Test(arguments: [("v03.yaml", 1), ("v0.3/v03_minimum.yaml", 6)])
    func `version 0.3 is refused by name`(name: String, count: Int) throws {
        for document in try documents(name, count) {
            for request in [binary(document), structured(document)] {
                let batch = try parse(request, strict: false)
                #expect(batch.accepted.isEmpty && batch.rejections.map(\.reason) == [.specVersion])
            }
        }
    }
}
