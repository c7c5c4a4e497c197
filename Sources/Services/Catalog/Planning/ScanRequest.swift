import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat

/// Where clients must plan scans (REST catalog: `scan-planning-mode` of a table's configuration).
enum ScanPlanningMode: String, CaseIterable, Sendable {
    case client, server

    static let key = "scan-planning-mode"
}

/// What a client wants planned: a `PlanTableScanRequest`, with the snapshot it is of made definite.
struct ScanRequest: Sendable {
    /// Nil for a table that has no snapshot.
    var extent: StagedScan.Extent?
    /// As the client wrote it: of either grammar.
    var filter: JSONValue?
    var ignoresCase = false
    var usesSnapshotSchema = false
    /// Ids of the columns whose statistics are wanted.
    var statisticsIDs: [Int] = []
    var rowsWanted: Int64?

    /// Reads a request for a scan of the table as it is now.
    ///
    /// - Throws: `.badRequest`.
    init(_ body: JSONCursor, of metadata: TableMetadata) throws(CatalogError) {
        let columns: (selected: [JSONCursor], statistics: [JSONCursor])
        let snapshotID: Int64?
        let ends: (start: Int64?, end: Int64?)
        do throws(JSONError) {
            filter = try body.optional("filter")?.value
            ignoresCase = try body.optional("case-sensitive")?.bool() == false
            usesSnapshotSchema = try body.optional("use-snapshot-schema")?.bool() ?? false
            let rows = try body.optional("min-rows-requested")
            rowsWanted = try rows?.integer()
            if let rows, let rowsWanted, rowsWanted < 0 {
                throw rows.fail("expected an integer from 0 to \(Int64.max), found \(rowsWanted)")
            }
            snapshotID = try body.optional("snapshot-id")?.integer()
            ends = (
                try body.optional("start-snapshot-id")?.integer(), try body.optional("end-snapshot-id")?.integer()
            )
            columns = (
                try body.optional("select")?.elements() ?? [], try body.optional("stats-fields")?.elements() ?? []
            )
        } catch {
            throw CatalogError(.badRequest, "Cannot parse the request: \(error)")
        }
        extent = try Self.extent(snapshotID, ends, of: metadata)
        let schema = try schema(in: metadata)
        _ = try ids(of: columns.selected, in: schema)
        statisticsIDs = Set(try ids(of: columns.statistics, in: schema)).sorted()
    }

    private static func extent(
        _ snapshotID: Int64?, _ ends: (start: Int64?, end: Int64?), of metadata: TableMetadata
    ) throws(CatalogError) -> StagedScan.Extent? {
        switch (snapshotID, ends.start, ends.end) {
        case (nil, nil, nil): return metadata.currentSnapshotID.map { .snapshot($0) }
        case (let id?, nil, nil):
            guard metadata.snapshot(id: id) != nil else {
                throw CatalogError(.badRequest, "Cannot find snapshot with ID \(id): it may have expired")
            }
            return .snapshot(id)
        case (nil, let start?, let end?): return .appends(after: start, through: end)
        default:
            throw CatalogError(
                .badRequest,
                "a scan is of one \"snapshot-id\", or of what \"start-snapshot-id\" and \"end-snapshot-id\" lie around")
        }
    }

    private func ids(of names: [JSONCursor], in schema: Schema) throws(CatalogError) -> [Int] {
        guard names.count <= CatalogLimits.planColumnsMax else {
            throw CatalogError(.badRequest, "at most \(CatalogLimits.planColumnsMax) columns can be named")
        }
        var ids: [Int] = []
        for cursor in names {
            let name = try CatalogCall.reading { () throws(JSONError) in try cursor.string() }
            let field = ignoresCase ? schema.field(namedIgnoringCase: name) : schema.field(named: name)
            guard let field else {
                throw CatalogError(.badRequest, "there is no column \"\(name.prefix(200))\"")
            }
            ids.append(field.id)
        }
        return ids
    }

    /// The schema that the columns of filter and answer are of.
    func schema(in metadata: TableMetadata) throws(CatalogError) -> Schema {
        let snapshotID: Int64? =
            switch extent {
            case .snapshot(let id): id
            case .appends(_, let end): end
            case nil: nil
            }
        guard usesSnapshotSchema, let snapshotID else { return metadata.currentSchema }
        guard let snapshot = metadata.snapshot(id: snapshotID) else {
            throw CatalogError(.badRequest, "Cannot find snapshot with ID \(snapshotID): it may have expired")
        }
        return metadata.schema(of: snapshot)
    }

    /// The filter, and the grammar it was written in, which answers are to be in.
    func predicate() throws(CatalogError) -> (predicate: Predicate, grammar: PredicateGrammar)? {
        guard let filter else { return nil }
        let predicate = try CatalogCall.parsing { () throws(IcebergError) in try Predicate(json: filter) }
        return (predicate, Self.hasTerms(filter) ? .terms : .expressions)
    }

    /// Whether a filter, which is known to be one, names its columns the older way; one without columns might.
    private static func hasTerms(_ filter: JSONValue) -> Bool {
        guard let node = filter.object else { return true }
        if let type = node["type"]?.string?.lowercased(), ["and", "or", "not"].contains(type) {
            return ["left", "right", "child"].allSatisfy { key in node[key].map { hasTerms($0) } ?? true }
        }
        return node["left"] == nil && node["child"] == nil
    }

    // MARK: - In tokens

    /// In the place of a filter too long for a plan id. No filter is null.
    static let omitted = JSONValue.string("omitted")

    var tokenJSON: JSONObject {
        var body = JSONObject()
        switch extent {
        case .snapshot(let id): body["s"] = JSONValue(id)
        case .appends(let start, let end): body["a"] = [JSONValue(start), JSONValue(end)]
        case nil: break
        }
        body["f"] = filter
        if ignoresCase { body["i"] = true }
        if usesSnapshotSchema { body["u"] = true }
        if !statisticsIDs.isEmpty { body["c"] = .array(statisticsIDs.map { JSONValue($0) }) }
        body["r"] = rowsWanted.map { JSONValue($0) }
        return body
    }

    init(token body: JSONCursor) throws(JSONError) {
        if let id = try body.optional("s")?.integer() { extent = .snapshot(id) }
        if let ends = try body.optional("a")?.elements() {
            guard ends.count == 2 else { throw body.fail("\"a\" has two numbers") }
            extent = .appends(after: try ends[0].integer(), through: try ends[1].integer())
        }
        filter = try body.optional("f")?.value
        ignoresCase = try body.optional("i")?.bool() ?? false
        usesSnapshotSchema = try body.optional("u")?.bool() ?? false
        for id in try body.optional("c")?.elements() ?? [] { statisticsIDs.append(try id.integer(as: Int.self)) }
        rowsWanted = try body.optional("r")?.integer()
    }
}
