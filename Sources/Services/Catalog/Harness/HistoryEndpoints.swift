import Bytes
import Clocks
import HTTP
import IcebergCatalog
import JSONFormat

/// `GET /v1/audit` and `GET /v1/events`: what the registers have recorded.
extension CatalogHarness {
    private static let auditDefaultMilliseconds: Int64 = 86_400_000

    var historyEndpoints: [Endpoint] {
        [
            extra(
                .get, "audit", .administer,
                parameters: ["namespace", "table", "principal", "operation", "since", "until", "limit", "pageToken"]
            ) { (call) async throws(CatalogError) in try await audit(call) },
            extra(.get, "events", .list, parameters: ["namespace", "table", "after", "limit", "wait"]) {
                (call) async throws(CatalogError) in try await events(call)
            },
        ]
    }

    // MARK: - Audit

    private func audit(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let yesterday = Timestamp(milliseconds: service.clock.now().milliseconds - Self.auditDefaultMilliseconds)
        var query = CatalogService.AuditQuery(since: try call.time("since") ?? yesterday)
        query.scope = try call.scope()
        query.principal = call.request.parameter("principal")
        query.operation = call.request.parameter("operation")
        query.until = try call.time("until")
        let limit = try call.number("limit", in: 1...CatalogLimits.pageSizeMax) ?? 100
        let after = try call.request.parameter("pageToken").map { (text) throws(CatalogError) in try AuditToken(text) }
        let changes = try await service.audit(query)
        let start =
            after.flatMap { token in changes.firstIndex { token.isBefore($0) } } ?? (after == nil ? 0 : changes.count)
        let page = changes[start...].prefix(limit)
        let next = page.endIndex < changes.endIndex ? page.last.map { AuditToken($0).text } : nil
        return CatalogReply.json([
            "entries": .array(page.map { .object($0.json(isForAudit: true)) }),
            "next-page-token": next.map { .string($0) } ?? .null,
        ])
    }

    // MARK: - Events

    private func events(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let isStream = call.request.headers["Accept"]?.contains("text/event-stream") == true
        let limit = try call.number("limit", in: 1...CatalogLimits.eventsPerAnswerMax) ?? 100
        let wait = try call.number("wait", in: 0...CatalogLimits.eventWaitSecondsMax)
        let page = try await feed.next(
            from: try call.eventStart(), in: try call.scope(), limit: limit,
            waitMilliseconds: (wait ?? (isStream ? CatalogLimits.eventWaitSecondsMax : 0)) * 1_000,
            refusesCrowd: !isStream, call.rights, isStopping: isStopping)
        var response = isStream ? Self.stream(page) : Self.list(page)
        response.headers["Cache-Control"] = "no-store"
        return response
    }

    private static func list(_ page: EventFeed.Page) -> HTTPResponse {
        let events = page.events.map { JSONValue.object($0.change.json(isForAudit: false)) }
        return CatalogReply.json(["events": .array(events), "next": .string(page.cursor.text)])
    }

    /// A stream that ends: the browser's `EventSource`, and others like it, ask for the next part with `Last-Event-ID`.
    private static func stream(_ page: EventFeed.Page) -> HTTPResponse {
        // `EventSource` gives up at any status but 200: who finds no place among those who wait comes back later.
        var text = "retry: \(page.isCrowded ? 10_000 : 1_000)\n\n"
        for (index, event) in page.events.enumerated() {
            // A long cursor stands at the last event alone; whoever is cut off before it reads these again.
            if event.cursor.count <= 64 || index == page.events.count - 1 { text += "id: \(event.cursor.text)\n" }
            text +=
                "event: change\ndata: \(JSONValue.object(event.change.json(isForAudit: false)).serializedString())\n\n"
        }
        // An id without data is remembered all the same.
        text += "id: \(page.cursor.text)\n\n"
        return HTTPResponse(status: 200, headers: ["Content-Type": "text/event-stream"], body: Array(text.utf8))
    }
}

extension CatalogCall {
    /// `namespace=`, with `table=` a table of it; or `table=namespace.table`.
    fileprivate func scope() throws(CatalogError) -> RecordScope {
        let (namespace, table) = (request.parameter("namespace"), request.parameter("table"))
        switch (namespace, table) {
        case (nil, nil): return .warehouse
        case (let namespace?, nil): return .namespace(try NamespaceName(urlComponent: namespace))
        case (let namespace?, let table?):
            return .table(try TableIdentifier(try NamespaceName(urlComponent: namespace), table))
        case (nil, let table?): return .table(try TableIdentifier(dotted: table))
        }
    }

    fileprivate func time(_ name: String) throws(CatalogError) -> Timestamp? {
        guard let text = request.parameter(name), !text.isEmpty else { return nil }
        guard let time = Timestamp(rfc3339: text, dateOnly: true) else {
            throw CatalogError(.badRequest, "\(name) is a time as RFC 3339: 2024-01-15T14:30:00Z")
        }
        return time
    }

    /// `after=`, or what a reader of a stream has seen last.
    fileprivate func eventStart() throws(CatalogError) -> EventFeed.Start {
        switch request.headers["Last-Event-ID"] ?? request.parameter("after") {
        case nil, "now": return .now
        case "start": return .oldest
        case let text?:
            guard let cursor = EventCursor(text) else {
                throw CatalogError(.badRequest, "after is \"now\", \"start\", or the \"next\" of an answer")
            }
            return .after(cursor)
        }
    }
}

/// Where a page of the audit ended.
private struct AuditToken {
    let time: Int64
    let version: Int64
    let order: String

    init(_ change: RecordedChange) {
        time = change.time.milliseconds
        version = change.version
        order = change.subject.order
    }

    var text: String { Base64.encode(Array("\(time) \(version) \(order)".utf8), alphabet: .urlSafe) }

    init(_ text: String) throws(CatalogError) {
        let parts = Base64.decode(text).flatMap { String(validating: $0, as: UTF8.self) }?.split(
            separator: " ", maxSplits: 2)
        guard let parts, parts.count == 3, let time = Int64(parts[0]), let version = Int64(parts[1]) else {
            throw CatalogError(.badRequest, "pageToken is the next-page-token of an answer")
        }
        self.time = time
        self.version = version
        order = String(parts[2])
    }

    /// Newer changes go first, then by name, of one register the later versions.
    func isBefore(_ change: RecordedChange) -> Bool {
        (change.time.milliseconds, order, change.version) < (time, change.subject.order, version)
    }
}
