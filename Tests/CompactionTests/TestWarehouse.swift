import Clocks
import Configuration
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat
import Synchronization
import Telemetry

@testable import Compaction

/// A time of day that only tests move.
final class TestClock: WallClock, MonotonicClock {
    private let time: Mutex<Int64>
    init(milliseconds: Int64) { time = Mutex(milliseconds * 1000) }
    func now() -> Timestamp { time.withLock { Timestamp(microseconds: $0) } }
    func nanoseconds() -> UInt64 { UInt64(now().microseconds) * 1000 }
    func advance(milliseconds: Int64) { time.withLock { $0 += milliseconds * 1000 } }

    func sleep(milliseconds: Int) async throws {
        advance(milliseconds: Int64(milliseconds))
        try Task.checkCancellation()
        await Task.yield()
    }
}

/// A catalog whose commits can be made to meet what happens in the world.
final class EventfulCatalog: ForwardingCatalog {
    enum Event: Sendable {
        /// Something else takes place first.
        case before(@Sendable () async throws -> Void)
        /// The commit takes place, and the reply is lost.
        case loseReply
        /// The request is lost, and nobody knows.
        case loseRequest
        case reject(CatalogError.Code)
    }

    let inner: any TableCatalog
    private let events = Mutex<[Event]>([])
    private let count = Mutex(0)

    init(_ inner: any TableCatalog) { self.inner = inner }

    func expect(_ events: Event...) { self.events.withLock { $0 += events } }
    var commits: Int { count.withLock { $0 } }

    func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome {
        count.withLock { $0 += 1 }
        let event = events.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        switch event {
        case .loseRequest: return .unknown("no answer")
        case .reject(let code): return .rejected(CatalogError(code, "by script"))
        case .before(let action):
            do { try await action() } catch { return .rejected(CatalogError(.internalError, "\(error)")) }
        case .loseReply, nil: break
        }
        let outcome = await inner.commit(table, requirements: requirements, updates: updates)
        if case .loseReply = event { return .unknown("no answer") }
        return outcome
    }
}

/// A table of events in memory, with the service that looks after it.
struct TestWarehouse: Sendable {
    struct Row: Hashable, Sendable {
        var id: String
        var source = "shop"
        var time: Int64
        var amount: Double?
        var tags: [String] = []
    }

    let store = MemoryObjectStore()
    let clock = TestClock(milliseconds: 1_700_000_000_000)
    let catalog: EventfulCatalog
    let service: CompactionService
    let table: TableIdentifier
    static let hour: Int64 = 3_600_000_000

    init(_ variables: [String: String] = [:], properties: [String: String] = [:]) async throws {
        let bucket = try BucketName("analytics-source")
        catalog = EventfulCatalog(DirectCatalog(store: store, bucket: bucket, clock: clock))
        table = try TableIdentifier(dotted: "analytics.events")
        var environment = variables
        environment["COMPACTION_THRESHOLD"] = environment["COMPACTION_THRESHOLD"] ?? "3"
        service = try CompactionService(
            try CompactionConfiguration(environment: Environment(environment)), store: store, catalog: catalog,
            logger: .disabled, wallClock: clock, monotonicClock: clock)
        let schema = try Schema(fields: [
            .required(1, "id", .string), .required(2, "type", .string), .required(3, "source", .string),
            .required(4, "time", .timestamptz), .optional(5, "amount", .double),
            .optional(6, "tags", .list(elementID: 7, .string, elementRequired: true)),
        ])
        let spec = PartitionSpec(fields: [
            PartitionField(sourceID: 2, fieldID: 1000, name: "type", transform: .identity),
            PartitionField(sourceID: 4, fieldID: 1001, name: "time_hour", transform: .hour),
        ])
        _ = try await catalog.createTable(
            table, TableCreation(schema: schema, partitionSpec: spec, properties: properties))
    }

    func metadata() async throws -> TableMetadata { try await catalog.loadTable(table).metadata }

    /// Writes a data file of rows of one partition; `columns` leaves later ones out, as an older writer would.
    func write(_ rows: [Row], type: String = "click", hour: Int32 = 0, columns: Int = 6) async throws -> DataFile {
        let metadata = try await metadata()
        let whole = try ParquetSchema.make(for: metadata.currentSchema)
        let schema = try ParquetSchema(fields: Array(whole.fields.prefix(columns)))
        var group = RowGroup(schema)
        for row in rows {
            group.columns[0].append(utf8: row.id)
            group.columns[1].append(utf8: type)
            group.columns[2].append(utf8: row.source)
            group.columns[3].append(row.time)
            if columns > 4 {
                if let amount = row.amount { group.columns[4].append(amount) } else { group.columns[4].appendNull() }
            }
            if columns > 5 {
                if row.tags.isEmpty { group.columns[5].appendMissing(definition: 0) }
                for (index, tag) in row.tags.enumerated() {
                    group.columns[5].append(utf8: tag, repetition: index == 0 ? 0 : 1)
                }
            }
        }
        group = try RowGroup(columns: group.columns, rowCount: rows.count)
        var writer = try ParquetWriter(schema: schema)
        try writer.append(group)
        let file = try writer.finish()
        let folder = metadata.defaultSpec.path(of: [.string(type), .int(hour)])
        let uri = "\(metadata.location)/data/\(folder)/\(UUID.random()).parquet"
        _ = try await store.putIfAbsentProved(try store.location(of: uri), file.bytes)
        return DataFile.make(
            from: file.summary, path: uri, schema: metadata.currentSchema, spec: metadata.defaultSpec,
            partition: [.string(type), .int(hour)])
    }

    func append(_ files: DataFile..., properties: [String: String] = [:]) async throws {
        let base = try await metadata()
        clock.advance(milliseconds: 1000)
        let prepared = try await Append(files: files, properties: properties).prepare(
            base: base, loader: ManifestLoader(store: store), now: clock.now())
        try await commit(prepared)
    }

    func commit(_ prepared: PreparedCommit) async throws {
        for object in prepared.objects { _ = try await store.putIfAbsentProved(object.location, object.bytes) }
        let outcome = await catalog.inner.commit(
            table, requirements: prepared.requirements, updates: prepared.updates)
        guard case .committed = outcome else { throw CompactionError(.conflict, "\(outcome)") }
    }

    /// `count` commits of one small file each, with rows out of order in time; returns all rows.
    @discardableResult
    func appendSmallFiles(_ count: Int, type: String = "click", hour: Int32 = 0) async throws -> [Row] {
        var all: [Row] = []
        for index in 0..<count {
            let rows = (0..<5).map { row in
                let time = Int64(hour) * Self.hour + Int64((row * 7 + index * 3) % 11) * 1_000_000
                return Row(
                    id: "\(type)-\(hour)-\(index)-\(row)", time: time, amount: row % 2 == 0 ? Double(row) : nil,
                    tags: (0..<(row % 3)).map { "tag\($0)" })
            }
            all += rows
            try await append(try await write(rows, type: type, hour: hour), properties: ["watermark": String(index)])
        }
        return all
    }

    func liveFiles() async throws -> [DataFile] {
        try await ScanPlanner(loader: ManifestLoader(store: store)).plan(try await metadata()).files.map(\.file)
    }

    /// Every row of the table as it is, with the order they have in their files.
    func rows() async throws -> [Row] {
        var rows: [Row] = []
        for file in try await liveFiles() { rows += try await read(file) }
        return rows
    }

    func read(_ file: DataFile) async throws -> [Row] {
        let reader = try ParquetReader(try await store.get(try store.location(of: file.path), range: nil).bytes)
        var rows: [Row] = []
        for index in reader.metadata.rowGroups.indices {
            let group = try reader.rowGroup(index)
            for row in 0..<group.rowCount {
                let one = group.slice(rows: row..<(row + 1))
                func text(_ column: Int) -> [String] {
                    guard let values = one.columns[column].values.byteArrays else { return [] }
                    return (0..<values.count).map {
                        String(
                            decoding: values.bytes[Int(values.offsets[$0])..<Int(values.offsets[$0 + 1])], as: UTF8.self
                        )
                    }
                }
                rows.append(
                    Row(
                        id: text(0)[0], source: text(2)[0], time: one.columns[3].values.int64s?.first ?? -1,
                        amount: one.columns[4].values.doubles?.first, tags: text(5)))
            }
        }
        return rows
    }

    /// Runs a job to its end.
    func run(_ request: CompactionService.Request, dryRun: Bool = false) async throws -> MaintenanceJob {
        let (job, task) = try await service.start(request, table: table, dryRun: dryRun)
        await task.value
        return service.jobs.job(job.id) ?? job
    }

    func objectKeys() async throws -> Set<String> {
        let page = try await store.list(
            try BucketName("analytics-source"), prefix: "", delimiter: nil, startAfter: nil, limit: 1000)
        return Set(page.objects.map(\.key.rawValue))
    }
}
