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

    @Test func `a commit adds a bounded number of schemas, specs and orders`() async throws {
        func schemas(_ count: Int) throws -> [TableUpdate] {
            try (0..<count).map { number in
                .addSchema(try Schema(fields: [NestedField.optional(1, "c\(number)", .long)]))
            }
        }
        let most = CatalogLimits.definitionsPerCommitMax
        #expect(try await refusal(of: try schemas(most)) == nil)
        let error = try await refusal(of: try schemas(most) + [.addSortOrder(.unsorted)])
        #expect(error?.code == .badRequest)
        #expect(error?.message.contains("at most \(most)") == true)
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
        ("write.metadata.previous-versions-max", "0"), ("write.metadata.previous-versions-max", "-1"),
        ("write.target-file-size-bytes", "0"), ("history.expire.min-snapshots-to-keep", "0"),
        ("commit.retry.num-retries", "-1"), ("read.split.target-size", "9223372036854775808"),
    ])
    func `a property that would stop other engines is refused`(name: String, value: String) async throws {
        let found = try await refusal(of: [.setProperties([name: value])])
        #expect(found?.code == .badRequest)
        #expect(try await refusal(of: [.setProperties(["x." + name: value])]) == nil)
    }

    @Test func `a number that a property cannot have is refused with those that it can`() async throws {
        let found = try await refusal(of: [.setProperties(["write.metadata.previous-versions-max": "0"])])
        #expect(found?.message.contains("from 1 to 9223372036854775807") == true)
        #expect(try await refusal(of: [.setProperties(["write.metadata.previous-versions-max": "1"])]) == nil)
    }

    // MARK: - Schemas

    private func schema(_ fields: NestedField...) throws -> TableUpdate {
        .addSchema(try Schema(id: 1, fields: fields))
    }

    @Test func `ids of metadata columns are refused, the one below them is not`() async throws {
        let id = NestedField.required(1, "id", .string)
        for reserved in [2_147_483_448, 2_147_483_540, 2_147_483_647] {
            let found = try await refusal(of: [try schema(id, .optional(reserved, "_row_id", .long))])
            #expect(found?.code == .badRequest)
            #expect(found?.message.contains("up to 2147483447") == true)
        }
        let nested = IcebergType.structure([.optional(2_147_483_646, "_file", .string)])
        #expect(try await refusal(of: [try schema(id, .optional(2, "s", nested))])?.code == .badRequest)
        #expect(try await refusal(of: [try schema(id, .optional(2_147_483_447, "last", .long))]) == nil)
    }

    @Test func `a column without a name is refused, at any depth`() async throws {
        let id = NestedField.required(1, "id", .string)
        #expect(try await refusal(of: [try schema(id, .optional(2, "", .long))])?.message.contains("id 2") == true)
        let nested = IcebergType.structure([.optional(3, "", .string)])
        let found = try await refusal(of: [try schema(id, .optional(2, "s", nested))])
        #expect(found?.message.contains("in \"s\"") == true)
    }

    @Test func `names that differ in case are two columns, the same name twice is refused`() async throws {
        let id = NestedField.required(1, "id", .string)
        #expect(try await refusal(of: [try schema(id, .optional(2, "ID", .long))]) == nil)
        #expect(throws: IcebergError.self) { try schema(id, .optional(2, "id", .long)) }
    }

    @Test func `a new table gets its own ids, whatever was asked for, and no column without a name`() async throws {
        let service = try fixture.service(try await fixture.store())
        let high = try Schema(fields: [.required(2_147_483_540, "id", .string)])
        let creation = CatalogService.Creation(creation: TableCreation(schema: high), isStaged: false)
        let made = try await service.createTable(fixture.events, creation, request)
        #expect(made.metadata.currentSchema.fields.map(\.id) == [1])
        let nameless = CatalogService.Creation(
            creation: TableCreation(schema: try Schema(fields: [.required(1, "", .string)])), isStaged: false)
        await #expect {
            _ = try await service.createTable(try TableIdentifier(fixture.namespace, "t2"), nameless, request)
        } throws: {
            ($0 as? CatalogError)?.code == .badRequest
        }
    }
}
