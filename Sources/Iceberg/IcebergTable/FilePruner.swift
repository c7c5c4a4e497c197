import IcebergSpec

/// Tells which manifests and files cannot hold a row that a predicate accepts. False is a proof, true is none.
struct FilePruner {
    private let predicate: BoundPredicate
    private let specs: [Int: SpecFilter]

    private struct SpecFilter {
        let predicate: BoundPredicate
        /// Index in the partition tuple, by partition field id.
        let indexes: [Int: Int]
    }

    init(predicate: Predicate?, schema: Schema, metadata: TableMetadata) throws(TableError) {
        do throws(IcebergError) {
            self.predicate = try predicate?.bound(to: schema) ?? .alwaysTrue
        } catch {
            throw TableError(error)
        }
        var specs: [Int: SpecFilter] = [:]
        for spec in metadata.partitionSpecs {
            let indexes = spec.fields.enumerated().map { ($0.element.fieldID, $0.offset) }
            specs[spec.specID] = SpecFilter(
                predicate: self.predicate.projected(onto: spec),
                indexes: Dictionary(indexes) { first, _ in first })
        }
        self.specs = specs
    }

    /// By the partition summaries of the manifest list.
    func mayMatch(_ manifest: ManifestFile) -> Bool {
        guard predicate != .alwaysFalse else { return false }
        guard let spec = specs[manifest.partitionSpecID], let summaries = manifest.partitions else { return true }
        return spec.predicate.mightMatch { id, type in
            guard let index = spec.indexes[id], summaries.indices.contains(index) else { return .unknown }
            let summary = summaries[index]
            let lower = Self.bound(summary.lowerBound, type)
            return FieldRange(
                lower: lower, upper: Self.bound(summary.upperBound, type), mayHaveNull: summary.containsNull,
                mayHaveValue: summary.lowerBound != nil || summary.upperBound != nil || !summary.containsNull,
                mayHaveNaN: summary.containsNaN ?? true)
        }
    }

    /// By the partition of the file.
    func mayMatchPartition(_ file: DataFile) -> Bool {
        guard let spec = specs[file.specID] else { return true }
        return spec.predicate.mightMatch { id, _ in
            guard let index = spec.indexes[id], file.partition.indices.contains(index) else { return .unknown }
            return FieldRange(exactly: file.partition[index])
        }
    }

    /// By the counts and bounds of the columns.
    func mayMatchBounds(_ file: DataFile) -> Bool {
        file.recordCount != 0
            && predicate.mightMatch { id, type in
                let nulls = file.nullValueCounts[id]
                let isFloating = type == .float || type == .double
                let nans = isFloating ? file.nanValueCounts[id] : 0
                let present = nulls.flatMap { nulls in file.valueCounts[id].map { $0 - nulls } }
                return FieldRange(
                    lower: Self.bound(file.lowerBounds[id], type), upper: Self.bound(file.upperBounds[id], type),
                    mayHaveNull: nulls != 0, mayHaveValue: present.map { $0 != (nans ?? 0) } ?? true,
                    mayHaveNaN: nans != 0 && present != 0)
            }
    }

    /// A bound that cannot be read counts as none: the column may have been of another type.
    private static func bound(_ bytes: [UInt8]?, _ type: IcebergType) -> Datum? {
        guard let bytes else { return nil }
        do { return try Datum(singleValueBinary: bytes, type: type) } catch { return nil }
    }
}
