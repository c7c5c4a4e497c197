import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat

/// Looks at one data or delete file.
struct FileValidator: Sendable {
    typealias Found = (TableFinding.Code, String, String)

    let metadata: TableMetadata
    let store: any ObjectStore
    let level: ValidationLevel

    /// Whether files of its format are looked into.
    static func opens(_ file: DataFile) -> Bool { file.format == .parquet || file.isDeletionVector }

    func findings(_ file: DataFile) async -> [Found] {
        var found: [Found] = []
        let size: Int64
        do throws(ObjectStoreError) {
            guard let info = try await store.head(try store.location(of: file.path)) else {
                return [(.fileMissing, file.path, "there is no such file; it is said to hold \(file.recordCount) rows")]
            }
            size = info.size
        } catch {
            return [(TableFinding.code(of: error, missing: .fileMissing), file.path, error.message)]
        }
        if size != file.fileSizeBytes {
            found.append((.fileSize, file.path, "the manifest says \(file.fileSizeBytes) bytes; it has \(size)"))
        }
        guard level >= .footers, Self.opens(file) else { return found }
        do throws(DataError) {
            if file.isDeletionVector {
                _ = try await PositionDeletes.deletionVector(file, store: store)
            } else {
                found += try await look(into: file, size: size)
            }
        } catch {
            found.append((Self.code(error), file.path, error.description))
        }
        return found
    }

    private static func code(_ error: DataError) -> TableFinding.Code {
        switch error.code {
        case .missing: .fileMissing
        case .store: .unread
        case .malformed, .tooLarge, .unsupported, .invalid: .fileDamaged
        }
    }

    private func look(into file: DataFile, size: Int64) async throws(DataError) -> [Found] {
        let parquet = try await StoredParquetFile(file.path, size: size, store: store)
        var found: [Found] = []
        let rows = parquet.metadata.rowCount
        if rows != file.recordCount {
            found.append((.recordCount, file.path, "the manifest says \(file.recordCount) rows; it has \(rows)"))
        }
        let groups = parquet.metadata.rowGroups.reduce(Int64(0)) { $0 &+ $1.rowCount }
        if groups != rows {
            found.append((.fileDamaged, file.path, "its footer says \(rows) rows, its row groups have \(groups)"))
        }
        if file.content == .data, let problem = columnProblem(parquet, file) {
            found.append((.columns, file.path, problem))
        }
        if level >= .statistics, file.content == .data {
            found += StatisticsComparison(metadata: metadata, file: file, footer: parquet.metadata, size: size).findings
        }
        if level >= .checksums { found += try await checksums(parquet) }
        return found
    }

    /// Why the table's columns cannot be read from the file.
    private func columnProblem(_ parquet: StoredParquetFile, _ file: DataFile) -> String? {
        do {
            let names = try metadata.nameMapping()
            let hasIDs = ParquetField.fields(of: parquet.metadata.schema).contains { $0.hasIDs }
            guard hasIDs || names != nil else {
                return "its columns have no field ids, and the table has no name mapping: they are read as null"
            }
            _ = try BatchReader(
                parquet, fields: metadata.currentSchema.fields, names: names,
                partitionValues: identityValues(of: file))
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func identityValues(of file: DataFile) -> [Int: Datum?] {
        var values: [Int: Datum?] = [:]
        let fields = metadata.partitionSpec(id: file.specID)?.fields ?? []
        for (field, value) in zip(fields, file.partition) where field.transform == .identity {
            values[field.sourceID] = .some(value)
        }
        return values
    }

    private func checksums(_ parquet: StoredParquetFile) async throws(DataError) -> [Found] {
        var found: [Found] = []
        for group in parquet.metadata.rowGroups.indices {
            for leaf in parquet.metadata.schema.leaves {
                let range: Range<Int64>
                do throws(ParquetError) {
                    range = try parquet.metadata.columnChunkRange(rowGroup: group, leaf: leaf.index)
                } catch {
                    throw DataError(error).within(parquet.uri)
                }
                guard Int64(range.count) <= ValidationLimits.chunkBytesMax else {
                    throw DataError(.tooLarge, at: parquet.uri, "a column chunk of \(range.count) bytes")
                }
                let bytes = try await parquet.file.read(range)
                var (wrong, unproved) = (0, 0)
                do throws(ParquetError) {
                    try parquet.metadata.forEachPage(of: bytes, rowGroup: group, leaf: leaf.index) { page in
                        switch page.isChecksumRight {
                        case false?: wrong += 1
                        case nil: unproved += 1
                        case true?: break
                        }
                    }
                } catch {
                    throw DataError(error).within(parquet.uri)
                }
                // Pages without a checksum are at least decompressed and decoded.
                if unproved > 0 { _ = try await parquet.read(rowGroup: group, leaves: [leaf.index]) }
                if wrong > 0 {
                    found.append(
                        (.checksum, parquet.uri, "row group \(group), column \(leaf.name): \(wrong) damaged pages"))
                }
            }
        }
        return found
    }
}
