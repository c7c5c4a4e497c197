import Bitmaps
import IcebergSpec
import ObjectStore
import ParquetFormat
import PuffinFormat

/// The rows that one position delete file deletes, by data file (specification: "Position Delete Files").
struct PositionDeletes: Sendable {
    /// By data file, as `key(of:in:)` names it.
    let positions: [String: Bitmap64]
    let byteCount: Int

    static let pathField = NestedField.required(ReservedFieldID.deleteFilePath, "file_path", .string)
    static let positionField = NestedField.required(ReservedFieldID.deletePosition, "pos", .long)

    /// One name for all URIs that the store takes for the same object, such as `s3://` and `s3a://`.
    static func key(of uri: String, in store: any ObjectStore) -> String {
        do throws(ObjectStoreError) {
            return try store.location(of: uri).description
        } catch {
            // Not a name of this store: then only the very same text means the same file.
            return uri
        }
    }

    init(_ delete: DataFile, store: any ObjectStore) async throws(DataError) {
        try delete.checkIsRead()
        let file = try await StoredParquetFile(delete.path, size: delete.fileSizeBytes, store: store)
        let fields = [Self.pathField, Self.positionField]
        let reader = try BatchReader(file, fields: fields, names: Self.names)
        var found: [String: Bitmap64] = [:]
        for rowGroup in file.metadata.rowGroups.indices {
            let batch = try await reader.batch(rowGroup: rowGroup)
            try Self.collect(batch, &found, file.uri, store)
        }
        positions = found
        byteCount = found.reduce(0) { $0 + $1.key.utf8.count + $1.value.count * 2 + 200 }
    }

    /// For files whose columns have no ids.
    private static var names: NameMapping? {
        do {
            return NameMapping(schema: try Schema(fields: [pathField, positionField]))
        } catch {
            return nil
        }
    }

    private static func collect(
        _ batch: ColumnBatch, _ found: inout [String: Bitmap64], _ uri: String, _ store: any ObjectStore
    ) throws(DataError) {
        guard case .bytes(let paths) = batch.columns[0].values, case .long(let positions) = batch.columns[1].values,
            batch.columns.allSatisfy({ $0.nullCount == 0 })
        else { throw DataError(.malformed, at: uri, "a path or position of a deleted row is null") }
        guard positions.allSatisfy({ $0 >= 0 }) else {
            throw DataError(.malformed, at: uri, "a negative position of a deleted row")
        }
        // Rows are sorted by path: one lookup for each run of rows of one data file.
        var row = 0
        while row < positions.count {
            let path = paths[row]
            var end = row + 1
            while end < positions.count, paths[end].elementsEqual(path) { end += 1 }
            let key = key(of: String(decoding: path, as: UTF8.self), in: store)
            var bitmap = found.removeValue(forKey: key) ?? Bitmap64()
            for position in positions[row..<end] { bitmap.insert(UInt64(position)) }
            found[key] = bitmap
            row = end
        }
    }

    /// The positions a deletion vector holds (specification: "Deletion Vectors").
    static func deletionVector(_ delete: DataFile, store: any ObjectStore) async throws(DataError) -> Bitmap64 {
        guard let offset = delete.contentOffset, let length = delete.contentSizeBytes, offset >= 0, length >= 0,
            length <= DataLimits.deleteFileBytesMax, offset <= Int64.max - length
        else {
            throw DataError(
                .malformed, at: delete.path, "a deletion vector whose offset or size is missing or out of range")
        }
        let file = StoredFile(uri: delete.path, size: delete.fileSizeBytes, store: store)
        let blob = try await file.read(offset..<(offset + length))
        do {
            return try DeletionVector.decode(blob, cardinality: delete.recordCount)
        } catch {
            throw DataError(error).within(delete.path)
        }
    }
}

extension DataFile {
    /// - Throws: `.unsupported` for formats whose rows are not read, `.tooLarge`.
    func checkIsRead() throws(DataError) {
        let what = content == .data ? "data files" : "delete files"
        guard format == .parquet else {
            throw DataError(.unsupported, at: path, "\(format.rawValue) \(what) are not read: only Parquet is")
        }
        guard content == .data || fileSizeBytes <= DataLimits.deleteFileBytesMax else {
            throw DataError(
                .tooLarge, at: path, "\(fileSizeBytes) bytes, \(DataLimits.deleteFileBytesMax) allowed in delete files")
        }
    }
}

extension DataError {
    init(_ error: PuffinError) {
        let code: Code =
            switch error.code {
            case .corrupt: .malformed
            case .tooLarge: .tooLarge
            case .unsupported: .unsupported
            case .invalidArgument: .invalid
            }
        self.init(code, at: error.place, error.message)
    }
}
