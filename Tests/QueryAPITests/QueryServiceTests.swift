import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat
import Testing

@testable import QueryAPI

@Suite(.serialized) struct QueryServiceTests {
    typealias Event = TableFixture.Event

    /// Two hours, two types, three commits.
    private func filled(isLocal: Bool = true, name: String = "events") async throws -> (TableFixture, [Snapshot]) {
        let fixture = try await TableFixture(isLocal: isLocal, name: name)
        let first = try await fixture.append([
            Event(id: "1", time: "2024-01-15T10:00:00Z", subject: "u1"),
            Event(id: "2", time: "2024-01-15T10:59:59.999999Z", subject: nil, data: #"{"user_id":"u1"}"#),
            Event(id: "3", time: "2024-01-15T10:30:00Z", subject: nil, data: #"{"userId":42}"#),
            Event(id: "4", time: "2024-01-15T10:30:00Z", subject: nil, data: "not JSON"),
        ])
        let second = try await fixture.append([
            Event(id: "5", time: "2024-01-15T11:00:00Z", subject: "u2"),
            Event(id: "6", time: "2024-01-15T11:30:00Z", subject: "u2"),
        ])
        let third = try await fixture.append([
            Event(id: "7", type: "a*b?[c] 'd'", time: "2024-01-15T11:10:00Z", subject: "u3")
        ])
        return (fixture, [first, second, third])
    }

    private func counts(
        _ fixture: TableFixture, _ start: String, _ end: String, types: [String]? = nil, target: ScanTarget = .current
    ) async throws -> [EventCount] {
        let (start, end) = (Timestamp(rfc3339: start, dateOnly: true), Timestamp(rfc3339: end, dateOnly: true))
        return try await fixture.service.eventCounts(
            start: try #require(start), end: try #require(end), types: types, table: nil, target: target)
    }

    @Test(arguments: [true, false]) func `events are counted by type, the start included and the end not`(
        isLocal: Bool
    ) async throws {
        let (fixture, snapshots) = try await filled(isLocal: isLocal)
        let all = [
            EventCount(eventType: "page.view", count: 6, uniqueUsers: 3),
            EventCount(eventType: "a*b?[c] 'd'", count: 1, uniqueUsers: 1),
        ]
        #expect(try await counts(fixture, "2024-01-15", "2024-01-16") == all)
        let hour = [EventCount(eventType: "page.view", count: 4, uniqueUsers: 2)]
        #expect(try await counts(fixture, "2024-01-15T10:00:00Z", "2024-01-15T11:00:00Z") == hour)
        let edge = [EventCount(eventType: "page.view", count: 1, uniqueUsers: 1)]
        #expect(try await counts(fixture, "2024-01-15T10:59:59.999999Z", "2024-01-15T11:00:00Z") == edge)
        #expect(try await counts(fixture, "2024-01-15", "2024-01-16", types: ["a*b?[c] 'd'"]) == [all[1]])
        #expect(try await counts(fixture, "2024-01-15", "2024-01-16", types: []) == [])
        #expect(try await counts(fixture, "2024-01-15", "2024-01-16", types: ["nope"]) == [])
        #expect(
            try await counts(fixture, "2024-01-15", "2024-01-16", target: .snapshot(snapshots[0].snapshotID)) == hour)
        await #expect(throws: QueryError.self) { try await counts(fixture, "2024-01-16", "2024-01-15") }
        await fixture.close()
    }

    @Test func `SQL sees the table under each of its names, and no other file`() async throws {
        let (fixture, snapshots) = try await filled()
        let answer = try await fixture.service.sql(
            "SELECT id, time, extensions, id FROM events WHERE subject = 'u2' ORDER BY id")
        #expect(answer.columns.map(\.name) == ["id", "time", "extensions", "id_1"])
        #expect(
            answer.results == [
                ["id": "5", "time": "2024-01-15T11:00:00Z", "extensions": ["k": "v"], "id_1": "5"],
                ["id": "6", "time": "2024-01-15T11:30:00Z", "extensions": ["k": "v"], "id_1": "6"],
            ])
        #expect(answer.snapshotID == String(snapshots[2].snapshotID))
        let both = try await fixture.service.sql(
            "SELECT count(*) AS n FROM events a JOIN analytics.events b USING (id)", limit: 5)
        #expect(both.results == [["n": 7]])
        let cut = try await fixture.service.sql("SELECT id FROM events", limit: 3)
        #expect(cut.results.count == 3 && cut.isTruncated)
        let uri = try await fixture.metadata.location
        for sql in [
            "SELECT * FROM read_parquet('\(uri.dropFirst(7))/data/*.parquet')", "SELECT * FROM '\(uri)/x.parquet'",
            "SELECT * FROM nothing", "SELECT * FROM nowhere.events", "SELECT * FROM duckdb_settings",
            "SELECT * FROM information_schema.tables", "SELECT * FROM sqlite_master",
        ] {
            await #expect(throws: QueryError.self, "\(sql)") { try await fixture.service.sql(sql) }
        }
        await fixture.close()
    }

    @Test func `an old snapshot is read as it was`() async throws {
        let (fixture, snapshots) = try await filled()
        let service = fixture.service
        for (index, expected) in [4, 6, 7].enumerated() {
            let id = snapshots[index].snapshotID
            let byID = try await service.sql(
                "SELECT count(*) AS n FROM events", target: service.target(timestamp: nil, snapshotID: String(id)))
            #expect(byID.results == [["n": JSONValue(expected)]] && byID.snapshotID == String(id))
            let time = Timestamp(milliseconds: snapshots[index].timestampMilliseconds)
            let byTime = try await service.sql(
                "SELECT count(*) AS n FROM events", target: service.target(timestamp: time, snapshotID: nil))
            #expect(byTime.results == byID.results)
        }
        let early = try service.target(timestamp: Timestamp(microseconds: 0), snapshotID: nil)
        await #expect(throws: QueryError.self) { try await service.sql("FROM events", target: early) }
        await #expect(throws: QueryError.self) { try await service.sql("FROM events", target: .snapshot(5)) }
        await fixture.close()
    }

    @Test func `columns are found by id after a rename and a new column`() async throws {
        let (fixture, _) = try await filled()
        let base = try await fixture.metadata
        var fields = base.currentSchema.fields
        for index in fields.indices where fields[index].name == "subject" { fields[index].name = "user" }
        fields.append(.optional(9, "score", .decimal(precision: 10, scale: 2)))
        let schema = try Schema(id: 1, fields: fields)
        let outcome = await fixture.catalog.commit(
            fixture.table, requirements: [], updates: [.addSchema(schema), .setCurrentSchema(id: -1)])
        guard case .committed = outcome else {
            Issue.record("\(outcome)")
            return
        }
        let answer = try await fixture.service.sql(#"SELECT "user", score FROM events WHERE id = '1'"#)
        #expect(answer.results == [["user": "u1", "score": nil]])
        #expect(answer.columns.map(\.type) == ["VARCHAR", "DECIMAL(10,2)"])
        await fixture.close()
    }

    @Test func `an empty table has columns and no rows`() async throws {
        let fixture = try await TableFixture()
        let answer = try await fixture.service.sql("SELECT * FROM events")
        #expect(answer.columns.map(\.name) == ["id", "type", "time", "subject", "data", "extensions"])
        #expect(answer.results.isEmpty && answer.snapshotID == "-1")
        #expect(try await counts(fixture, "2024-01-01", "2025-01-01") == [])
        await fixture.close()
    }

    @Test func `files are pruned before the engine sees them`() async throws {
        let (fixture, _) = try await filled()
        let cases: [(String, Int, Int64, Int64)] = [
            ("SELECT * FROM events", 3, 0, 0), ("SELECT * FROM events WHERE type = 'page.view'", 2, 1, 0),
            ("SELECT * FROM events WHERE time >= '2024-01-15T11:00:00Z'", 2, 1, 0),
            ("SELECT * FROM events WHERE time > TIMESTAMP '2024-01-15 11:20:00'", 1, 1, 1),
            ("SELECT * FROM events WHERE time > now() - INTERVAL 1 HOUR", 0, 3, 0),
        ]
        for (sql, scanned, byPartition, byBounds) in cases {
            let explanation = try await fixture.service.explain(sql)
            let plan = try #require(explanation.tables.first).plan
            #expect(plan.files.count == scanned, "\(sql)")
            #expect(plan.counts.filesPrunedByPartition == byPartition, "\(sql)")
            #expect(plan.counts.filesPrunedByBounds == byBounds, "\(sql)")
            #expect(!explanation.engine.isEmpty)
        }
        await fixture.close()
    }

    @Test func `the seeds' GraphQL queries are answered`() async throws {
        let (fixture, snapshots) = try await filled()
        let counted = try await fixture.graphQL(
            """
            query GetEventCounts { analytics { eventCounts(timeRange: { start: "2024-01-01", end: "2024-01-31" }
            eventTypes: ["page.view", "video_event"]) { eventType count uniqueUsers } } }
            """)
        #expect(
            counted["data"]?["analytics"]?["eventCounts"] == [["eventType": "page.view", "count": 6, "uniqueUsers": 3]])
        let early = try await fixture.graphQL(
            #"{ analytics { timeTravel(timestamp: "2020-01-15T12:00:00Z", query: "SELECT * FROM events") { results } } }"#
        )
        #expect(early["errors"]?.array?.first?["extensions"]?["code"] == "SNAPSHOT_NOT_FOUND")
        let tables = try await fixture.graphQL(
            """
            query TableInfo { catalog { tables { name location currentSnapshotId lastUpdated recordCount sizeInBytes
            snapshots { id recordCount } partitioning } table(name: "nope") { name } } }
            """)
        let table = tables["data"]?["catalog"]?["tables"]?.array?.first
        #expect(table?["currentSnapshotId"] == .string(String(snapshots[2].snapshotID)))
        #expect(table?["recordCount"] == 7 && table?["snapshots"]?.array?.count == 3)
        #expect(table?["partitioning"] == ["type", "hour(time)"])
        #expect(tables["data"]?["catalog"]?["table"] == .null)
        let plan = try await fixture.graphQL(
            #"{ debug { queryPlan(sql: "SELECT 1 FROM events") { filesTotal tables { name prunedBy } } } metrics { queries failures } }"#
        )
        #expect(plan["data"]?["debug"]?["queryPlan"]?["filesTotal"] == 3)
        #expect(plan["errors"] == nil)
        await fixture.close()
    }
}
