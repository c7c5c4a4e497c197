import Clocks
import IcebergSpec
import ObjectStore
import Testing

@testable import IcebergTable

@Suite struct TableChangeTests {
    private func code(_ body: () throws(TableError) -> TableChange) -> TableError.Code? {
        do { _ = try body() } catch { return error.code }
        return nil
    }

    @Test func `columns evolve, and reused ids do not`() async throws {
        var table = try TestTable()
        let base = table.metadata
        let fields = base.currentSchema.fields
        let wider = try Schema(fields: fields + [.optional(7, "extra", .long)])
        let change = try TableChange.schema(wider, on: base)
        #expect(change.requirements.contains(.currentSchemaID(0)))
        #expect(change.requirements.contains(.lastAssignedFieldID(6)))
        try table.change(change)
        #expect(table.metadata.currentSchema.field(named: "extra")?.id == 7)
        #expect(throws: RequirementFailure.self) {
            for requirement in change.requirements { try requirement.check(against: table.metadata) }
        }
        #expect(try TableChange.schema(table.metadata.currentSchema, on: table.metadata).isEmpty)
        try table.change(try TableChange.schema(try Schema(fields: fields), on: table.metadata))
        let reused = try Schema(fields: fields + [.optional(7, "other", .string)])
        #expect(code { () throws(TableError) in try TableChange.schema(reused, on: table.metadata) } == .invalid)
        let retyped = try Schema(fields: [.required(1, "id", .long)] + fields.dropFirst())
        #expect(code { () throws(TableError) in try TableChange.schema(retyped, on: table.metadata) } == .invalid)
        let without = try Schema(fields: fields.filter { $0.name != "type" })
        #expect(
            code { () throws(TableError) in try TableChange.schema(without, on: table.metadata) } == .invalid,
            "the partition spec needs it")
    }

    @Test func `columns renamed by an update keep their names in the name mapping`() throws {
        var table = try TestTable()
        try table.change(
            try TableChange.properties(
                [NameMapping.property: NameMapping(schema: table.metadata.currentSchema).text], on: table.metadata))
        #expect(try TableChange.schema(SchemaUpdate(table.metadata), on: table.metadata).isEmpty)
        let name = try #require(table.metadata.currentSchema.fields.last?.name)
        var update = SchemaUpdate(table.metadata)
        try update.rename(name, to: "renamed")
        let change = try TableChange.schema(update, on: table.metadata)
        #expect(change.requirements.contains(.currentSchemaID(0)))
        try table.change(change)
        #expect(table.metadata.currentSchema.fields.last?.name == "renamed")
        let mapping = try #require(try table.metadata.nameMapping())
        #expect(mapping.text.contains("renamed") && mapping.text.contains(name))
    }

    @Test func `a partition spec changes by an update`() throws {
        var table = try TestTable()
        let count = table.metadata.defaultSpec.fields.count
        var update = PartitionSpecUpdate(table.metadata)
        try update.add("id", .bucket(4))
        try table.change(try TableChange.partitionSpec(update, on: table.metadata))
        #expect(table.metadata.defaultSpec.fields.count == count + 1)
        #expect(table.metadata.defaultSpec.fields.last?.name == "id_bucket_4")
    }

    @Test func `files of several specs live side by side`() async throws {
        var table = try TestTable()
        let old = table.file("a")
        try await table.append(old)
        try table.change(
            try TableChange.partitionSpec(
                UnboundPartitionSpec(fields: [.init(sourceID: 3, name: "time_day", transform: .day)]),
                on: table.metadata))
        var new = table.file("b", hour: 30)
        new.partition = [.date(1)]
        try await table.append(new)
        let planner = ScanPlanner(loader: table.loader)
        let day = Predicate.atLeast("time", .timestamptz(24 * TestTable.hour))
        #expect(try await planner.plan(table.metadata, predicate: day).files.map(\.file.path) == [new.path])
        let plan = try await planner.plan(table.metadata, predicate: .equal("type", .string("page.view")))
        #expect(Set(plan.files.map(\.file.path)) == [old.path, new.path])
        #expect(plan.files.first { $0.file.path == old.path }?.residual == .alwaysTrue)
        #expect(plan.files.first { $0.file.path == new.path }?.residual != .alwaysTrue)
        try await table.commit(RewriteManifests())
        #expect(try await table.manifests().map(\.partitionSpecID).sorted() == [0, 1])
    }

    @Test func `order, properties and format version change`() throws {
        var table = try TestTable(properties: ["a": "1"])
        try table.change(try TableChange.sortOrder([SortField(sourceID: 3)], on: table.metadata))
        #expect(table.metadata.defaultSortOrder.fields.map(\.sourceID) == [3])
        try table.change(try TableChange.properties(["b": "2"], removing: ["a"], on: table.metadata))
        #expect(table.metadata.properties == ["b": "2"])
        #expect(
            code { () throws(TableError) in try TableChange.properties(["b": "2"], removing: ["b"], on: table.metadata)
            } == .invalid)
        try table.change(try TableChange.formatVersion(3, on: table.metadata))
        #expect(table.metadata.formatVersion == 3 && table.metadata.nextRowID == 0)
        #expect(code { () throws(TableError) in try TableChange.formatVersion(2, on: table.metadata) } == .invalid)
    }

    @Test func `branches and tags are made, moved and removed`() async throws {
        var table = try TestTable()
        #expect(
            code { () throws(TableError) in try TableChange.createTag("t", on: table.metadata) } == .invalid,
            "no snapshot")
        let first = try await table.append(table.file("a")).snapshotID
        try table.change(try TableChange.createTag("t", on: table.metadata))
        try table.change(
            try TableChange.createBranch(
                "audit", retention: Retention(minSnapshotsToKeep: 3), on: table.metadata))
        try await table.commit(Append(files: [table.file("b")], branch: "audit"))
        try await table.append(table.file("c"))
        #expect(try await table.livePaths() == ["a.parquet", "c.parquet"])
        let planner = ScanPlanner(loader: table.loader)
        let audit = try await planner.plan(table.metadata, target: .reference("audit"))
        #expect(audit.files.map(\.file.path).map { $0.suffix(9) }.sorted() == ["a.parquet", "b.parquet"])
        #expect(table.metadata.references["audit"]?.minSnapshotsToKeep == 3, "commits keep the retention")

        #expect(await table.refusal(Append(files: [table.file("x")], branch: "t")) == .invalid, "a tag")
        #expect(
            code { () throws(TableError) in try TableChange.fastForward("main", to: "audit", on: table.metadata) }
                == .invalid, "main has a commit of its own")
        try table.change(try TableChange.rollback(to: first, on: table.metadata))
        #expect(try await table.livePaths() == ["a.parquet"])
        try table.change(try TableChange.fastForward("main", to: "audit", on: table.metadata))
        #expect(try await table.livePaths() == ["a.parquet", "b.parquet"])
        try table.change(try TableChange.removeReference("audit", on: table.metadata))
        #expect(table.metadata.references["audit"] == nil)
        #expect(
            code { () throws(TableError) in try TableChange.removeReference("main", on: table.metadata) } == .invalid)
        let base = table.metadata
        #expect(
            code { () throws(TableError) in
                try TableChange.retention(of: "t", Retention(minSnapshotsToKeep: 1), on: base)
            } == .invalid)
        try table.change(
            try TableChange.retention(of: "t", Retention(maxReferenceAgeMilliseconds: 5), on: table.metadata))
        #expect(table.metadata.references["t"]?.maxReferenceAgeMilliseconds == 5)
    }

    @Test func `a commit to a branch that does not exist begins it at the current snapshot`() async throws {
        var table = try TestTable()
        let first = try await table.append(table.file("a")).snapshotID
        let prepared = try await table.commit(Append(files: [table.file("b")], branch: "new"))
        #expect(prepared.snapshot.parentSnapshotID == first)
        #expect(prepared.requirements.contains(.referenceSnapshotID(reference: "new", snapshotID: nil)))
        #expect(table.metadata.currentSnapshotID == first)
    }

    @Test func `statistics come and go`() async throws {
        var table = try TestTable()
        let id = try await table.append(table.file("a")).snapshotID
        let file = StatisticsFile(snapshotID: id, path: "s", sizeBytes: 1, footerSizeBytes: 1, blobs: [])
        try table.change(try TableChange.statistics(file, on: table.metadata))
        try table.change(
            try TableChange.partitionStatistics(
                PartitionStatisticsFile(snapshotID: id, path: "p", sizeBytes: 1), on: table.metadata))
        #expect(table.metadata.statistics == [file] && table.metadata.partitionStatistics.count == 1)
        try table.change(TableChange.removingStatistics(ofSnapshot: id, on: table.metadata))
        #expect(table.metadata.statistics.isEmpty && table.metadata.partitionStatistics.isEmpty)
        var foreign = file
        foreign.snapshotID = 7
        #expect(code { () throws(TableError) in try TableChange.statistics(foreign, on: table.metadata) } == .invalid)
    }
}

@Suite struct ReferenceChangeTests {
    @Test func `a reference is put on another snapshot, whatever its kind`() async throws {
        var table = try TestTable()
        var ids: [Int64] = []
        for index in 0..<3 { ids.append(try await table.append(table.file("f\(index)")).snapshotID) }
        try table.change(try TableChange.createBranch("b", at: ids[0], on: table.metadata))
        try table.change(
            try TableChange.createTag(
                "t", at: ids[2], retention: Retention(maxReferenceAgeMilliseconds: 7), on: table.metadata))
        for name in ["b", "t"] {
            let change = try TableChange.replaceReference(name, with: ids[1], on: table.metadata)
            try table.change(change)
            #expect(table.metadata.references[name]?.snapshotID == ids[1])
            // It has moved meanwhile.
            #expect(throws: RequirementFailure.self) {
                for requirement in change.requirements { try requirement.check(against: table.metadata) }
            }
        }
        #expect(table.metadata.references["b"]?.kind == .branch && table.metadata.references["t"]?.kind == .tag)
        #expect(table.metadata.references["t"]?.maxReferenceAgeMilliseconds == 7)
        for (name, id) in [("none", ids[0]), ("b", 77)] {
            #expect(throws: TableError.self) { try TableChange.replaceReference(name, with: id, on: table.metadata) }
        }
    }
}

@Suite struct ExpireSnapshotsTests {
    @Test func `age, count and references decide what stays`() async throws {
        var table = try TestTable()
        var ids: [Int64] = []
        for index in 0..<6 { ids.append(try await table.append(table.file("f\(index)")).snapshotID) }
        try table.change(try TableChange.createTag("t", at: ids[1], on: table.metadata))
        func expired(_ expire: ExpireSnapshots) throws -> [Int64] {
            try expire.prepare(base: table.metadata, now: table.now()).snapshots.map(\.snapshotID)
        }
        let all = table.now()
        #expect(try expired(ExpireSnapshots()) == [], "younger than five days")
        #expect(try expired(ExpireSnapshots(olderThan: all)) == [ids[0], ids[2], ids[3], ids[4]])
        #expect(try expired(ExpireSnapshots(olderThan: all, retainLast: 3)) == [ids[0], ids[2]])
        let middle = try #require(table.metadata.snapshot(id: ids[3])).timestampMilliseconds
        #expect(
            try expired(ExpireSnapshots(olderThan: Timestamp(milliseconds: middle))) == [ids[0], ids[2]])
        #expect(try expired(ExpireSnapshots(snapshotIDs: [ids[2]])) == [ids[2]])
        #expect(throws: TableError.self) { try expired(ExpireSnapshots(snapshotIDs: [ids[1]])) }
        #expect(throws: TableError.self) { try expired(ExpireSnapshots(snapshotIDs: [1])) }
    }

    @Test func `a branch's own retention comes first, and references age`() async throws {
        var table = try TestTable(properties: ["history.expire.max-snapshot-age-ms": "1"])
        for index in 0..<3 { try await table.append(table.file("f\(index)")) }
        try table.change(
            try TableChange.createBranch("b", retention: Retention(minSnapshotsToKeep: 2), on: table.metadata))
        let kept = try ExpireSnapshots().prepare(base: table.metadata, now: table.now())
        #expect(kept.snapshots.count == 1 && kept.references.isEmpty)
        try table.change(
            try TableChange.retention(
                of: "b", Retention(maxReferenceAgeMilliseconds: 1), on: table.metadata))
        let gone = try ExpireSnapshots().prepare(base: table.metadata, now: table.now())
        #expect(gone.snapshots.count == 2 && gone.references == ["b"])
        try table.change(gone.change)
        #expect(table.metadata.snapshots.count == 1)
        let nothing = try ExpireSnapshots().prepare(base: table.metadata, now: table.now())
        #expect(nothing.change.isEmpty)
    }

    @Test func `what becomes unreachable is found, and nothing that is needed`() async throws {
        var table = try TestTable()
        let (a, b) = (table.file("a"), table.file("b"))
        let first = try await table.append(a, b)
        let second = try await table.commit(
            Replace(removed: [a], added: [table.file("a2")], dataSequenceNumber: 1))
        let before = table.metadata
        let expired = try ExpireSnapshots(olderThan: table.now()).prepare(base: before, now: table.now())
        #expect(expired.snapshots.map(\.snapshotID) == [first.snapshotID])
        try table.change(expired.change)
        let loader = ManifestLoader(store: table.store)
        let gone = try await UnreachableFiles.between(before, and: table.metadata, loader: loader)
        let firstURIs = first.objects.map { table.store.uri(of: $0.location) }
        #expect(gone.files == [a.path])
        #expect(gone.manifests == [firstURIs[0]] && gone.manifestLists == [firstURIs[1]])
        #expect(second.objects.count == 3)
        let none = try await UnreachableFiles.between(table.metadata, and: table.metadata, loader: loader)
        #expect(none == UnreachableFiles())
    }
}
