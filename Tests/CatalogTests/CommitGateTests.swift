import Clocks
import IcebergCatalog
import IcebergSpec
import ObjectStore
import Testing

@testable import Catalog

/// What the gate refuses by the request and the metadata alone, at every level.
@Suite struct CommitGateTests {
    let fixture: ServiceFixture
    let request = CatalogService.Request()

    init() throws { fixture = try ServiceFixture() }

    /// The code and message of the refusal; nil when the commit was made.
    private func refusal(of updates: [TableUpdate]) async throws -> CatalogError? {
        let service = try fixture.service(try await fixture.store(tables: [fixture.events]))
        let change = CatalogService.TableChange(identifier: fixture.events, requirements: [], updates: updates)
        do throws(CatalogError) {
            _ = try await service.commit(change, request)
            return nil
        } catch {
            return error
        }
    }

    private func refusal(ofSnapshot change: (inout Snapshot) -> Void) async throws -> CatalogError? {
        var snapshot = Snapshot(
            snapshotID: 7, sequenceNumber: 1, timestampMilliseconds: SystemClock().now().milliseconds,
            manifestList: "s3://analytics-source/analytics/events/metadata/snap-7.avro",
            summary: ["operation": "append"], schemaID: 0)
        change(&snapshot)
        return try await refusal(of: [.addSnapshot(snapshot)])
    }

    @Test func `a snapshot that fits the table is taken`() async throws {
        #expect(try await refusal(ofSnapshot: { _ in }) == nil)
        // As ClickHouse says that there is no parent.
        #expect(try await refusal(ofSnapshot: { $0.parentSnapshotID = -1 }) == nil)
    }

    @Test(arguments: [
        "metadata/snap-7.avro", "/analytics/events/metadata/snap-7.avro", "s3://elsewhere/snap-7.avro",
        "s3://analytics-source/analytics/other/metadata/snap-7.avro", "s3://analytics-source/analytics/events2/x.avro",
        "file:///etc/passwd", "http://169.254.169.254/latest",
    ])
    func `a manifest list outside the table is refused`(path: String) async throws {
        #expect(try await refusal(ofSnapshot: { $0.manifestList = path })?.code == .badRequest)
        let statistics = StatisticsFile(snapshotID: 7, path: path, sizeBytes: 1, footerSizeBytes: 1, blobs: [])
        #expect(try await refusal(of: [.setStatistics(statistics)]) != nil)
    }

    @Test func `a snapshot that does not fit the table is refused with the reason`() async throws {
        let now = SystemClock().now().milliseconds
        #expect(try await refusal(ofSnapshot: { $0.snapshotID = -1 })?.code == .badRequest)
        #expect(try await refusal(ofSnapshot: { $0.schemaID = 9 })?.message.contains("schema 9") == true)
        #expect(try await refusal(ofSnapshot: { $0.summary = [:] })?.message.contains("operation") == true)
        #expect(try await refusal(ofSnapshot: { $0.summary = ["operation": "merge"] })?.code == .badRequest)
        #expect(try await refusal(ofSnapshot: { $0.timestampMilliseconds = now + 3_600_000 })?.code == .badRequest)
        #expect(try await refusal(ofSnapshot: { $0.timestampMilliseconds = .max })?.code == .badRequest)
        // Whoever has seen an older table may succeed on the present one.
        let orphan = try await refusal(ofSnapshot: {
            $0.parentSnapshotID = 3
            $0.sequenceNumber = 2
        })
        #expect(orphan?.code == .commitFailed)
        #expect(orphan?.message.contains("parent 3") == true)
    }

    @Test func `statistics of a snapshot that is not there are refused as a conflict`() async throws {
        let path = "s3://analytics-source/analytics/events/metadata/x.puffin"
        let statistics = StatisticsFile(snapshotID: 7, path: path, sizeBytes: 1, footerSizeBytes: 1, blobs: [])
        #expect(try await refusal(of: [.setStatistics(statistics)])?.code == .commitFailed)
    }

    @Test(arguments: [
        ("commit.retry.num-retries", "many"), ("write.target-file-size-bytes", "512MB"),
        ("write.metadata.compression-codec", "zip"), ("write.parquet.compression-codec", "zstd3"),
        ("schema.name-mapping.default", "{"), ("write.data.path", "s3://elsewhere/x"), ("commit.gate.level", "lax"),
    ])
    func `a property that would stop other engines is refused`(name: String, value: String) async throws {
        let found = try await refusal(of: [.setProperties([name: value])])
        #expect(found?.code == .badRequest)
        #expect(try await refusal(of: [.setProperties(["x." + name: value])]) == nil)
    }
}
