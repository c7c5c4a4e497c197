import Clocks
import GraphQLFormat
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat
import Synchronization

/// What every resolver works with.
package struct QueryContext: Sendable {
    let service: QueryService
    let startedAt: UInt64
    let cacheBytesMax: Int
    /// SQL that this request has run.
    private let run = RequestBudget()

    /// The context of one more request.
    func next() -> QueryContext { QueryContext(service: service, startedAt: startedAt, cacheBytesMax: cacheBytesMax) }

    init(service: QueryService, startedAt: UInt64, cacheBytesMax: Int) {
        self.service = service
        self.startedAt = startedAt
        self.cacheBytesMax = cacheBytesMax
    }

    /// Counts a query that the request is about to run.
    ///
    /// - Throws: `.badInput` beyond what one request may run: aliases must not fill the queue that all callers share.
    func admitQuery() throws(QueryError) {
        guard run.count.add(1, ordering: .relaxed).newValue <= Self.queriesPerRequestMax else {
            throw QueryError(.badInput, "One request may run at most \(Self.queriesPerRequestMax) queries.")
        }
    }

    static let queriesPerRequestMax = 16
}

private final class RequestBudget: Sendable {
    let count = Atomic(0)
}

/// Joins the schema to the service. Resolvers give plain data; the fields below are taken from it by name.
enum Resolvers {
    typealias Request = GraphQLFieldRequest<QueryContext>

    static let all: [String: GraphQLResolver<QueryContext>] = [
        "Query.analytics": { _ in .object(JSONObject()) },
        "Query.catalog": { _ in .object(JSONObject()) },
        "Query.debug": { _ in .object(JSONObject()) },
        "Query.metrics": { request in .json(await MetricsView.json(request.context)) },
        "Analytics.eventCounts": eventCounts,
        "Analytics.timeTravel": timeTravel,
        "Analytics.sql": sql,
        "Catalog.tables": tables,
        "Catalog.table": table,
        "Debug.queryPlan": queryPlan,
    ]

    private static func time(_ value: JSONValue?) -> Timestamp? {
        value?.string.flatMap { Timestamp(rfc3339: $0) }
    }

    @Sendable private static func eventCounts(_ request: Request) async throws -> GraphQLOutput {
        try request.context.admitQuery()
        let arguments = request.arguments
        guard let start = time(arguments["timeRange"]?["start"]), let end = time(arguments["timeRange"]?["end"]) else {
            throw QueryError(.badInput, "timeRange needs a start and an end.")
        }
        let service = request.context.service
        let target = try service.target(timestamp: time(arguments["asOf"]), snapshotID: arguments["snapshotId"]?.string)
        let counts = try await service.eventCounts(
            start: start, end: end, types: arguments["eventTypes"]?.array?.compactMap(\.string),
            table: arguments["table"]?.string, target: target)
        return .json(
            .array(
                counts.map {
                    [
                        "eventType": .string($0.eventType), "count": .integer($0.count),
                        "uniqueUsers": .integer($0.uniqueUsers),
                    ]
                }))
    }

    @Sendable private static func timeTravel(_ request: Request) async throws -> GraphQLOutput {
        try request.context.admitQuery()
        let service = request.context.service
        let (timestamp, snapshotID) = (time(request.arguments["timestamp"]), request.arguments["snapshotId"]?.string)
        guard timestamp != nil || snapshotID != nil else {
            throw QueryError(.badInput, "timeTravel needs a timestamp or a snapshotId.")
        }
        let target = try service.target(timestamp: timestamp, snapshotID: snapshotID)
        return .json(json(try await service.sql(request.arguments["query"]?.string ?? "", target: target)))
    }

    @Sendable private static func sql(_ request: Request) async throws -> GraphQLOutput {
        try request.context.admitQuery()
        let limit = request.arguments["limit"]?.integer
        if let limit, limit < 0 { throw QueryError(.badInput, "limit must not be negative.") }
        let answer = try await request.context.service.sql(
            request.arguments["query"]?.string ?? "", limit: limit.map { Int($0) })
        return .json(json(answer))
    }

    private static func json(_ answer: QueryAnswer) -> JSONValue {
        [
            "columns": .array(answer.columns.map { ["name": .string($0.name), "type": .string($0.type)] }),
            "results": .array(answer.results), "rowCount": JSONValue(answer.results.count),
            "truncated": .bool(answer.isTruncated), "snapshotId": .string(answer.snapshotID),
            "elapsedMs": .double(answer.elapsedMilliseconds),
        ]
    }

    @Sendable private static func tables(_ request: Request) async throws -> GraphQLOutput {
        let planner = request.context.service.planner
        do {
            var namespaces: [NamespaceName]
            if let given = request.arguments["namespace"]?.string {
                namespaces = [try NamespaceName(dotted: given)]
            } else {
                namespaces = try await allNamespaces(planner.catalog)
            }
            namespaces.sort()
            var tables: [JSONValue] = []
            for namespace in namespaces {
                for identifier in try await planner.catalog.listTables(in: namespace) {
                    do throws(CatalogError) {
                        tables.append(TableViewModel.json(identifier, try await planner.catalog.loadTable(identifier)))
                    } catch {
                        // Dropped since it was listed.
                        guard error.code == .noSuchTable else { throw error }
                    }
                }
            }
            return .json(.array(tables))
        } catch let error as CatalogError {
            throw QueryError(catalogError: error, of: request.arguments["namespace"]?.string ?? "the list of tables")
        }
    }

    private static func allNamespaces(_ catalog: any TableCatalog) async throws(CatalogError) -> [NamespaceName] {
        var pending = try await catalog.listNamespaces(under: nil)
        var all: [NamespaceName] = []
        while let next = pending.popLast() {
            all.append(next)
            pending += try await catalog.listNamespaces(under: next)
        }
        return all
    }

    @Sendable private static func table(_ request: Request) async throws -> GraphQLOutput {
        let service = request.context.service
        do throws(QueryError) {
            let identifier = try service.identifier(ofTable: request.arguments["name"]?.string)
            return .json(TableViewModel.json(identifier, try await service.planner.load(identifier)))
        } catch {
            guard error.code == .noSuchTable else { throw error }
            return .json(.null)
        }
    }

    @Sendable private static func queryPlan(_ request: Request) async throws -> GraphQLOutput {
        try request.context.admitQuery()
        return .json(PlanView.json(try await request.context.service.explain(request.arguments["sql"]?.string ?? "")))
    }
}
