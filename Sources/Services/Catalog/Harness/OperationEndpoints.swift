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
            extra(.get, "namespaces/{namespace}/tables/{table}/transactions", .read) {
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
