import Batching
import Clocks
import Events
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat
import Synchronization
import Testing

@testable import Committing

private let hour: Int64 = 3_600_000_000
private let day = 24 * hour

private func hours(_ text: String) throws -> Int64 {
    try #require(Timestamp(rfc3339: text)).hours
}

/// A sealed batch with one record for each (received at, events), sequences from 1 on.
private func batch(
    _ records: [(receivedAt: String, events: [(type: String, time: String)])], at milliseconds: Int64 = 0
) throws -> SealedBatch {
    var machine = BatchMachine(limits: BatchLimits(), nextSequence: 1)
    var id = 0
    for (index, record) in records.enumerated() {
        let receivedAt = try #require(Timestamp(rfc3339: record.receivedAt))
        let texts = record.events.map { event in
            id += 1
            return #"{"specversion":"1.0","id":"\#(id)","type":"\#(event.type)","source":"s","time":"\#(event.time)"}"#
        }
        let parsed = try EventParser(secret: EventKeySecret(low: 1, high: 1)).parse(
            EventRequest(contentType: "application/json", body: Array("[\(texts.joined(separator: ","))]".utf8)),
            at: receivedAt)
        let bytes = parsed.record(context: EventContext(receivedAt: receivedAt))
        let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { raw.deallocate() }
        raw.copyBytes(from: bytes)
        try machine.append(UnsafeRawBufferPointer(raw), sequence: UInt64(index + 1), at: milliseconds)
    }
    let sealed = machine.seal()
    return try #require(sealed)
}

/// Received on 2024-03-01 at noon: hours from 2024-02-23T12 on are hours, from 2024-01-31T12 on days.
private func lateBatch() throws -> SealedBatch {
    try batch([
        (
            "2024-03-01T12:00:00Z",
            [
                ("a", "2024-01-15T14:30:00Z"), ("a", "2024-03-01T11:59:00Z"), ("a", "2024-01-15T13:30:00Z"),
                ("b", "2024-01-20T00:00:00Z"), ("a", "2024-02-10T23:00:00Z"), ("a", "2024-02-10T01:00:00Z"),
                ("a", "2024-01-01T00:00:00Z"), ("a", "2023-12-31T23:59:59Z"), ("a", "2024-03-02T00:00:00Z"),
            ]
        )
    ])
}

struct PartitionGranularityTests {
    @Test(
        arguments: [
            (0, .hour), (7 * day - 1, .hour), (7 * day, .day), (7 * day + 1, .day), (30 * day - 1, .day),
            (30 * day, .month), (30 * day + 1, .month), (-1, .hour), (-365 * day, .hour), (365 * day, .month),
        ] as [(Int64, PartitionGranularity)])
    func `the age on arrival decides`(age: Int64, expected: PartitionGranularity) {
        for first in [473_702, 0, -1, -500_000] as [Int64] {
            let granularity = GranularityLimits().granularity(ofHour: first, receivedAt: first * hour + age)
            #expect(granularity == expected, "hour \(first)")
        }
    }

    @Test func `ages that no number holds, and limits of nothing`() {
        #expect(GranularityLimits().granularity(ofHour: Int64.max / hour, receivedAt: .min) == .hour)
        #expect(GranularityLimits().granularity(ofHour: Int64.min / hour, receivedAt: .max) == .month)
        let none = GranularityLimits(hourMicroseconds: 0, dayMicroseconds: 0)
        #expect(none.granularity(ofHour: 10, receivedAt: 10 * hour) == .month)
        #expect(none.granularity(ofHour: 10, receivedAt: 10 * hour - 1) == .hour)
        let noDays = GranularityLimits(hourMicroseconds: day, dayMicroseconds: day)
        #expect(noDays.granularity(ofHour: 0, receivedAt: day - 1) == .hour)
        #expect(noDays.granularity(ofHour: 0, receivedAt: day) == .month)
    }

    /// The values are those of the specification's transforms: hours, days and months since 1970, rounded down.
    @Test(
        arguments: [
            ("2024-01-15T14:00:00Z", 473_702, 19_737, 648, "2024", "01", "15", "14"),
            ("2024-02-29T23:00:00Z", 474_791, 19_782, 649, "2024", "02", "29", "23"),
            ("1970-01-01T00:00:00Z", 0, 0, 0, "1970", "01", "01", "00"),
            ("1969-12-31T23:00:00Z", -1, -1, -1, "1969", "12", "31", "23"),
            ("1968-02-29T00:00:00Z", -16_128, -672, -23, "1968", "02", "29", "00"),
        ] as [(String, Int32, Int32, Int32, String, String, String, String)])
    func `paths and partition values`(
        time: String, hour: Int32, day: Int32, month: Int32, y: String, m: String, d: String, h: String
    ) throws {
        let base = try EventTable.creation(location: nil).metadata(
            location: "s3://b/t", at: Timestamp(microseconds: 0))
        let change = try #require(EventTable.partitioning(of: base))
        let layout = try EventLayout(base.applying(change.updates, at: Timestamp(microseconds: 1)))
        let expected: [(PartitionGranularity, Int, Datum, String, String)] = [
            (.hour, 0, .int(hour), "/day=\(d)/hour=\(h)", "time_hour=\(y)-\(m)-\(d)-\(h)"),
            (.day, 1, .date(day), "/day=\(d)", "time_day=\(y)-\(m)-\(d)"),
            (.month, 2, .int(month), "", "time_month=\(y)-\(m)"),
        ]
        for (granularity, specID, value, folder, java) in expected {
            let limits: GranularityLimits =
                switch granularity {
                case .hour: GranularityLimits(hourMicroseconds: .max, dayMicroseconds: .max)
                case .day: GranularityLimits(hourMicroseconds: 0, dayMicroseconds: .max)
                case .month: GranularityLimits(hourMicroseconds: 0, dayMicroseconds: 0)
                }
            let files = EventFile.files(
                of: try batch([("2024-06-01T00:00:00Z", [("x y", time)])]), limits: limits,
                available: layout.granularities)
            let file = try #require(files.first)
            let (spec, values) = layout.placement(of: file)
            #expect(spec.specID == specID && values == [.string("x y"), value])
            #expect(
                layout.path(of: file, name: "n") == "s3://b/t/data/type=x%20y/year=\(y)/month=\(m)\(folder)/n.parquet")
            #expect(spec.path(of: values) == "type=x+y/\(java)")
        }
    }

    @Test func `the specs keep the default, and ids of their own`() throws {
        let base = try EventTable.creation(location: nil).metadata(
            location: "s3://b/t", at: Timestamp(microseconds: 0))
        let change = try #require(EventTable.partitioning(of: base))
        let changed = try base.applying(change.updates, at: Timestamp(microseconds: 1))
        #expect(changed.defaultSpecID == base.defaultSpecID && changed.lastPartitionID == 1003)
        let fields = changed.partitionSpecs.map { $0.fields.map { "\($0.fieldID) \($0.name) \($0.transform)" } }
        #expect(
            fields == [
                ["1000 type identity", "1001 time_hour hour"], ["1000 type identity", "1002 time_day day"],
                ["1000 type identity", "1003 time_month month"],
            ])
        #expect(EventTable.partitioning(of: changed) == nil)
        // One that has the days already, under a name of its own, gets the months only.
        let days = try base.applying(
            [
                .addPartitionSpec(
                    UnboundPartitionSpec(fields: [
                        .init(sourceID: 2, name: "type", transform: .identity),
                        .init(sourceID: 5, name: "d", transform: .day),
                    ]))
            ], at: Timestamp(microseconds: 1))
        #expect(EventTable.partitioning(of: days)?.updates.count == 1)
        #expect(EventTable.granularitySpecs(of: days)?[.day]?.fields.last?.name == "d")
        // One whose default is not type and hour is left alone.
        let other = try changed.applying([.setDefaultSpec(id: 1)], at: Timestamp(microseconds: 2))
        #expect(EventTable.partitioning(of: other) == nil && EventTable.granularitySpecs(of: other) == nil)
    }

    @Test func `an hour goes by the newest of its events, however they were received`() throws {
        let early = try batch([("2024-01-05T00:00:00Z", [("a", "2024-01-01T00:10:00Z")])])
        let mixed = try batch([
            ("2024-01-05T00:00:00Z", [("a", "2024-01-01T00:10:00Z")]),
            ("2024-01-09T00:00:00Z", [("a", "2024-01-01T00:20:00Z")]),
            ("2024-01-06T00:00:00Z", [("a", "2024-01-01T00:30:00Z")]),
        ])
        let all = Set(PartitionGranularity.allCases)
        let granularities = [early, mixed].map {
            EventFile.files(of: $0, limits: GranularityLimits(), available: all).map(\.granularity)
        }
        #expect(granularities == [[.hour], [.day]])
        let hourOnly = EventFile.files(of: mixed, limits: GranularityLimits(), available: [.hour])
        #expect(hourOnly.map(\.granularity) == [.hour])
    }

    @Test func `the same records make the same files, whenever they are sealed`() throws {
        let all = Set(PartitionGranularity.allCases)
        let files = EventFile.files(of: try lateBatch(), limits: GranularityLimits(), available: all)
        #expect(files.map(\.granularity) == [.month, .hour, .month, .day, .month, .hour])
        // The hours of January in order, although they came in another.
        #expect(files[0].buffers.count == 3)
        let buffers = try lateBatch().buffers
        #expect(
            try files[0].buffers.map { buffers[$0].partition.hour } == [
                hours("2024-01-01T00:00:00Z"), hours("2024-01-15T13:00:00Z"), hours("2024-01-15T14:00:00Z"),
            ])
        for milliseconds in [5, 1 << 40] as [Int64] {
            var records = [("2024-03-01T12:00:00Z", [("a", "2024-01-15T14:30:00Z"), ("a", "2024-03-01T11:59:00Z")])]
            records.append(("2024-03-01T12:00:01Z", [("a", "2024-02-15T14:30:00Z")]))
            let one = EventFile.files(of: try batch(records), limits: GranularityLimits(), available: all)
            let two = EventFile.files(
                of: try batch(records, at: milliseconds), limits: GranularityLimits(), available: all)
            #expect(one == two && one.count == 3)
        }
    }
}

struct LateEventTests {
    private func liveFiles(_ world: World, _ predicate: Predicate? = nil) async throws -> [DataFile] {
        let metadata = try await world.catalog.loadTable(world.identifier).metadata
        let planner = ScanPlanner(loader: ManifestLoader(store: world.memory))
        return try await planner.plan(metadata, predicate: predicate).files.map(\.file)
    }

    @Test func `late events land in days and months, each once, and are found there`() async throws {
        let world = try World()
        guard case .committed(let receipt) = try await world.committer().commit(lateBatch()) else {
            Issue.record("not committed")
            return
        }
        #expect(receipt.files.count == 6 && receipt.fileOfBuffer.count == 9)
        #expect(try await world.ids() == (1...9).map(String.init))
        let files = try await liveFiles(world)
        #expect(files.map(\.specID).sorted() == [0, 0, 1, 2, 2, 2])
        let january = try #require(files.first { $0.partition == [.string("a"), .int(648)] })
        #expect(january.specID == 2 && january.recordCount == 3)
        #expect(january.path.contains("/data/type=a/year=2024/month=01/\(world.logID)-1-1.parquet"))
        let bytes = try await world.memory.get(world.memory.location(of: january.path), range: nil).bytes
        let reader = try ParquetReader(bytes)
        #expect(reader.metadata.rowGroups.count == 1, "hours share a row group")
        let ids = try reader.column(rowGroup: 0, leaf: 0).values.byteArrays
        #expect((0..<3).map { ids?.string(at: $0) } == ["7", "3", "1"], "hours lie in the order of time")
        // Each spec prunes by its own projection, before any bounds.
        func time(_ text: String) throws -> Datum {
            .timestamptz(try #require(Timestamp(rfc3339: text)).microseconds)
        }
        let metadata = try await world.catalog.loadTable(world.identifier).metadata
        let plan = try await ScanPlanner(loader: ManifestLoader(store: world.memory)).plan(
            metadata,
            predicate: .and([
                .equal("type", .string("a")), .atLeast("time", time("2024-01-15T13:00:00Z")),
                .less("time", time("2024-02-11T00:00:00Z")),
            ]))
        #expect(plan.files.map(\.file.specID).sorted() == [1, 2])
        #expect(plan.counts.filesPrunedByPartition == 4 && plan.counts.filesPrunedByBounds == 0)
        #expect(try await liveFiles(world, .equal("time", time("2024-03-01T11:59:00Z"))).map(\.specID) == [0])
    }

    @Test func `after a crash between storing and committing the same objects are found`() async throws {
        let world = try World()
        let dying = FaultyCatalog(world.catalog, [FaultyCatalog.Fault](repeating: .loseRequest, count: 3))
        let first = world.committer(catalog: dying)
        let task = Task { try await first.commit(lateBatch()) }
        while dying.commits.withLock({ $0 }) < 2 { await Task.yield() }
        task.cancel()
        _ = await task.result
        func dataFiles() async throws -> [String] {
            try await world.memory.list(
                BucketName("analytics-source"), prefix: "analytics/events/data/", delimiter: nil, startAfter: nil,
                limit: 1000
            ).objects.map { "\($0.key)" }
        }
        let before = try await dataFiles()
        #expect(before.count == 6)
        _ = try await world.committer().commit(lateBatch())
        #expect(try await dataFiles() == before)
        #expect(try await world.ids() == (1...9).map(String.init))
    }

    @Test func `collectors that add the specs at the same time find one set of them`() async throws {
        let world = try World()
        let others = (1...4).map { number in
            world.committer { $0.logID = UUID(high: 7, low: UInt64(number)) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for committer in others { group.addTask { _ = try await committer.commit(lateBatch()) } }
            try await group.waitForAll()
        }
        let metadata = try await world.catalog.loadTable(world.identifier).metadata
        #expect(metadata.partitionSpecs.map(\.specID) == [0, 1, 2] && metadata.defaultSpecID == 0)
        #expect(metadata.currentSnapshot?.summary["total-records"] == "36")
    }

    @Test(arguments: [FaultyCatalog.Fault.loseReply, .loseRequest, .conflict, .reject])
    func `whatever becomes of adding the specs, the events are in the table once`(
        fault: FaultyCatalog.Fault
    ) async throws {
        let world = try World()
        let committer = world.committer(catalog: FaultyCatalog(world.catalog, [], changes: [fault, fault]))
        _ = try await committer.commit(lateBatch())
        #expect(try await world.ids() == (1...9).map(String.init))
        let isThere = fault == .loseReply
        #expect(try await liveFiles(world).contains { $0.specID == 2 } == isThere, "else all are hours")
    }

    @Test func `specs that were removed before the commit make the batch be sealed anew`() async throws {
        let world = try World()
        let committer = world.committer(catalog: FaultyCatalog(world.catalog, [.removeSpecs]))
        guard case .restart(let after) = try await committer.commit(lateBatch()) else {
            Issue.record("files of a removed spec were committed")
            return
        }
        #expect(after == 0)
        _ = try await committer.commit(lateBatch())
        #expect(try await world.ids() == (1...9).map(String.init))
    }

    @Test(arguments: [true, false])
    func `a table made before gets the specs where tables may evolve`(evolves: Bool) async throws {
        let world = try World()
        _ = try await world.catalog.createTable(world.identifier, EventTable.creation(location: nil))
        _ = try await world.committer { $0.evolvesSchema = evolves }.commit(lateBatch())
        let metadata = try await world.catalog.loadTable(world.identifier).metadata
        #expect(metadata.partitionSpecs.count == (evolves ? 3 : 1))
        #expect(try await world.ids() == (1...9).map(String.init))
    }

    @Test func `a table made here has the specs even where tables may not evolve`() async throws {
        let world = try World()
        _ = try await world.committer { $0.evolvesSchema = false }.commit(lateBatch())
        #expect(try await world.catalog.loadTable(world.identifier).metadata.partitionSpecs.count == 3)
    }

    @Test func `hundreds of hours become a few files with every row`() async throws {
        let events = (0..<7000).map { number in
            let time = Timestamp(microseconds: (384_700 + Int64(number) / 10) * hour + Int64(number)).rfc3339()
            return (number % 2 == 0 ? "a" : "b", time)
        }
        let sealed = try batch([("2024-03-01T12:00:00Z", events)])
        #expect(sealed.buffers.count == 1400)
        let world = try World()
        _ = try await world.committer().commit(sealed)
        let files = try await liveFiles(world)
        #expect(files.count == 4 && files.allSatisfy { $0.specID == 2 })
        #expect(files.reduce(0) { $0 + $1.recordCount } == 7000)
        #expect(try await world.ids() == (1...7000).map(String.init).sorted())
    }
}
