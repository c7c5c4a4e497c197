import Bytes
import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat

/// Describes data files for a manifest by their footers alone: sizes, counts, bounds, partition.
struct FileDescription: Sendable {
    let metadata: TableMetadata
    let store: any ObjectStore
    /// Of a table whose files have no field ids.
    let names: NameMapping?

    enum Outcome: Sendable {
        case data(DataFile)
        /// A file of position deletes: what it applies to is not in its footer.
        case deletes
        /// Why it cannot be listed.
        case undecided(String)
    }

    /// A file of which no manifest says anything.
    func describe(_ uri: String, size: Int64) async throws(DataError) -> Outcome {
        let footer: FileMetadata
        do throws(DataError) {
            footer = try await StoredParquetFile(uri, size: size, store: store).metadata
        } catch {
            guard error.code != .store else { throw error }
            return .undecided(error.description)
        }
        if footer.schema.leaf(fieldID: Int32(ReservedFieldID.deleteFilePath)) != nil { return .deletes }
        let fields = ParquetField.fields(of: footer.schema)
        guard fields.contains(where: { $0.hasIDs }) || names != nil else {
            return .undecided("its columns have no field ids, and the table has no name mapping")
        }
        let known = Set(metadata.schemas.flatMap { $0.fields.map(\.id) })
        let ids =
            names == nil
            ? fields.compactMap(\.id) : fields.compactMap { names?.field(named: $0.name)?.fieldID ?? $0.id }
        guard ids.contains(where: { known.contains($0) }) else {
            return .undecided("none of its columns is one of the table's")
        }
        for spec in [metadata.defaultSpec] + metadata.partitionSpecs.reversed() {
            if let partition = partition(of: footer, uri, size, spec) {
                return .data(make(footer, uri, size, spec, partition))
            }
        }
        return .undecided(
            "its rows are in several partitions, or it does not say in which, and every spec has partitions")
    }

    /// The same file with what its footer says.
    func refreshed(_ file: DataFile, size: Int64) async throws(DataError) -> DataFile {
        let footer = try await StoredParquetFile(file.path, size: size, store: store).metadata
        let spec = metadata.partitionSpec(id: file.specID) ?? .unpartitioned
        let inferred = PartitionInference(metadata: metadata, file: make(footer, file.path, size, spec, [], .full))
        var partition = file.partition
        for (index, field) in spec.fields.enumerated() where index < partition.count {
            if case .known(let value) = inferred.value(of: field) { partition[index] = value }
        }
        var fresh = make(footer, file.path, size, spec, partition)
        fresh.sortOrderID = file.sortOrderID
        fresh.firstRowID = file.firstRowID
        fresh.content = file.content
        fresh.equalityIDs = file.equalityIDs
        fresh.referencedDataFile = file.referencedDataFile
        return fresh
    }

    private func make(
        _ footer: FileMetadata, _ uri: String, _ size: Int64, _ spec: PartitionSpec, _ partition: [Datum?],
        _ mode: MetricsMode? = nil
    ) -> DataFile {
        let schema = metadata.currentSchema
        let metrics =
            mode.map { MetricsConfiguration(defaultMode: $0) }
            ?? MetricsConfiguration(
                properties: metadata.properties, schema: schema, sortOrder: metadata.defaultSortOrder)
        return DataFile.make(
            from: footer.summary(fileSize: size), path: uri, schema: schema, spec: spec, partition: partition,
            metrics: metrics)
    }

    /// Nil when the file was not written for this spec, or does not say enough.
    private func partition(
        of footer: FileMetadata, _ uri: String, _ size: Int64, _ spec: PartitionSpec
    ) -> [Datum?]? {
        let inference = PartitionInference(metadata: metadata, file: make(footer, uri, size, spec, [], .full))
        var values: [Datum?] = []
        for field in spec.fields {
            switch inference.value(of: field) {
            case .known(let value): values.append(value)
            case .several: return nil
            case .unknown:
                guard let value = Self.bucket(of: field, in: uri) else { return nil }
                values.append(value)
            }
        }
        return values
    }

    /// Buckets are not in order, so that bounds say nothing of them; the folder's name does.
    private static func bucket(of field: PartitionField, in uri: String) -> Datum? {
        guard case .bucket(let count) = field.transform else { return nil }
        let prefix = PartitionSpec.encode(field.name) + "="
        for folder in uri.split(separator: "/").dropLast() where folder.hasPrefix(prefix) {
            if let number = Int32(folder.dropFirst(prefix.count)), number >= 0, number < count { return .int(number) }
        }
        return nil
    }
}
