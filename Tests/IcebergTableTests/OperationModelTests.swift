import Clocks
import IcebergSpec
import Testing

@testable import IcebergTable

/// Random sequences of every operation, on main and a branch, against the model.
@Suite struct OperationModelTests {
    static let types = ["a", "b", "c"]

    @Test(arguments: [2, 3], [1, 2, 3, 4] as [UInt64])
    func `random operations leave what they should`(version: Int, seed: UInt64) async throws {
        var run = try ModelRun(version: version, seed: seed)
        for step in 0..<40 { try await run.step(step) }
    }

    @Test(arguments: [2, 3], [11, 12, 13] as [UInt64])
    func `of two operations on one state the second is made again or refused`(
        version: Int, seed: UInt64
    ) async throws {
        var run = try ModelRun(version: version, seed: seed)
        for step in 0..<8 { try await run.step(step) }
        for step in 0..<15 { try await run.race(step) }
    }
}

private struct ModelRun {
    /// An operation with what it does to the model.
    struct Planned {
        var name: String
        var prepare: (TableMetadata, ManifestLoader, Timestamp) async throws -> PreparedCommit
        var apply: (inout OperationModel, Int64) -> Void
        /// Files it needs to be live.
        var needs: [DataFile] = []
        var needsDeletes: [DataFile] = []
        /// Data files that must not have got new deletes.
        var needsUndeleted: [DataFile] = []
        /// Whether new rows are conflicts.
        var isSerializable = false
    }

    var table: TestTable
    var models: [String: OperationModel] = ["main": OperationModel()]
    let random: SeededRandom
    var count = 0

    init(version: Int, seed: UInt64) throws {
        table = try TestTable(
            formatVersion: version, properties: ["commit.manifest.min-count-to-merge": seed % 2 == 0 ? "3" : "100"])
        random = SeededRandom(seed)
    }

    func pick(_ count: Int) -> Int { Int(random.next() % UInt64(max(1, count))) }

    mutating func newFile(type: String? = nil, hour: Int32? = nil, rows: Int64? = nil) -> DataFile {
        count += 1
        return table.file(
            "f\(count)", type: type ?? OperationModelTests.types[pick(3)], hour: hour ?? Int32(pick(4)),
            rows: rows ?? Int64(1 + pick(20)))
    }

    func live(_ model: OperationModel) -> [DataFile] {
        model.data.values.map(\.file).sorted { $0.path < $1.path }
    }

    mutating func plan(_ branch: String) -> Planned {
        let model = models[branch] ?? OperationModel()
        let files = live(model)
        let random = random
        let start = table.metadata.snapshot(reference: branch)?.snapshotID
        let checks = ConflictChecks(startingSnapshotID: start, isolation: .none)
        func planned(_ name: String, _ operation: some TableOperation) -> Planned {
            Planned(
                name: name,
                prepare: { try await operation.prepare(base: $0, loader: $1, random: random, now: $2) },
                apply: { _, _ in })
        }
        guard let victim = files.isEmpty ? nil : files[pick(files.count)], start != nil else {
            let added = [newFile(), newFile()]
            var plan = planned("append", Append(files: added, branch: branch))
            plan.apply = { $0.apply(sequence: $1, added: added) }
            return plan
        }
        let vectors = model.deletes.values.map(\.file).filter {
            $0.isDeletionVector && $0.referencedDataFile == victim.path
        }
        switch pick(10) {
        case 0, 1:
            let added = (0...pick(3)).map { _ in newFile() }
            var plan = planned("append", Append(files: added, branch: branch, isFast: pick(2) == 0))
            plan.apply = { $0.apply(sequence: $1, added: added) }
            return plan
        case 2:
            let added = [newFile(type: "a")]
            let removed = files.filter { $0.partition[0] == .string("a") }
            var plan = planned(
                "overwrite by filter",
                Overwrite(
                    added: added, filter: .equal("type", .string("a")), branch: branch,
                    checks: ConflictChecks(startingSnapshotID: start, isolation: .serializable)))
            plan.apply = { $0.apply(sequence: $1, added: added, removed: removed) }
            plan.needs = removed
            plan.needsUndeleted = removed
            plan.isSerializable = true
            return plan
        case 3:
            let added = [newFile(type: victim.partition[0]?.string, hour: victim.partition[1]?.integer.map(Int32.init))]
            let removed = files.filter { $0.partition == victim.partition }
            var plan = planned("replace partitions", Overwrite(added: added, replacesPartitions: true, branch: branch))
            plan.apply = { model, sequence in
                let now = model.data.values.map(\.file).filter { $0.partition == victim.partition }
                model.apply(sequence: sequence, added: added, removed: now)
            }
            _ = removed
            return plan
        case 4:
            var plan = planned("delete by path", DeleteFiles(paths: [victim.path], branch: branch))
            plan.apply = { $0.apply(sequence: $1, removed: [victim]) }
            plan.needs = [victim]
            return plan
        case 5:
            count += 1
            let delete = table.positionDeletes(of: victim, "p\(count)")
            var plan = planned(
                "row delta",
                RowDelta(addedDeletes: [delete], removedDeletes: vectors, branch: branch, checks: checks))
            plan.apply = { $0.apply(sequence: $1, addedDeletes: [delete], removedDeletes: vectors) }
            plan.needs = [victim]
            plan.needsDeletes = vectors
            if delete.isDeletionVector { plan.needsUndeleted = [victim] }
            return plan
        case 6:
            count += 1
            let delete = table.equalityDeletes("e\(count)", type: victim.partition[0]?.string ?? "", hour: 1)
            let added = [newFile()]
            var plan = planned(
                "upsert", RowDelta(addedData: added, addedDeletes: [delete], branch: branch, checks: checks))
            plan.apply = { $0.apply(sequence: $1, added: added, addedDeletes: [delete]) }
            return plan
        case 7, 8:
            let removed = files.filter { $0.partition == victim.partition }
            let rows = removed.reduce(0) { $0 + $1.recordCount }
            let added = newFile(
                type: victim.partition[0]?.string, hour: victim.partition[1]?.integer.map(Int32.init), rows: rows)
            let age = table.metadata.snapshot(reference: branch)?.sequenceNumber
            var plan = planned(
                "replace",
                Replace(
                    removed: removed, added: [added], dataSequenceNumber: age, startingSnapshotID: start,
                    branch: branch))
            plan.apply = { $0.apply(sequence: $1, added: [added], age: age, removed: removed) }
            plan.needs = removed
            plan.needsUndeleted = removed
            return plan
        default:
            var plan = planned(
                "rewrite manifests", RewriteManifests(targetBytes: Int64(1 + pick(20_000)), branch: branch))
            plan.apply = { _, _ in }
            return plan
        }
    }

    mutating func step(_ step: Int) async throws {
        if step == 20 {
            try table.change(try TableChange.createBranch("audit", on: table.metadata))
            models["audit"] = models["main"]
        }
        if step % 13 == 12 { try expire() }
        let branch = step > 20 && pick(3) == 0 ? "audit" : "main"
        let plan = plan(branch)
        let comment = "step \(step), \(plan.name) on \(branch)"
        let before = table.metadata.lastSequenceNumber
        let prepared = try await plan.prepare(table.metadata, table.loader, table.now())
        try await table.commit(prepared)
        #expect(table.metadata.lastSequenceNumber == before + 1, "\(comment)")
        plan.apply(&models[branch, default: OperationModel()], before + 1)
        for (name, model) in models {
            try await model.check(table, table.metadata.snapshot(reference: name), "\(comment): \(name)")
        }
    }

    /// Two operations are worked out on one state. The first is committed; the second must be refused by the catalog, and
    /// when it is made again either fits what the first left or is stale.
    mutating func race(_ step: Int) async throws {
        let (first, second) = (plan("main"), plan("main"))
        let comment = "race \(step): \(first.name), then \(second.name)"
        let base = table.metadata
        let late = try await second.prepare(base, table.loader, table.now())
        try await table.commit(try await first.prepare(base, table.loader, table.now()))
        let before = models["main"] ?? OperationModel()
        first.apply(&models["main", default: OperationModel()], table.metadata.lastSequenceNumber)
        let after = models["main"] ?? OperationModel()
        #expect(throws: RequirementFailure.self, "\(comment)") {
            for requirement in late.requirements { try requirement.check(against: table.metadata) }
        }
        let isStale = conflicts(second, before, after)
        do {
            let again = try await second.prepare(table.metadata, table.loader, table.now())
            #expect(!isStale, "\(comment): should have been refused")
            try await table.commit(again)
            second.apply(&models["main", default: OperationModel()], table.metadata.lastSequenceNumber)
        } catch let error as TableError {
            #expect(isStale && error.code == .stale, "\(comment): \(error)")
        }
        try await (models["main"] ?? OperationModel()).check(table, table.metadata.currentSnapshot, comment)
    }

    /// Whether what the first operation changed is something the second depends on.
    private func conflicts(_ second: Planned, _ before: OperationModel, _ after: OperationModel) -> Bool {
        if second.needs.contains(where: { after.data[$0.path] == nil }) { return true }
        if second.needsDeletes.contains(where: { after.deletes[OperationModel.key($0)] == nil }) { return true }
        let added = after.deletes.filter { before.deletes[$0.key] == nil }.values
        for delete in added {
            // Equality deletes apply by partition, and only to those who read the rows before.
            let hit = second.needsUndeleted.contains { file in
                if let path = delete.file.referencedDataFile { return path == file.path }
                return second.isSerializable && delete.file.partition[0] == .string("a")
                    || second.name != "replace" && second.name != "row delta"
                        && delete.file.partition == file.partition
            }
            if hit { return true }
            // The filter's own partition, even where no file of it is removed.
            if second.isSerializable, delete.file.partition[0] == .string("a") { return true }
        }
        guard second.isSerializable else { return false }
        let isA = { (file: DataFile) in file.partition[0] == .string("a") }
        let newData = after.data.values.map(\.file).filter { before.data[$0.path] == nil && isA($0) }
        let goneData = before.data.values.map(\.file).filter { after.data[$0.path] == nil && isA($0) }
        // A rewrite adds no rows, and its files stay within the filter; what it removed was needed by name.
        return !newData.isEmpty || !goneData.isEmpty
    }

    private mutating func expire() throws {
        let keep = 1 + pick(4)
        let expired = try ExpireSnapshots(olderThan: table.now(), retainLast: keep).prepare(
            base: table.metadata, now: table.now())
        try table.change(expired.change)
        #expect(expired.snapshots.allSatisfy { table.metadata.snapshot(id: $0.snapshotID) == nil })
    }
}
