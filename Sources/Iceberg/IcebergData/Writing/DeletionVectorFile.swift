import Bitmaps
import IcebergSpec
import PuffinFormat

/// Deletion vectors of some data files in one Puffin file (specification: "Deletion Vectors"; version 3).
///
/// A vector holds every deleted position of its data file: those of an older vector, which the commit removes, as well.
public struct DeletionVectorFile: Sendable {
    struct Vector {
        let positions: Bitmap64
        let dataFile: DataFile
    }

    private var vectors: [Vector] = []

    public init() {}

    public var isEmpty: Bool { vectors.isEmpty }

    /// - Parameter dataFile: as the manifests describe it; its spec and partition become those of the vector.
    /// - Throws: `.invalid` for no position, a position beyond the file's last row, or a file given twice.
    public mutating func append(_ positions: Bitmap64, of dataFile: DataFile) throws(DataError) {
        guard let last = positions.last, last < UInt64(max(0, dataFile.recordCount)) else {
            throw DataError(
                .invalid, at: "deletion vector of \(dataFile.path)",
                positions.isEmpty ? "no positions" : "a position beyond its \(dataFile.recordCount) rows")
        }
        guard !vectors.contains(where: { $0.dataFile.path == dataFile.path }) else {
            throw DataError(.invalid, at: "deletion vector of \(dataFile.path)", "the file has one already")
        }
        vectors.append(Vector(positions: positions, dataFile: dataFile))
    }

    /// One file, and one entry for each vector, all with the path of that file.
    ///
    /// - Throws: `.invalid` when there is no vector.
    public func encode(
        places: inout FilePlaces, createdBy: String = "analytics version 1.0.0"
    ) throws(DataError) -> [WrittenFile] {
        guard !vectors.isEmpty else { throw DataError(.invalid, at: "deletion vectors", "there is none") }
        let path = places.next(.unpartitioned, [], suffix: "-deletes.puffin")
        do throws(PuffinError) {
            var writer = PuffinWriter(properties: [PuffinProperty.createdBy: createdBy])
            var blobs: [PuffinBlobMetadata] = []
            for vector in vectors {
                blobs.append(try writer.append(deletionVector: vector.positions, of: vector.dataFile.path))
            }
            let bytes = try writer.finish().bytes
            return zip(vectors, blobs).map { vector, blob in
                WrittenFile(bytes: bytes, file: vector.entry(path, blob, fileSizeBytes: Int64(bytes.count)))
            }
        } catch {
            throw DataError(.invalid, at: error.place, error.message)
        }
    }
}

extension DeletionVectorFile.Vector {
    func entry(_ path: String, _ blob: PuffinBlobMetadata, fileSizeBytes: Int64) -> DataFile {
        var file = DataFile(
            content: .positionDeletes, path: path, format: .puffin, specID: dataFile.specID,
            partition: dataFile.partition, recordCount: Int64(positions.count), fileSizeBytes: fileSizeBytes)
        file.referencedDataFile = dataFile.path
        file.contentOffset = blob.offset
        file.contentSizeBytes = blob.length
        return file
    }
}
