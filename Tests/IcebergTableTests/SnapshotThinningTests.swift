import Clocks
import IcebergSpec
import Testing

@testable import IcebergTable

@Suite struct SnapshotThinningTests {
    private static let minute: Int64 = 60_000
    private static let hour: Int64 = 3_600_000
    private static let day: Int64 = 86_400_000

    @Test(arguments: [
        "", "1h", "1h:", ":1d", "1h:30d,", "0h:1d", "1h:1m", "1s:1d", "1h:30d,60m:1d", "-1h:1d", "1 h:1d", "1h:1d:1d",
        "1h:36501d", "1m:30d", "9999999999999999999h:1d", "1h:1d,2h:1d,3h:1d,4h:1d,5h:1d,6h:1d,7h:1d,8h:1d,9h:1d",
        "١h:1d",
    ])
    func `what is not in its form is refused with what is allowed`(text: String) {
        let error = #expect(throws: IcebergError.self) { try SnapshotThinning(text) }
        #expect(error?.message.contains("1h:30d,1d:365d") == true)
    }

    @Test func `pairs are read with their units`() throws {
        let steps = try SnapshotThinning("15m:1d, 1h:30d,1d:365d").steps
        #expect(steps.map(\.intervalMilliseconds) == [15 * Self.minute, Self.hour, Self.day])
        #expect(steps.map(\.keptMilliseconds) == [Self.day, 30 * Self.day, 365 * Self.day])
    }

    /// A commit every `step` milliseconds.
    private static func table(_ commits: Int, every step: Int64, thinning: String) async throws -> TestTable {
        var table = try TestTable(properties: [
            "snapshots.thinning": thinning, "history.expire.max-snapshot-age-ms": "\(2 * hour)",
        ])
        for index in 0..<commits {
            table.wait(step)
            try await table.append(table.file("f\(index)"))
        }
        return table
    }

    private static func expire(_ table: inout TestTable) throws -> ExpireSnapshots.Expired {
        let due = try ExpireSnapshots().prepare(base: table.metadata, now: table.now())
        try table.change(due.change)
        return due
    }

    private static func times(_ table: TestTable) -> [String: Int64] {
        table.metadata.references.filter { $0.value.kind == .tag }.compactMapValues {
            table.metadata.snapshot(id: $0.snapshotID)?.timestampMilliseconds
        }
    }

    @Test func `the last state of each interval stays under a tag, as long as its step says`() async throws {
        var table = try await Self.table(48, every: 15 * Self.minute, thinning: "1h:6h,1d:3d")
        let all = table.metadata.snapshots
        let now = table.now().milliseconds
        let due = try Self.expire(&table)
        // What is younger than two hours is as it was; before, the last of each hour up to six hours, and of each day.
        let young = all.filter { now - $0.timestampMilliseconds <= 2 * Self.hour }
        let left = all.filter { now - $0.timestampMilliseconds > 2 * Self.hour }
        var expected: [String: Int64] = [:]
        for snapshot in left {
            let time = Timestamp(milliseconds: snapshot.timestampMilliseconds).rfc3339()
            let (date, hour) = (time.prefix(10).filter { $0 != "-" }, time.dropFirst(11).prefix(2))
            if now - snapshot.timestampMilliseconds <= 6 * Self.hour {
                expected["kept-1h-\(date)T\(hour)0000Z"] = snapshot.timestampMilliseconds
            }
            expected["kept-1d-\(date)T000000Z"] = snapshot.timestampMilliseconds
        }
        #expect(expected.count >= 5)
        #expect(Self.times(table) == expected)
        #expect(due.tags.count == expected.count)
        #expect(table.metadata.snapshots.count == young.count + Set(expected.values).count)
        // Nothing is due twice.
        #expect(try Self.expire(&table).change.isEmpty)
    }

    @Test func `tags move on as more of their interval leaves, and go with their time`() async throws {
        var table = try await Self.table(40, every: 15 * Self.minute, thinning: "1h:6h")
        var known: [String: Int64] = [:]
        for index in 0..<60 {
            table.wait(15 * Self.minute)
            try await table.append(table.file("g\(index)"))
            _ = try Self.expire(&table)
            let times = Self.times(table)
            for (name, time) in times { #expect(time >= known[name] ?? .min) }
            known.merge(times) { $1 }
            #expect(times.count <= 6)
            let now = table.now().milliseconds
            #expect(times.values.allSatisfy { now - $0 <= 6 * Self.hour })
            // Only what has a tag, or is young.
            #expect(table.metadata.snapshots.count <= 6 + 9)
        }
    }

    @Test func `a time before the snapshot log is answered by the newest state that was kept of it`() async throws {
        var table = try await Self.table(48, every: 15 * Self.minute, thinning: "1h:10h")
        let all = table.metadata.snapshots
        _ = try Self.expire(&table)
        let retained = Set(table.metadata.snapshots.map(\.snapshotID))
        let logged = try #require(table.metadata.snapshotLog.first).timestampMilliseconds
        var answered = 0
        for snapshot in all where snapshot.timestampMilliseconds < logged {
            let time = Timestamp(milliseconds: snapshot.timestampMilliseconds)
            let expected = all.last {
                retained.contains($0.snapshotID) && $0.timestampMilliseconds <= time.milliseconds
            }
            #expect(table.metadata.snapshot(asOf: time)?.snapshotID == expected?.snapshotID)
            if expected != nil { answered += 1 }
        }
        #expect(answered > 20)
        for snapshot in all where snapshot.timestampMilliseconds >= logged {
            let time = Timestamp(milliseconds: snapshot.timestampMilliseconds)
            #expect(table.metadata.snapshot(asOf: time)?.snapshotID == snapshot.snapshotID)
        }
    }

    @Test func `what a kept state needs is not unreachable`() async throws {
        var table = try TestTable(properties: [
            "snapshots.thinning": "1h:10h", "history.expire.max-snapshot-age-ms": "\(Self.hour)",
        ])
        let old = table.file("old")
        try await table.append(old)
        table.wait(Self.minute)
        let merged = try await table.append(table.file("other"))
        table.wait(2 * Self.hour)
        try await table.commit(Replace(removed: [old], added: [table.file("new")], dataSequenceNumber: 1))
        let before = table.metadata
        let due = try Self.expire(&table)
        #expect(due.snapshots.count == 1 && due.tags.values.map(\.snapshotID) == [merged.snapshotID])
        let gone = try await UnreachableFiles.between(before, and: table.metadata, loader: table.loader)
        #expect(gone.files.isEmpty, "the kept state has the replaced file")
    }

    @Test func `a property that cannot be read stops the expiry instead of losing what it asks for`() async throws {
        var table = try await Self.table(2, every: 3 * Self.hour, thinning: "hourly")
        #expect(throws: TableError.self) { try Self.expire(&table) }
    }
}
