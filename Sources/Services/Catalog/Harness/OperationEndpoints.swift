import Clocks
import HTTP
import IcebergCatalog
import IcebergData
import JSONFormat

/// Looking at tables, mending them, and getting them back.
extension CatalogHarness {
    var operationEndpoints: [Endpoint] {
        [
            extra(.post, "namespaces/{namespace}/tables/{table}/validate", .read) {
                (call) async throws(CatalogError) in try await validate(call)
            },
            extra(.post, "namespaces/{namespace}/tables/{table}/recover", .maintain) {
                (call) async throws(CatalogError) in try await recover(call)
            },
            extra(.post, "namespaces/{namespace}/tables/{table}/rebuild-manifests", .maintain) {
                (call) async throws(CatalogError) in try await rebuildManifests(call)
            },
            extra(.post, "recovery/rebuild-all", .administer) {
                (call) async throws(CatalogError) in try await rebuildAll(call)
            },
            extra(.get, "namespaces/{namespace}/tables/{table}/health", .read) {
                (call) async throws(CatalogError) in
                let identifier = try call.table()
                let health = try await service.health(of: identifier)
                return CatalogReply.json(health.json(of: identifier, at: service.clock.now()))
            },
            extra(.get, "costs", .administer, parameters: ["timeout_seconds"]) { (call) async throws(CatalogError) in
                let seconds = try call.number("timeout_seconds", in: 1...CatalogLimits.operationSecondsMax)
                return CatalogReply.json(
                    try await service.costs(
                        prices: costs.prices, workers: costs.workers,
                        milliseconds: seconds.map { $0 * 1_000 } ?? CatalogLimits.operationMillisecondsDefault))
            },
            extra(.get, "namespaces/{namespace}/tables/{table}/transactions", .read, parameters: ["limit"]) {
                (call) async throws(CatalogError) in
                let limit = try call.number("limit", in: 1...CatalogLimits.transactionsListedMax) ?? 50
                return CatalogReply.json(try await service.commits(of: try call.table(), limit: limit))
            },
        ]
    }

    private func validate(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let identifier = try call.table()
        let wanted = try CatalogCall.reading { () throws(JSONError) -> CatalogService.Validation in
            var wanted = CatalogService.Validation()
            wanted.level = try body.choice("level") ?? wanted.level
            wanted.scope = try body.choice("snapshots") ?? wanted.scope
            wanted.findingsMax =
                try body.number("max_findings", in: 1...ValidationLimits.findingsMax) ?? wanted.findingsMax
            wanted.milliseconds = try body.milliseconds() ?? wanted.milliseconds
            return wanted
        }
        let validated = try await service.validate(identifier, wanted)
        var object = JSONObject()
        object["table"] = identifier.json
        object["metadata-location"] = validated.metadataLocation.map { .string($0) } ?? .null
        object["level"] = .string(wanted.level.rawValue)
        object["snapshots"] = .string(wanted.scope.rawValue)
        for member in validated.report.json.object?.members ?? [] { object[member.key] = member.value }
        return CatalogReply.json(.object(object))
    }

    private func recover(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let identifier = try call.table()
        let wanted = try CatalogCall.reading { () throws(JSONError) -> CatalogService.Recovery in
            CatalogService.Recovery(
                whole: try body.choice("whole") ?? .metadata, isDryRun: try body.flag("dry_run"))
        }
        let recovered = try await service.recover(identifier, wanted, call.context)
        return CatalogReply.json(recovered.json(isDryRun: wanted.isDryRun))
    }

    private func rebuildManifests(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let identifier = try call.table()
        let wanted = try CatalogCall.reading { () throws(JSONError) -> CatalogService.ManifestRebuild in
            CatalogService.ManifestRebuild(
                isDryRun: try body.flag("dry_run"), isForced: try body.flag("force"),
                milliseconds: try body.milliseconds() ?? CatalogLimits.operationMillisecondsDefault)
        }
        return CatalogReply.json(try await service.rebuildManifests(identifier, wanted, call.context).json(wanted))
    }

    private func rebuildAll(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let wanted = try CatalogCall.reading { () throws(JSONError) -> CatalogService.RebuildAll in
            CatalogService.RebuildAll(
                isDryRun: try body.flag("dry_run"), includesDropped: try body.flag("include_dropped"),
                whole: try body.choice("whole") ?? .metadata)
        }
        let rebuilt = try await service.rebuildAll(wanted, call.context)
        return CatalogReply.json(rebuilt.json(isDryRun: wanted.isDryRun))
    }
}

extension CatalogCall {
    /// A whole number of the query; nil when it is not there.
    func number(_ name: String, in range: ClosedRange<Int>) throws(CatalogError) -> Int? {
        guard let text = request.parameter(name), !text.isEmpty else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw CatalogError(
                .badRequest,
                "\(name) is a whole number from \(range.lowerBound) to \(range.upperBound), not \"\(text.prefix(20))\"")
        }
        return number
    }
}

extension JSONCursor {
    /// One of the names of a choice; nil when the member is not there.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String
    ) throws(JSONError) -> Choice? where Choice.RawValue == String {
        guard let member = try optional(key) else { return nil }
        guard let choice = Choice(rawValue: try member.string()) else {
            throw member.fail("allowed are \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    func number(_ key: String, in range: ClosedRange<Int>) throws(JSONError) -> Int? {
        guard let member = try optional(key) else { return nil }
        let number = try member.integer(as: Int.self)
        guard range.contains(number) else {
            throw member.fail("allowed are \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// `timeout_seconds`, as milliseconds.
    func milliseconds() throws(JSONError) -> Int? {
        try number("timeout_seconds", in: 1...CatalogLimits.operationSecondsMax).map { $0 * 1_000 }
    }

    func flag(_ key: String) throws(JSONError) -> Bool { try optional(key)?.bool() ?? false }
}
