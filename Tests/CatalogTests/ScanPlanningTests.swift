import Bytes
import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// Plans, plan ids and plan tasks.
@Suite struct ScanPlanningTests {
    private static func code(_ body: () async throws -> Void) async -> CatalogError.Code? {
        do {
            try await body()
        } catch {
            return (error as? CatalogError)?.code
        }
        return nil
    }

    @Test func `a small scan is answered whole, and again by its id`() async throws {
        var table = try PlannedTable()
        #expect(try await table.plan().answer.files.isEmpty)
        try await table.append(commits: 2, of: 3)
        let (id, answer) = try await table.plan()
        #expect(answer.planTasks.isEmpty)
        #expect(answer.files.count == 6)
        try await table.append([table.file("later")])
        let again = try #require(try await table.planning().refetch(id, of: table.metadata))
        #expect(again.files.map(\.file.path) == answer.files.map(\.file.path))
        try await table.planning().cancel(id, of: table.metadata)
    }

    @Test func `the tasks of a large scan hold each file once, whichever replica answers`() async throws {
        var table = try PlannedTable()
        // One manifest longer than an answer, and small ones that share a task.
        try await table.append(commits: 1, of: CatalogLimits.planFilesPerAnswerMax * 2 + 7)
        try await table.append(commits: 3, of: 5)
        let (_, answer) = try await table.plan()
        #expect(answer.files.isEmpty)
        #expect(answer.planTasks.count == 2)
        let names = try await table.names(answer)
        #expect(names.count == CatalogLimits.planFilesPerAnswerMax * 2 + 7 + 15)
        for task in answer.planTasks {
            let files = try await table.planning().tasks(task, of: table.metadata).files
            #expect(files.count <= CatalogLimits.planFilesPerAnswerMax)
        }
        // "0-3" is in the long commit and in a small one: what must not happen is a file that is there twice.
        let paths = Dictionary(grouping: names) { $0 }.mapValues(\.count)
        #expect(paths["0-100"] == 1)
        #expect(paths["0-3"] == 2)
        #expect(paths["2-4"] == 1)
    }

    @Test func `a filter prunes the tasks' files as it prunes those of a small scan`() async throws {
        var table = try PlannedTable()
        try await table.append(commits: 2, of: 1500)
        let filter = #"{"filter":{"type":"lt","term":"id","value":3}}"#
        let (_, answer) = try await table.plan(filter)
        #expect(answer.planTasks.count == 2)
        #expect(try await table.names(answer) == ["0-0", "0-1", "0-2", "1-0", "1-1", "1-2"])
    }

    @Test func `enough rows are enough`() async throws {
        var table = try PlannedTable()
        try await table.append(commits: 3, of: 1500)
        let (_, answer) = try await table.plan(#"{"min-rows-requested":5}"#)
        #expect(answer.files.count == 5)
        #expect(answer.planTasks.isEmpty)
        // Which rows a filter leaves is not known before they are read.
        let filtered = #"{"min-rows-requested":5,"filter":{"type":"eq","term":"Name","value":"x"}}"#
        #expect(try await table.plan(filtered).answer.files.isEmpty)
        let open = #"{"min-rows-requested":5,"filter":{"type":"gt-eq","term":"id","value":7}}"#
        let found = try await table.names(try await table.plan(open).answer)
        #expect(found.count == 3 * (1500 - 7))
    }

    @Test func `an incremental scan has the appended files in between, those of expired starts too`() async throws {
        var table = try PlannedTable()
        for name in ["a", "b", "c", "d"] { try await table.append([table.file(name)]) }
        let ids = table.metadata.snapshots.map(\.snapshotID)
        let body = #"{"start-snapshot-id":\#(ids[0]),"end-snapshot-id":\#(ids[2])}"#
        let (id, answer) = try await table.plan(body)
        #expect(try await table.names(answer) == ["b", "c"])
        try table.removeSnapshots([ids[0]])
        #expect(try await table.planning().refetch(id, of: table.metadata)?.files.count == 2)
        let backwards = #"{"start-snapshot-id":\#(ids[3]),"end-snapshot-id":\#(ids[2])}"#
        #expect(await Self.code { _ = try await table.plan(backwards) } == .badRequest)
    }

    // MARK: - Tokens

    @Test func `a token that was changed in any byte, cut or made elsewhere is unknown`() async throws {
        var table = try PlannedTable()
        try await table.append(commits: 2, of: 800)
        let (id, answer) = try await table.plan()
        let task = try #require(answer.planTasks.first)
        let planning = table.planning()
        for (token, isTask) in [(id, false), (task, true)] {
            let bytes = try #require(Base64.decode(token))
            var forged = bytes.indices.map { index in
                var changed = bytes
                changed[index] ^= 1 << UInt8(index % 8)
                return Base64.encode(changed, alphabet: .urlSafe)
            }
            forged += [0, 1, 17, 40, bytes.count - 1].map { Base64.encode(bytes.prefix($0), alphabet: .urlSafe) }
            forged += ["", "%%", String(repeating: "A", count: 1 << 20), isTask ? id : task]
            for text in forged {
                let code = await Self.code {
                    if isTask {
                        _ = try await planning.tasks(text, of: table.metadata)
                    } else {
                        try await planning.cancel(text, of: table.metadata)
                    }
                }
                #expect(code == (isTask ? .noSuchPlanTask : .noSuchPlanID))
            }
        }
        // Another catalog, another table.
        let elsewhere = table.planning(MemoryObjectStore())
        #expect(await Self.code { _ = try await elsewhere.tasks(task, of: table.metadata) } == .noSuchPlanTask)
        let other = try PlannedTable(store: table.store)
        #expect(await Self.code { _ = try await planning.tasks(task, of: other.metadata) } == .noSuchPlanTask)
        #expect(await Self.code { _ = try await planning.refetch(id, of: other.metadata) } == .noSuchPlanID)
    }

    @Test func `when the snapshot has expired its plans are unknown`() async throws {
        var table = try PlannedTable()
        try await table.append(commits: 2, of: 800)
        let (id, answer) = try await table.plan()
        let planned = try #require(table.metadata.currentSnapshotID)
        try await table.append([table.file("later")])
        let task = try #require(answer.planTasks.first)
        _ = try await table.planning().tasks(task, of: table.metadata)
        try table.removeSnapshots([planned])
        let metadata = table.metadata
        let planning = table.planning()
        #expect(await Self.code { _ = try await planning.tasks(task, of: metadata) } == .noSuchPlanTask)
        #expect(await Self.code { _ = try await planning.refetch(id, of: metadata) } == .noSuchPlanID)
    }

    @Test func `a filter too long for a plan id is planned, but not again; one too long for a task is refused`()
        async throws
    {
        var table = try PlannedTable()
        try await table.append(commits: 2, of: 800)
        func filter(_ count: Int) -> String {
            var generator = SystemRandomNumberGenerator()
            let values = (0..<count).map { _ in String(Int64.random(in: 0...Int64.max, using: &generator)) }
            return #"{"filter":{"type":"in","term":"id","values":[\#(values.joined(separator: ","))]}}"#
        }
        let (id, answer) = try await table.plan(filter(2000))
        #expect(try await table.planning().refetch(id, of: table.metadata) == nil)
        #expect(id.utf8.count <= CatalogLimits.planIDBytesMax)
        #expect(answer.planTasks.allSatisfy { $0.utf8.count <= CatalogLimits.planTaskBytesMax })
        #expect(answer.planTasks.count == 1)
        let long = filter(20_000)
        #expect(await Self.code { _ = try await table.plan(long) } == .badRequest)
    }

    @Test func `replicas that start together settle on one key`() async throws {
        let store = MemoryObjectStore()
        let bucket = try BucketName("analytics-catalog")
        let signatures = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<16 {
                let key = SigningKey(store: store, bucket: bucket)
                group.addTask { try await key.signature(of: [1, 2, 3], for: "test") }
            }
            var found: Set<[UInt8]> = []
            for try await signature in group { found.insert(signature) }
            return found
        }
        #expect(signatures.count == 1)
        let other = try await SigningKey(store: store, bucket: bucket).signature(of: [1, 2, 3], for: "other")
        #expect(!signatures.contains(other))
    }

    // MARK: - Requests

    @Test(arguments: [
        #"{"snapshot-id":1}"#, #"{"start-snapshot-id":1}"#, #"{"end-snapshot-id":1}"#,
        #"{"snapshot-id":1,"start-snapshot-id":1,"end-snapshot-id":2}"#,
        #"{"start-snapshot-id":1,"end-snapshot-id":2}"#,
        #"{"select":["none"]}"#, #"{"select":"id"}"#, #"{"stats-fields":["none"]}"#, #"{"stats-fields":["name"]}"#,
        #"{"filter":{"type":"eq","term":"none","value":1}}"#, #"{"filter":{"type":"eq","term":"id","value":"x"}}"#,
        #"{"filter":{"type":"eq","term":"name","value":"x"}}"#, #"{"filter":{"type":"make-coffee","term":"id"}}"#,
        #"{"filter":[]}"#, #"{"filter":"x"}"#, #"{"case-sensitive":1}"#, #"{"min-rows-requested":"many"}"#,
        #"{"snapshot-id":1.5}"#, #"{"min-rows-requested":-1}"#, #"{"min-rows-requested":9223372036854775808}"#,
    ])
    func `a request that makes no sense is refused`(body: String) async throws {
        var table = try PlannedTable()
        try await table.append(commits: 1, of: 1)
        let fixed = table
        #expect(await Self.code { _ = try await fixed.plan(body) } == .badRequest)
    }

    @Test func `the case of names counts only when it is said to`() async throws {
        var table = try PlannedTable()
        try await table.append(commits: 1, of: 2)
        let filter = #""filter":{"type":"not-null","term":"NAME"},"select":["ID"],"stats-fields":["iD"]"#
        let (_, answer) = try await table.plan(#"{"case-sensitive":false,\#(filter)}"#)
        #expect(answer.statisticsIDs == [1])
        #expect(answer.files.isEmpty)
    }

    @Test func `columns are those of the snapshot where that is wanted`() async throws {
        var table = try PlannedTable()
        try await table.append(commits: 1, of: 2)
        let snapshot = try #require(table.metadata.currentSnapshotID)
        let renamed = try Schema(id: 1, fields: [.required(1, "number", .long), .optional(2, "Name", .string)])
        table.metadata = try table.metadata.applying(
            [.addSchema(renamed), .setCurrentSchema(id: -1)], at: Timestamp(milliseconds: 1_700_000_100_000))
        func body(_ name: String, _ usesSnapshot: Bool) -> String {
            """
            {"snapshot-id":\(snapshot),"use-snapshot-schema":\(usesSnapshot),
             "filter":{"type":"gt","term":"\(name)","value":0}}
            """
        }
        #expect(try await table.plan(body("id", true)).answer.files.count == 1)
        #expect(try await table.plan(body("number", false)).answer.files.count == 1)
        let fixed = table
        for (name, uses) in [("number", true), ("id", false)] {
            let wrong = body(name, uses)
            #expect(await Self.code { _ = try await fixed.plan(wrong) } == .badRequest)
        }
    }
}
