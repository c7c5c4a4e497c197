import Clocks
import Foundation
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore

/// Tables of other implementations, outside the repository: the directory `iceberg` of `ANALYTICS_CORPORA`.
enum TableCorpus {
    static let root: URL? = {
        guard let corpora = ProcessInfo.processInfo.environment["ANALYTICS_CORPORA"] else { return nil }
        let url = URL(filePath: corpora).appending(path: "iceberg")
        return FileManager.default.fileExists(atPath: url.path) ? url : nil
    }()

    /// What a skipped test says.
    static let missing = "ANALYTICS_CORPORA names no directory of foreign files"

    struct Entry: Sendable {
        let table: String
        let metadataFile: String
        let isComplete: Bool
        let formats: Set<String>
        let expected: String?
    }

    static func entries() throws -> [Entry] {
        let index = try json("index-open.json").array ?? []
        return index.map { entry in
            Entry(
                table: entry["table"]?.string ?? "", metadataFile: entry["current_metadata"]?.string ?? "",
                isComplete: entry["complete"]?.bool ?? false,
                formats: Set(entry["file_formats"]?.array?.compactMap(\.string) ?? []),
                expected: entry["expected"]?.string)
        }
    }

    static func json(_ path: String) throws -> JSONValue {
        try JSONValue.parse(try bytes(path))
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        guard let root else { throw CocoaError(.fileNoSuchFile) }
        return [UInt8](try Data(contentsOf: root.appending(path: path)))
    }
}

/// The files of one table of the corpus, under the names its metadata has for them: the location the table once had is
/// cut off, or whatever else stands before a path that exists in its directory, or in that of its repository.
struct RelocatedStore: ObjectStore {
    private static let bucket = "corpus"
    private let directory: URL
    private let table: String
    private let files: Set<String>
    private let tableLocation: String

    init(table: String, tableLocation: String) throws {
        guard let root = TableCorpus.root else { throw CocoaError(.fileNoSuchFile) }
        let parts = table.split(separator: "/", maxSplits: 1)
        directory = root.appending(path: "tables/\(parts[0])")
        self.table = String(parts[1])
        self.tableLocation = tableLocation
        let walker = FileManager.default.enumerator(atPath: directory.path)
        files = Set((walker?.compactMap { $0 as? String } ?? []))
    }

    func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation {
        var path = uri[...]
        if uri.hasPrefix(tableLocation + "/") { path = uri.dropFirst(tableLocation.count + 1) }
        let suffixes = [path] + path.indices.filter { path[$0] == "/" }.map { path[path.index(after: $0)...] }
        for candidate in suffixes.map({ "\(table)/\($0)" }) + suffixes.map(String.init) where files.contains(candidate)
        {
            return ObjectLocation(bucket: try BucketName(Self.bucket), key: try ObjectKey(candidate))
        }
        throw ObjectStoreError(.invalidName, "no file of the table fits \(uri)")
    }

    func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        guard let data = FileManager.default.contents(atPath: directory.appending(path: location.key.rawValue).path)
        else { throw ObjectStoreError(.notFound, "\(location)") }
        let wanted = range?.clamped(to: 0..<Int64(data.count)) ?? 0..<Int64(data.count)
        return StoredObject(bytes: [UInt8](data[Int(wanted.lowerBound)..<Int(wanted.upperBound)]), etag: "")
    }

    func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        let size = try await get(location, range: nil).bytes.count
        return ObjectInfo(
            key: location.key, size: Int64(size), etag: "", lastModified: Timestamp(microseconds: 0))
    }

    func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        throw ObjectStoreError(.accessDenied, "the corpus is read only")
    }

    func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        ObjectPage(objects: [], commonPrefixes: [], next: nil)
    }

    func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {}

    func uri(of location: ObjectLocation) -> String { location.description }
}
