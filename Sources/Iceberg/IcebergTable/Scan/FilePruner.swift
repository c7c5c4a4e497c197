import IcebergSpec

/// Tells which manifests and files cannot hold a row that a predicate accepts, and which hold no other.
struct FilePruner {
    enum Match: Hashable {
        /// A proof that every row is accepted.
        case all
        case some
        /// A proof that no row is.
        case none
    }

    private let predicate: BoundPredicate
    private let specs: [Int: SpecFilter]
    /// Only these partitions are meant; nil: all.
    private let partitions: Set<PartitionKey>?

    private struct SpecFilter {
        let predicate: BoundPredicate
        /// Index in the partition tuple, by partition field id.
        let indexes: [Int: Int]
        let residuals: ResidualEvaluator
    }

    init(
        predicate: Predicate?, schema: Schema, metadata: TableMetadata, partitions: Set<PartitionKey>? = nil
    ) throws(TableError) {
        do throws(IcebergError) {
            self.predicate = try predicate?.bound(to: schema) ?? .alwaysTrue
        } catch {
            throw TableError(error)
        }
        self.partitions = partitions
        var specs: [Int: SpecFilter] = [:]
        for spec in metadata.partitionSpecs {
            let indexes = spec.fields.enumerated().map { ($0.element.fieldID, $0.offset) }
            specs[spec.specID] = SpecFilter(
                predicate: self.predicate.projected(onto: spec),
                indexes: Dictionary(indexes) { first, _ in first },
                residuals: ResidualEvaluator(predicate: self.predicate, spec: spec))
        }
        self.specs = specs
    }

    /// Whether every row is accepted, whatever the file.
    var acceptsAll: Bool { predicate == .alwaysTrue && partitions == nil }

    /// By the partition summaries of the manifest list. False is a proof, true is none.
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
        if let partitions, !partitions.contains(PartitionKey(file)) { return false }
        return mayMatch(partition: file.partition, specID: file.specID)
    }

    func mayMatch(partition: [Datum?], specID: Int) -> Bool {
        guard let spec = specs[specID] else { return true }
        return spec.predicate.mightMatch { id, _ in
            guard let index = spec.indexes[id], partition.indices.contains(index) else { return .unknown }
            return FieldRange(exactly: partition[index])
        }
    }

    /// By the counts and bounds of the columns.
    func mayMatchBounds(_ file: DataFile) -> Bool {
        file.recordCount != 0 && predicate.mightMatch { file.range(id: $0, type: $1) }
    }

    /// By partition, counts and bounds.
    func match(_ file: DataFile) -> Match {
        guard mayMatchPartition(file), mayMatchBounds(file) else { return .none }
        switch residual(of: file) {
        case .alwaysTrue: return .all
        case .alwaysFalse: return .none
        case let rest: return rest.mustMatch { file.range(id: $0, type: $1) } ? .all : .some
        }
    }

    /// What is left to be tested for each row, given the partition.
    func residual(of file: DataFile) -> BoundPredicate {
        specs[file.specID]?.residuals.residual(of: file.partition) ?? predicate
    }

    /// Whether a delete file may delete a row that the predicate accepts: by its partition, and the bounds of the
    /// columns of equality deletes. Deletes of unpartitioned specs may be of rows in any partition.
    func mayDelete(_ file: DataFile) -> Bool {
        let isGlobal = specs[file.specID]?.indexes.isEmpty ?? true
        if !isGlobal, !mayMatchPartition(file) { return false }
        guard file.content == .equalityDeletes else { return true }
        let compared = Set(file.equalityIDs)
        return predicate.mightMatch { compared.contains($0) ? file.range(id: $0, type: $1) : .unknown }
    }

    /// A bound that cannot be read counts as none: the column may have been of another type.
    private static func bound(_ bytes: [UInt8]?, _ type: IcebergType) -> Datum? {
        guard let bytes else { return nil }
        do { return try Datum(singleValueBinary: bytes, type: type) } catch { return nil }
    }
}

extension DataFile {
    /// What the counts and bounds of a file say of one of its columns. A bound that cannot be read counts as none.
    func range(id: Int, type: IcebergType) -> FieldRange {
        func bound(_ bytes: [UInt8]?) -> Datum? {
            guard let bytes else { return nil }
            do { return try Datum(singleValueBinary: bytes, type: type) } catch { return nil }
        }
        let nulls = nullValueCounts[id]
        let isFloating = type == .float || type == .double
        let nans = isFloating ? nanValueCounts[id] : 0
        let present = nulls.flatMap { nulls in valueCounts[id].map { $0 &- nulls } }
        return FieldRange(
            lower: bound(lowerBounds[id]), upper: bound(upperBounds[id]), mayHaveNull: nulls != 0,
            mayHaveValue: present.map { $0 != (nans ?? 0) } ?? true, mayHaveNaN: nans != 0 && present != 0)
    }
}
