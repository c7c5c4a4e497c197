import HTTP
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat

/// `GET …/files?min_size=&max_size=&partition=`: the live data files of the current snapshot.
extension CatalogHarness {
    static let filesMax = 10_000

    func files(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let smallest = try Self.size("min_size", call, default: 0)
        let largest = try Self.size("max_size", call, default: .max)
        guard smallest <= largest else { throw CatalogError(.badRequest, "min_size is above max_size") }
        let sizes = smallest...largest
        let partition = call.request.parameter("partition")
        let metadata = try await service.loadTable(try call.table()).file.metadata
        let plan: ScanPlan
        do {
            plan = try await ScanPlanner(loader: loader).plan(metadata)
        } catch {
            throw CatalogError(reading: error)
        }
        var listed: [JSONValue] = []
        var count = 0
        for file in plan.files.map(\.file) where sizes.contains(file.fileSizeBytes) {
            let path = metadata.partitionSpec(id: file.specID)?.path(of: file.partition) ?? ""
            guard partition == nil || partition == path else { continue }
            count += 1
            guard listed.count < Self.filesMax else { continue }
            listed.append([
                "file_path": .string(file.path), "file_size_in_bytes": JSONValue(file.fileSizeBytes),
                "record_count": JSONValue(file.recordCount), "spec_id": JSONValue(file.specID),
                "partition": .string(path),
            ])
        }
        return CatalogReply.json([
            "snapshot_id": plan.snapshot.map { JSONValue($0.snapshotID) } ?? .null, "total": JSONValue(count),
            "truncated": .bool(count > listed.count), "files": .array(listed),
        ])
    }

    private static func size(
        _ name: String, _ call: CatalogCall, default fallback: Int64
    ) throws(CatalogError) -> Int64 {
        guard let text = call.request.parameter(name), !text.isEmpty else { return fallback }
        guard let bytes = Int64(text), bytes >= 0 else {
            throw CatalogError(.badRequest, "\(name) must be a whole number of bytes, not \"\(text.prefix(20))\"")
        }
        return bytes
    }
}
