import Bytes
import Checksums
import Configuration
import Foundation
import HTTP
import JSONFormat
import Telemetry

@testable import ServiceHost

/// A pipeline of the collector with one route of each kind.
func accessPipeline(
    _ environment: Environment, logger: Logger = .disabled, metrics: MetricsRegistry = MetricsRegistry(),
    keys: KeyRing? = nil
) throws -> RequestPipeline {
    var reader = ConfigurationReader(environment)
    let configuration = WorkerConfiguration(.collector, from: &reader)
    try reader.finish()
    var router = Router()
    router.on(.post, "/events", takesKeyFromURL: true) { context in
        context.charge(events: context.request.body.count)
        return .text("\(context.caller)")
    }
    router.post("/admin", access: .keyOutsideDevelopment) { _ in .text("done") }
    router.get("/read", access: .key) { _ in .text("read") }
    router.on(.get, "/script", access: .open, isForAllPages: true) { _ in .text("script") }
    return RequestPipeline(
        configuration: configuration, router: router, logger: logger, metrics: metrics, keys: keys)
}

func sha256(_ key: String) -> String { Hexadecimal.encode(Digest.sha256(Array(key.utf8))) }

/// A file of keys with these entries; `extra` is the text of further members of each.
func keyFile(_ entries: (name: String, key: String, extra: String)...) -> String {
    let lines = entries.map { #"{"name":"\#($0.name)","sha256":"\#(sha256($0.key))"\#($0.extra)}"# }
    return "[" + lines.joined(separator: ",") + "]"
}

func temporaryFile(_ text: String) throws -> String {
    let directory = "/tmp/keys-\(Foundation.UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(filePath: "\(directory)/keys.json"))
    return "\(directory)/keys.json"
}

func post(
    _ target: String, _ headers: HTTPHeaders = [:], body: String = "", peer: HTTPPeer = .address("10.0.0.9")
) -> HTTPRequest {
    HTTPRequest(method: .post, target: target, headers: headers, body: Array(body.utf8), peer: peer)
}
