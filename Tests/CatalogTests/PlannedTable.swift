import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore

@testable import Catalog

/// A table of files that nobody wrote: planning looks at manifests only.
struct PlannedTable {
    let store: MemoryObjectStore
    let bucket: BucketName
    let loader: ManifestLoader
    var metadata: TableMetadata
    private var tick: Int64 = 1_700_000_000_000

    init(
        _ schema: Schema? = nil, spec: UnboundPartitionSpec = UnboundPartitionSpec(), formatVersion: Int = 2,
        store: MemoryObjectStore = MemoryObjectStore()
    ) throws {
        self.store = store
        bucket = try BucketName("analytics-catalog")
        loader = ManifestLoader(store: store)
        let fallback = try Schema(fields: [.required(1, "id", .long), .optional(2, "Name", .string)])
        metadata = try TableMetadata.new(
            location: "s3://analytics-source/db/t", schema: schema ?? fallback, spec: spec,
            properties: ["commit.manifest-merge.enabled": "false"], formatVersion: formatVersion, uuid: .random(),
            at: Timestamp(milliseconds: tick))
    }

    /// A replica of the catalog that serves the table.
    func planning(_ catalogStore: MemoryObjectStore? = nil) -> ScanPlanning {
        ScanPlanning(loader: loader, key: SigningKey(store: catalogStore ?? store, bucket: bucket))
    }

    /// A file of rows whose ids are in a range.
    func file(_ name: String, ids: ClosedRange<Int64> = 0...9) -> DataFile {
        var file = DataFile(
            path: "\(metadata.location)/data/\(name).parquet", recordCount: ids.upperBound - ids.lowerBound + 1,
            fileSizeBytes: 1000)
        file.lowerBounds = [1: Datum.long(ids.lowerBound).singleValueBinary]
        file.upperBounds = [1: Datum.long(ids.upperBound).singleValueBinary]
        file.valueCounts = [1: file.recordCount, 2: file.recordCount]
        file.nullValueCounts = [1: 0, 2: file.recordCount]
        return file
    }

    mutating func commit(_ operation: some TableOperation) async throws {
        tick += 1000
        let time = Timestamp(milliseconds: tick)
        let prepared = try await operation.prepare(
            base: metadata, loader: loader, random: SystemRandom(), now: time)
        for object in prepared.objects {
            _ = try await store.put(object.location, object.bytes, condition: .always, contentType: nil)
        }
        metadata = try metadata.applying(prepared.updates, at: time)
    }

    mutating func append(_ files: [DataFile]) async throws { try await commit(Append(files: files)) }

    /// Commits of so many files each, named by commit and number.
    mutating func append(commits: Int, of count: Int) async throws {
        for commit in 0..<commits {
            try await append((0..<count).map { file("\(commit)-\($0)", ids: Int64($0)...Int64($0)) })
        }
    }

    mutating func removeSnapshots(_ ids: [Int64]) throws {
        tick += 1000
        metadata = try metadata.applying([.removeSnapshots(ids)], at: Timestamp(milliseconds: tick))
    }

    func request(_ body: String) throws -> ScanRequest {
        try ScanRequest(JSONCursor(try JSONValue.parse(body)), of: metadata)
    }

    func plan(_ body: String = "{}") async throws -> (id: String, answer: ScanPlanning.Answer) {
        try await planning().plan(try request(body), of: metadata)
    }

    func json(_ answer: ScanPlanning.Answer) throws -> JSONValue {
        .object(try ScanTasksJSON(answer: answer, metadata: metadata).members())
    }

    /// Names of the files of a whole plan, each answer by a replica of its own.
    func names(_ answer: ScanPlanning.Answer) async throws -> [String] {
        var names: [String] = []
        var answers = [answer]
        while let next = answers.popLast() {
            names += next.files.map { $0.file.path.split(separator: "/").last.map { String($0.dropLast(8)) } ?? "" }
            for task in next.planTasks { answers.append(try await planning().tasks(task, of: metadata)) }
        }
        return names.sorted()
    }
}
