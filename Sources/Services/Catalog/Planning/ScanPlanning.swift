import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore

/// Plans scans for clients (REST catalog: `planTableScan`, `fetchPlanningResult`, `fetchScanTasks`).
///
/// Nothing is kept of a plan: its id and its tasks say what they are of, so that any replica answers for any other, after
/// a restart too ([decision 0012](docs/decisions/0012-plan-tokens.md)). A small scan is answered whole; a large one with
/// tasks, each for a stretch of its manifests, and a stretch that proves too long ends in another task.
struct ScanPlanning: Sendable {
    private let planner: ScanPlanner
    let key: SigningKey

    init(loader: ManifestLoader, key: SigningKey) {
        planner = ScanPlanner(loader: loader)
        self.key = key
    }

    /// Files with what is to be said of them, and tokens for the rest.
    struct Answer: Sendable {
        var files: [ScanPlan.File] = []
        var planTasks: [String] = []
        let schema: Schema
        let grammar: PredicateGrammar
        let statisticsIDs: [Int]
    }

    /// Plans a scan. The id is good for `refetch` as long as the scan's snapshots live, unless the filter is too long for
    /// it.
    func plan(
        _ request: ScanRequest, of metadata: TableMetadata
    ) async throws(CatalogError) -> (id: String, answer: Answer) {
        let answer = try await answer(request, of: metadata)
        if let id = try await token(request, nil, of: metadata).sealed(.plan, with: key) { return (id, answer) }
        var unfiltered = request
        unfiltered.filter = ScanRequest.omitted
        guard let id = try await token(unfiltered, nil, of: metadata).sealed(.plan, with: key) else {
            throw CatalogError(.badRequest, "the scan names too many columns to be planned")
        }
        return (id, answer)
    }

    /// The same answer once more; nil where the id could not hold the scan.
    ///
    /// - Throws: `.noSuchPlanID`.
    func refetch(_ id: String, of metadata: TableMetadata) async throws(CatalogError) -> Answer? {
        let scan = try await scan(id, of: metadata)
        guard scan.filter != ScanRequest.omitted else { return nil }
        do {
            return try await answer(scan, of: metadata)
        } catch {
            guard error.code == .badRequest else { throw error }
            throw CatalogError(.noSuchPlanID, "the plan cannot be made any more: \(error.message)")
        }
    }

    /// Whether an id is one of this table's: there is nothing to release.
    ///
    /// - Throws: `.noSuchPlanID`.
    func cancel(_ id: String, of metadata: TableMetadata) async throws(CatalogError) {
        _ = try await scan(id, of: metadata)
    }

    private func scan(_ id: String, of metadata: TableMetadata) async throws(CatalogError) -> ScanRequest {
        guard let token = try await PlanToken.open(id, as: .plan, with: key), token.table == metadata.planUUID else {
            throw CatalogError(.noSuchPlanID, "The plan id does not exist: no replica of this catalog made it")
        }
        return token.scan
    }

    /// The files of one plan task.
    ///
    /// - Throws: `.noSuchPlanTask`, also when the scan's snapshots have expired meanwhile.
    func tasks(_ planTask: String, of metadata: TableMetadata) async throws(CatalogError) -> Answer {
        guard let token = try await PlanToken.open(planTask, as: .task, with: key),
            token.table == metadata.planUUID, let stretch = token.stretch, let extent = token.scan.extent
        else {
            throw CatalogError(.noSuchPlanTask, "The plan task does not exist: no replica of this catalog made it")
        }
        do {
            let (scan, grammar) = try await stage(token.scan, extent, of: metadata)
            return try await fill(token.scan, scan, stretch, grammar, of: metadata)
        } catch {
            // The specification knows no failed task: one of a damaged table cannot be had any more either.
            guard error.code == .badRequest || error.code == .unprocessable else { throw error }
            throw CatalogError(.noSuchPlanTask, "the scan cannot be planned any more: \(error.message)")
        }
    }

    // MARK: - Parts

    private func answer(_ request: ScanRequest, of metadata: TableMetadata) async throws(CatalogError) -> Answer {
        guard let extent = request.extent else {
            return Answer(schema: metadata.currentSchema, grammar: .terms, statisticsIDs: [])
        }
        let (scan, grammar) = try await stage(request, extent, of: metadata)
        let isSmall = scan.filesEstimate <= CatalogLimits.planFilesInlineMax
        if isSmall || request.rowsWanted != nil {
            return try await fill(request, scan, scan.whole, grammar, of: metadata)
        }
        var answer = Answer(schema: scan.schema, grammar: grammar, statisticsIDs: request.statisticsIDs)
        answer.planTasks = try await planTasks(request, scan, from: .start, of: metadata)
        return answer
    }

    /// The files of a stretch, as many as one answer takes.
    private func fill(
        _ request: ScanRequest, _ scan: StagedScan, _ stretch: StagedScan.Stretch, _ grammar: PredicateGrammar,
        of metadata: TableMetadata
    ) async throws(CatalogError) -> Answer {
        let filesMax = min(
            CatalogLimits.planFilesPerAnswerMax,
            max(1, CatalogLimits.planStatisticsPerAnswerMax / max(1, request.statisticsIDs.count)))
        let piece: StagedScan.Piece
        do {
            piece = try await scan.piece(stretch, filesMax: filesMax, rowsWanted: request.rowsWanted)
        } catch {
            throw CatalogError(reading: error)
        }
        var answer = Answer(
            files: piece.files, schema: scan.schema, grammar: grammar, statisticsIDs: request.statisticsIDs)
        guard let next = piece.next else { return answer }
        if stretch == scan.whole {
            answer.planTasks = try await planTasks(request, scan, from: next, of: metadata)
        } else {
            answer.planTasks = [
                try await task(request, StagedScan.Stretch(start: next, end: stretch.end), of: metadata)
            ]
        }
        return answer
    }

    private func stage(
        _ request: ScanRequest, _ extent: StagedScan.Extent, of metadata: TableMetadata
    ) async throws(CatalogError) -> (StagedScan, PredicateGrammar) {
        let filter = try request.predicate()
        let schema = try request.schema(in: metadata)
        do {
            let scan = try await planner.stage(
                metadata, extent, schema: schema, predicate: filter?.predicate, ignoringCase: request.ignoresCase)
            return (scan, filter?.grammar ?? .terms)
        } catch {
            throw CatalogError(reading: error)
        }
    }

    /// The tasks for all that follows: fewer, longer ones where the filter makes each of them long.
    private func planTasks(
        _ request: ScanRequest, _ scan: StagedScan, from start: StagedScan.Position, of metadata: TableMetadata
    ) async throws(CatalogError) -> [String] {
        let sample = try await task(request, scan.whole, of: metadata)
        let most = min(CatalogLimits.planTasksMax, CatalogLimits.planTasksBytesMax / sample.utf8.count)
        let stretches = scan.stretches(
            from: start, filesEach: CatalogLimits.planFilesPerAnswerMax, stretchesMax: most)
        var tasks: [String] = []
        for stretch in stretches { tasks.append(try await task(request, stretch, of: metadata)) }
        return tasks
    }

    private func task(
        _ request: ScanRequest, _ stretch: StagedScan.Stretch, of metadata: TableMetadata
    ) async throws(CatalogError) -> String {
        guard let text = try await token(request, stretch, of: metadata).sealed(.task, with: key) else {
            throw CatalogError(
                .badRequest,
                "the filter is too long for a scan of this size: "
                    + "compressed it may take \(CatalogLimits.planTaskBytesMax / 4 * 3) bytes")
        }
        return text
    }

    private func token(
        _ request: ScanRequest, _ stretch: StagedScan.Stretch?, of metadata: TableMetadata
    ) -> PlanToken {
        PlanToken(table: metadata.planUUID, scan: request, stretch: stretch)
    }
}

extension TableMetadata {
    /// Tables of version 1 may have no UUID.
    fileprivate var planUUID: UUID { tableUUID ?? UUID(high: 0, low: 0) }
}
