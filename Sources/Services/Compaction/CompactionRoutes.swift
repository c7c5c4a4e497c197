import Bytes
import Clocks
import HTTP
import IcebergCatalog
import JSONFormat
import ServiceHost

/// The HTTP interface of the compaction worker.
package enum CompactionRoutes {
    package static func router(_ service: CompactionService) -> Router {
        var router = Router()
        router.post("/compact/{table}") { context in
            try check(context.request, parameters: ["force"])
            return try await run(.compact(force: try context.flag("force")), dryRunDefault: false, context, service)
        }
        router.get("/compact/{table}/status") { context in
            .json(try await status(of: context.parameter("table"), service))
        }
        router.post("/expire/{table}") { context in
            try check(context.request, parameters: ["older_than_days"])
            let days = try context.query("older_than_days", in: 0...36_500)
            return try await run(
                .expire(retentionDays: days ?? service.configuration.retentionDays), dryRunDefault: false, context,
                service)
        }
        router.post("/orphans/{table}") { context in
            try check(context.request, parameters: ["older_than_hours"])
            let hours = try context.query("older_than_hours", in: CompactionLimits.orphanAgeHoursMin...876_000)
            return try await run(.orphans(ageHoursMin: hours ?? 72), dryRunDefault: true, context, service)
        }
        router.get("/jobs/{id}") { context in
            let text = context.parameter("id")
            guard let id = UUID(text), let job = service.jobs.job(id) else {
                throw ServiceError.notFound("there is no job \(text.prefix(100))")
            }
            return .json(job.json(now: service.now()))
        }
        router.get("/history") { context in
            let limit = try context.query("limit", in: 1...CompactionLimits.jobsKept) ?? 50
            let table = try context.query("table").map { try service.identifier($0).description }
            let jobs = service.jobs.recent(limit: limit, table: table)
            return .json(["jobs": .array(jobs.map { $0.json(now: service.now()) })])
        }
        router.errorMapper = { ($0 as? CompactionError).map(serviceError) }
        return router
    }

    /// Refuses what would be ignored: `?dryrun=true`, or a body that asks for a dry run, must not rewrite or delete.
    static func check(_ request: HTTPRequest, parameters: [String]) throws(ServiceError) {
        let allowed = parameters + ["dry_run", "wait"]
        var seen: Set<String> = []
        for (name, _) in request.query {
            guard allowed.contains(name) else {
                throw .badRequest(
                    "there is no parameter \"\(name.prefix(100))\"; there are \(allowed.joined(separator: ", "))")
            }
            guard seen.insert(name).inserted else { throw .badRequest("the parameter \(name) is given twice") }
        }
        let body = request.body.filter { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        guard body.isEmpty || body == Array("{}".utf8) else {
            throw .badRequest("this call takes no body: \(allowed.joined(separator: ", ")) are parameters of the query")
        }
    }

    private static func run(
        _ request: CompactionService.Request, dryRunDefault: Bool, _ context: RequestContext,
        _ service: CompactionService
    ) async throws -> HTTPResponse {
        let table = try service.identifier(context.parameter("table"))
        let dryRun = try context.flag("dry_run", default: dryRunDefault)
        let wait = try context.flag("wait", default: true)
        let (job, task) = try await service.start(request, table: table, dryRun: dryRun)
        guard wait else {
            return .json(
                job.json(now: service.now()), status: 202, headers: ["Location": "/jobs/\(job.id)"])
        }
        await task.value
        let ended = service.jobs.job(job.id) ?? job
        guard let error = service.jobs.failure(of: job.id) else { return .json(ended.json(now: service.now())) }
        throw error
    }

    private static func status(of name: String, _ service: CompactionService) async throws -> JSONValue {
        let table = try service.identifier(name)
        let plan = try await service.plan(table)
        let now = service.now()
        let last = service.jobs.recent(limit: 20, table: table.description).first { $0.state != .running }
        let next = service.configuration.isScheduled ? service.configuration.schedule.next(after: now) : nil
        return [
            "table": .string(table.description),
            "running": service.jobs.running(table: table.description)?.json(now: now) ?? .null,
            "last": last?.json(now: now) ?? .null, "next_scheduled_at": next.map { .string($0.description) } ?? .null,
            "schedule": .string(service.configuration.schedule.description),
            "files": JSONValue(plan.filesTotal), "small_files": JSONValue(plan.smallFiles),
            "partitions": JSONValue(plan.partitionsTotal), "files_to_rewrite": JSONValue(plan.files),
            "bytes_to_rewrite": JSONValue(plan.inputBytes),
        ]
    }

    static func serviceError(_ error: CompactionError) -> ServiceError {
        switch error.code {
        case .badRequest: .badRequest(error.message)
        case .noSuchTable: ServiceError(status: 404, type: "NoSuchTableException", error.message)
        case .refused: .unprocessable(error.message)
        case .conflict: .conflict(error.message)
        case .damaged: ServiceError(status: 500, type: "CorruptTableException", error.message)
        case .unavailable, .cancelled: .unavailable(error.message)
        case .unknownOutcome: ServiceError(status: 504, type: "CommitStateUnknownException", error.message)
        }
    }
}
