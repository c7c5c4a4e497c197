import Clocks
import HTTP
import IcebergCatalog
import IcebergData
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// Tables damaged in one way each below their metadata: `validate` names it, `rebuild-manifests` mends it, or says why not.
@Suite struct RebuildManifestsTests {
    private func table(formatVersion: Int = 2) async throws -> LiveCatalogTable {
        let live = try await LiveCatalogTable(
            formatVersion: formatVersion, properties: ["commit.manifest-merge.enabled": "false"])
        try await live.append(0..<10, hour: 1)
        try await live.append(10..<20, type: "click", hour: 2)
        try await live.append(20..<30, hour: 3)
        return live
    }

    struct Damage: Sendable, CustomStringConvertible {
        let description: String
        let found: [String]
        /// Which rows are there afterwards.
        var ids: [Int64] = Array(0..<30)
        /// Whether the result has to be forced, since rows are lost.
        var isForced = false
        let inflict: @Sendable (LiveCatalogTable) async throws -> Void
    }

    static let damages: [Damage] = [
        Damage(description: "the manifest list is gone", found: ["manifest-list-missing"]) { live in
            try await live.delete(try #require(try await live.metadata().currentSnapshot?.manifestList))
        },
        Damage(description: "the manifest list is cut", found: ["manifest-list-damaged"]) { live in
            let list = try #require(try await live.metadata().currentSnapshot?.manifestList)
            try await live.rewrite(list) { $0.removeLast(30) }
        },
        Damage(description: "all manifest lists are gone", found: ["manifest-list-missing"]) { live in
            for snapshot in try await live.metadata().snapshots {
                try await live.delete(try #require(snapshot.manifestList))
            }
        },
        Damage(description: "a manifest is gone", found: ["manifest-missing"]) { live in
            try await live.delete(try #require(try await live.manifests().last).path)
        },
        Damage(
            description: "every manifest is gone", found: ["manifest-missing", "manifest-missing", "manifest-missing"]
        ) {
            live in
            for manifest in try await live.manifests() { try await live.delete(manifest.path) }
        },
        Damage(description: "a manifest is cut", found: ["manifest-damaged"]) { live in
            try await live.rewrite(try #require(try await live.manifests().first).path) { $0.removeLast(40) }
        },
        Damage(description: "a file is listed twice", found: ["duplicate-file"]) { live in
            let files = try await ScanPlanner(loader: ManifestLoader(store: live.store)).plan(try await live.metadata())
            try await live.commitUnchecked([try #require(files.files.first).file])
        },
        Damage(
            description: "a data file is gone", found: ["file-missing"], ids: Array(0..<20), isForced: true
        ) { live in
            try await live.delete(try #require(try await live.newestFile()).path)
        },
        Damage(
            description: "a data file is cut", found: ["file-size", "file-damaged"], ids: Array(0..<20), isForced: true
        ) { live in
            try await live.rewrite(try #require(try await live.newestFile()).path) { $0.removeLast(10) }
        },
        Damage(
            description: "a manifest states another number of rows, and bounds that leave rows out",
            found: ["record-count", "wrong-statistics", "wrong-statistics"], ids: Array(0..<40)
        ) { live in
            var file = try #require(try await live.write(30..<40).first)
            file.recordCount = 7
            file.lowerBounds[1] = Datum.long(33).singleValueBinary
            file.valueCounts[1] = 7
            try await live.commitUnchecked([file])
        },
        Damage(description: "a manifest states another size", found: ["file-size"], ids: Array(0..<40)) { live in
            var file = try #require(try await live.write(30..<40).first)
            file.fileSizeBytes += 1
            try await live.commitUnchecked([file])
        },
        Damage(description: "a manifest states another partition", found: ["wrong-partition"], ids: Array(0..<40)) {
            live in
            var file = try #require(try await live.write(30..<40).first)
            file.partition[0] = .string("scroll")
            try await live.commitUnchecked([file])
        },
    ]

    @Test(arguments: damages) func `what is wrong is named and mended`(damage: Damage) async throws {
        let live = try await table()
        try await damage.inflict(live)
        #expect(try await live.findings().sorted() == damage.found.sorted())
        let objects = try await live.keys(live.fixture.sourceBucket)
        let dry = try await live.ask("rebuild-manifests", #"{"dry_run": true}"#)
        #expect(dry.json["needed"]?.bool == true && dry.json["rebuilt"]?.bool == false)
        #expect(try await live.keys(live.fixture.sourceBucket) == objects)
        if damage.isForced {
            let refused = try await live.ask("rebuild-manifests")
            #expect(refused.json["rebuilt"]?.bool == false && refused.json["certain"]?.bool == false)
            #expect(refused.json["lost-files"]?["count"]?.integer == 1)
        }
        let answer = try await live.ask("rebuild-manifests", damage.isForced ? #"{"force": true}"# : "")
        #expect(answer.json["rebuilt"]?.bool == true, "\(answer.json.serializedString())")
        #expect(answer.json["certain"]?.bool == !damage.isForced)
        #expect(try await live.findings() == [])
        #expect(try await live.ids() == damage.ids)
        // Nothing was deleted.
        #expect(Set(objects).isSubset(of: try await live.keys(live.fixture.sourceBucket)))
        let again = try await live.ask("rebuild-manifests")
        #expect(again.json["needed"]?.bool == false)
        try await LiveCatalogTable.appendFresh(live, 100..<110)
        #expect(try await live.ids() == damage.ids + Array(100..<110))
    }

    @Test func `files of commits that never took place are not taken in`() async throws {
        let live = try await table()
        _ = try await live.write(500..<510)
        try await live.delete(try #require(try await live.manifests().last).path)
        let answer = try await live.ask("rebuild-manifests")
        // Two files fit the numbers of one: it cannot be told which of them the table had.
        #expect(answer.json["rebuilt"]?.bool == false)
        #expect(answer.json["doubts"]?.array?.count == 1)
        #expect(try await live.findings("metadata") == ["manifest-missing"])
    }

    @Test func `files of another table are not taken in, whatever the properties say`() async throws {
        let live = try await LiveCatalogTable()
        _ = try await live.write(0..<10)
        let other = try TableIdentifier(live.fixture.namespace, "other")
        try await live.create(other)
        try await live.append(10..<20, to: other)
        let base = try await live.service.loadTable(live.table)
        let forged = try base.file.metadata.applying(
            [.setProperties(["write.data.path": "\(try await live.metadata(other).location)/data"])],
            at: live.service.clock.now())
        let plan = try await TableRebuild(forged, store: live.store, milliseconds: 60_000).plan()
        #expect(plan.described.count == 1)
    }

    @Test func `a removed file does not come back`() async throws {
        let live = try await table()
        let removed = try #require(try await live.newestFile())
        try await live.commit(DeleteFiles(files: [removed]))
        #expect(try await live.ids() == Array(0..<20))
        try await live.delete(try #require(try await live.metadata().currentSnapshot?.manifestList))
        let answer = try await live.ask("rebuild-manifests")
        #expect(answer.json["certain"]?.bool == true)
        #expect(try await live.ids() == Array(0..<20))
    }

    @Test func `a table that is whole is left as it is`() async throws {
        let live = try await table()
        let answer = try await live.ask("rebuild-manifests")
        #expect(answer.json["needed"]?.bool == false && answer.json["rebuilt"]?.bool == false)
        #expect(answer.json["kept-manifests"]?.integer == 3)
    }

    @Test func `a table whose only snapshot is unknown can be listed from its files, when that is wanted`() async throws
    {
        let live = try await LiveCatalogTable()
        _ = try await live.write(0..<10)
        _ = try await live.write(10..<20, type: "click", hour: 2)
        let refused = try await live.ask("rebuild-manifests")
        #expect(refused.json["rebuilt"]?.bool == false && refused.json["needed"]?.bool == true)
        let answer = try await live.ask("rebuild-manifests", #"{"force": true}"#)
        #expect(answer.json["described-files"]?["count"]?.integer == 2)
        #expect(try await live.ids() == Array(0..<20))
        #expect(try await live.findings() == [])
    }
}

extension LiveCatalogTable {
    func newestFile() async throws -> DataFile? {
        guard let snapshot = try await metadata().currentSnapshot else { return nil }
        let entries = try await ScanPlanner(loader: ManifestLoader(store: store)).liveEntries(
            of: snapshot, in: try await metadata())
        return entries.max { ($0.dataSequenceNumber ?? 0) < ($1.dataSequenceNumber ?? 0) }?.file
    }

    /// Appends files behind the back of the commit gate, as the catalog of somebody else would have let it pass.
    func commitUnchecked(_ files: [DataFile]) async throws {
        let base = try await service.loadTable(table)
        let prepared = try await Append(files: files).prepare(
            base: base.file.metadata, loader: ManifestLoader(store: store))
        for object in prepared.objects {
            _ = try await store.put(object.location, object.bytes, condition: .always, contentType: nil)
        }
        let metadata = try base.file.metadata.applying(
            prepared.updates, at: service.clock.now(), previousMetadataFile: base.file.location)
        let file = try await service.files.write(metadata, after: base.file.location)
        let state = try #require(base.head.state.table)
        _ = try await service.registers.advance(
            base.head,
            to: .table(
                TableState(metadataLocation: file.location, tableUUID: state.tableUUID, location: state.location)),
            operation: "commit")
    }
}
