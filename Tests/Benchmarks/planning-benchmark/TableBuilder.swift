import Bytes
import Clocks
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore

/// A table shaped as one of events: 22 columns with all their counts and bounds, partitioned by type and hour. Ten
/// commits fall into each hour.
struct TableBuilder {
    let root: String
    let commits: Int
    let filesPerCommit: Int
    let merges: Bool

    static let commitsPerHour = 10
    static let firstHour: Int32 = 480_000
    static let types = (0..<8).map { "com.example.event.type.\($0)" }

    func run() async throws -> JSONValue {
        let store = try LocalObjectStore(root: root)
        let location = try ObjectLocation(bucket: BucketName("events"), key: ObjectKey("table/metadata/x"))
        let uri = store.uri(of: location)
        let loader = ManifestLoader(store: store)
        var table = try TableMetadata.new(
            location: String(uri.dropLast("/metadata/x".utf8.count)), schema: Self.schema(), spec: Self.spec,
            properties: ["commit.manifest-merge.enabled": merges ? "true" : "false"],
            uuid: UUID.random(SystemRandom()), at: SystemClock().now())
        var milliseconds: [Double] = []
        for commit in 0..<commits {
            let files = (0..<filesPerCommit).map { file(commit, $0, table) }
            let clock = ContinuousClock()
            let start = clock.now
            let prepared = try await Append(files: files).prepare(base: table, loader: loader)
            milliseconds.append((clock.now - start) / .milliseconds(1))
            for object in prepared.objects {
                _ = try await store.put(object.location, object.bytes, condition: .always, contentType: nil)
            }
            table = try table.applying(prepared.updates, at: SystemClock().now())
        }
        let path = try store.location(of: "\(table.location)/metadata/00001-benchmark.metadata.json")
        _ = try await store.put(path, try TableMetadataFile.encode(table), condition: .always, contentType: nil)
        var manifests = 0
        if let snapshot = table.currentSnapshot { manifests = try await loader.manifests(of: snapshot).count }
        return [
            "metadata": .string(store.uri(of: path)), "manifests": JSONValue(manifests),
            "prepare_first_ms": .double(Statistics.median(Array(milliseconds.prefix(100)))),
            "prepare_last_ms": .double(Statistics.median(Array(milliseconds.suffix(100)))),
            "prepare_mean_ms": .double(milliseconds.reduce(0, +) / Double(max(1, milliseconds.count))),
            "prepare_max_ms": .double(milliseconds.max() ?? 0),
        ]
    }

    static func schema() throws -> Schema {
        var fields: [NestedField] = [
            .required(1, "id", .string), .required(2, "type", .string), .required(3, "time", .timestamptz),
            .required(4, "source", .string), .optional(5, "subject", .string), .optional(6, "user_id", .string),
        ]
        for id in 7...14 { fields.append(.optional(id, "text_\(id)", .string)) }
        for id in 15...18 { fields.append(.optional(id, "number_\(id)", .double)) }
        for id in 19...22 { fields.append(.optional(id, "count_\(id)", .long)) }
        return try Schema(fields: fields)
    }

    static let spec = UnboundPartitionSpec(fields: [
        .init(sourceID: 2, name: "type", transform: .identity), .init(sourceID: 3, name: "time_hour", transform: .hour),
    ])

    private func file(_ commit: Int, _ index: Int, _ table: TableMetadata) -> DataFile {
        let hour = Self.firstHour + Int32(commit / Self.commitsPerHour)
        let type = Self.types[(commit * filesPerCommit + index) % Self.types.count]
        let name = "\(commit)-\(index)-\(String(UInt64(commit) &* 0x9E37_79B9_7F4A_7C15, radix: 16))"
        var file = DataFile(
            path: "\(table.location)/data/type=\(type)/time_hour=\(hour)/\(name).parquet", specID: table.defaultSpecID,
            partition: [.string(type), .int(hour)], recordCount: 10_000, fileSizeBytes: 740_000)
        let start = Int64(hour) * 3_600_000_000 + Int64(commit % Self.commitsPerHour) * 360_000_000
        for id in 1...22 {
            file.columnSizes[id] = Int64(1000 + id * 977 + commit)
            file.valueCounts[id] = 10_000
            file.nullValueCounts[id] = id < 5 ? 0 : Int64(commit % 97)
            let (lower, upper) = bounds(id, type, start, commit)
            file.lowerBounds[id] = lower.singleValueBinary
            file.upperBounds[id] = upper.singleValueBinary
        }
        for id in 15...18 { file.nanValueCounts[id] = 0 }
        file.splitOffsets = [4]
        return file
    }

    private func bounds(_ id: Int, _ type: String, _ start: Int64, _ commit: Int) -> (Datum, Datum) {
        switch id {
        case 2: return (.string(type), .string(type))
        case 3: return (.timestamptz(start), .timestamptz(start + 359_999_999))
        case 15...18: return (.double(Double(commit)), .double(Double(commit) + 1000.5))
        case 19...22: return (.long(Int64(commit)), .long(Int64(commit) + 1_000_000))
        default: return (.string("aaaa\(commit)-\(id)-lower"), .string("zzzz\(commit)-\(id)-upper"))
        }
    }
}

enum Statistics {
    static func median(_ values: [Double]) -> Double {
        guard !values.isEmpty else { return 0 }
        let sorted = values.sorted()
        return sorted.count % 2 == 1
            ? sorted[sorted.count / 2] : (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2
    }
}
