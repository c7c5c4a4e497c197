import Clocks
import IcebergSpec

/// Where new files of a table go: `<data folder>/<partition path>/<number>-<random id>.parquet`.
///
/// The folder is the table's property `write.data.path`, or `data` below its location. A partition with a long path goes
/// without it: readers do not look at paths, and stores limit them.
public struct FilePlaces: Sendable {
    private static let partitionBytesMax = 512

    private let folder: String
    private let id: UUID
    private var count = 0

    public init(_ metadata: TableMetadata, random: any RandomSource = SystemRandom()) {
        var folder = metadata.properties["write.data.path"] ?? "\(metadata.location)/data"
        while folder.hasSuffix("/") { folder.removeLast() }
        self.folder = folder
        id = UUID.random(random)
    }

    /// A URI that no other file has.
    mutating func next(_ spec: PartitionSpec, _ partition: [Datum?], suffix: String) -> String {
        count += 1
        let path = spec.path(of: partition)
        let number = String(count)
        let name = String(repeating: "0", count: max(0, 5 - number.utf8.count)) + "\(number)-\(id)\(suffix)"
        guard (1...Self.partitionBytesMax).contains(path.utf8.count) else { return "\(folder)/\(name)" }
        return "\(folder)/\(path)/\(name)"
    }
}

/// A file that is complete in memory: put `bytes` at `file.path` before a commit lists it.
public struct WrittenFile: Sendable {
    public let bytes: [UInt8]
    public let file: DataFile

    public init(bytes: [UInt8], file: DataFile) {
        self.bytes = bytes
        self.file = file
    }
}
