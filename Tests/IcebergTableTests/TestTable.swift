import Clocks
import IcebergSpec
import ObjectStore
import Synchronization

@testable import IcebergTable

/// The same numbers for the same seed.
final class SeededRandom: RandomSource {
    private let state: Mutex<UInt64>
    init(_ seed: UInt64) { state = Mutex(seed) }

    func next() -> UInt64 {
        state.withLock { state in
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
            return z ^ z >> 31
        }
    }
}

/// A table in a store, changed by prepared commits as a catalog would.
struct TestTable {
    let store: any ObjectStore
    let loader: ManifestLoader
    let random = SeededRandom(7)
    var metadata: TableMetadata
    private(set) var tick: Int64 = 1_700_000_000_000

    static let hour: Int64 = 3_600_000_000

    init(
        store: any ObjectStore = MemoryObjectStore(), location: String = "s3://events/analytics/events",
        partitioned: Bool = true, formatVersion: Int = 2, properties: [String: String] = [:]
    ) throws {
        self.store = store
        loader = ManifestLoader(store: store)
        let schema = try Schema(fields: [
            .required(1, "id", .string), .required(2, "type", .string), .required(3, "time", .timestamptz),
            .optional(4, "amount", .double), .optional(5, "tags", .list(elementID: 6, .string)),
        ])
        let spec = UnboundPartitionSpec(
            fields: partitioned
                ? [
                    .init(sourceID: 2, name: "type", transform: .identity),
                    .init(sourceID: 3, name: "time_hour", transform: .hour),
                ] : [])
        metadata = try TableMetadata.new(
            location: location, schema: schema, spec: spec, properties: properties, formatVersion: formatVersion,
            uuid: UUID(high: 1, low: 2), at: Timestamp(milliseconds: tick))
    }

    /// A data file of rows of one type within one hour, with the bounds that such rows have.
    func file(_ name: String, type: String = "page.view", hour: Int32 = 0, rows: Int64 = 10) -> DataFile {
        var file = DataFile(
            path: "\(metadata.location)/data/\(name).parquet", specID: metadata.defaultSpecID,
            partition: metadata.defaultSpec.fields.isEmpty ? [] : [.string(type), .int(hour)], recordCount: rows,
            fileSizeBytes: rows * 100)
        file.valueCounts = [1: rows, 2: rows, 3: rows, 4: rows]
        file.nullValueCounts = [1: 0, 2: 0, 3: 0, 4: rows]
        let start = Int64(hour) * Self.hour
        file.lowerBounds = [
            1: Array("\(name)-0".utf8), 2: Array(type.utf8), 3: Datum.timestamptz(start).singleValueBinary,
        ]
        file.upperBounds = [
            1: Array("\(name)-9".utf8), 2: Array(type.utf8),
            3: Datum.timestamptz(start + Self.hour / 2).singleValueBinary,
        ]
        return file
    }

    mutating func now() -> Timestamp {
        tick += 1000
        return Timestamp(milliseconds: tick)
    }

    mutating func wait(_ milliseconds: Int64) { tick += milliseconds }

    /// Puts the objects and makes the change, refusing it as a catalog would.
    mutating func commit(_ commit: PreparedCommit) async throws {
        for object in commit.objects {
            let outcome = try await store.putIfAbsentProved(object.location, object.bytes)
            guard outcome == .stored else { throw TableError(.invalid, "the object \(object.location) is not new") }
        }
        for requirement in commit.requirements { try requirement.check(against: metadata) }
        metadata = try metadata.applying(commit.updates, at: now())
    }

    @discardableResult
    mutating func append(_ files: DataFile...) async throws -> PreparedCommit {
        let prepared = try await Append(files: files).prepare(
            base: metadata, loader: loader, random: random, now: now())
        try await commit(prepared)
        return prepared
    }

    /// Read back from the store, not from the cache.
    func manifests() async throws -> [ManifestFile] {
        guard let snapshot = metadata.currentSnapshot else { return [] }
        return try await ManifestLoader(store: store).manifests(of: snapshot)
    }

    func liveEntries() async throws -> [ManifestEntry] {
        guard let snapshot = metadata.currentSnapshot else { return [] }
        return try await ScanPlanner(loader: ManifestLoader(store: store)).liveEntries(of: snapshot, in: metadata)
    }

    func livePaths() async throws -> [String] {
        try await liveEntries().map { String($0.file.path.split(separator: "/").last ?? "") }.sorted()
    }
}
