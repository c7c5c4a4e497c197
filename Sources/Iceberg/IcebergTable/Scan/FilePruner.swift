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
    private let bounds: CompiledPredicate
    private let specs: [Int: SpecFilter]
    /// Only these partitions are meant; nil: all.
    private let partitions: Set<PartitionKey>?

    private struct SpecFilter {
        let spec: PartitionSpec
        let partitions: CompiledPartitionPredicate
        let residuals: ResidualEvaluator
    }

    init(
        predicate: Predicate?, schema: Schema, metadata: TableMetadata, partitions: Set<PartitionKey>? = nil,
        ignoringCase: Bool = false
    ) throws(TableError) {
        let bound: BoundPredicate
        do throws(IcebergError) {
            bound = try predicate?.bound(to: schema, ignoringCase: ignoringCase) ?? .alwaysTrue
        } catch {
            throw TableError(error)
        }
        self.predicate = bound
        self.partitions = partitions
        bounds = CompiledPredicate(bound)
        var specs: [Int: SpecFilter] = [:]
        for spec in metadata.partitionSpecs {
            specs[spec.specID] = SpecFilter(
                spec: spec, partitions: CompiledPartitionPredicate(bound, spec: spec),
                residuals: ResidualEvaluator(predicate: bound, spec: spec))
        }
        self.specs = specs
    }

    /// By the partition summaries of the manifest list. False is a proof, true is none.
    func mayMatch(_ manifest: ManifestFile) -> Bool {
        guard predicate != .alwaysFalse else { return false }
        guard let spec = specs[manifest.partitionSpecID], let summaries = manifest.partitions else { return true }
        return spec.partitions.mightMatch(summaries)
    }

    /// The delete manifests that may matter to the files that match. Deletes of an unpartitioned spec apply in every
    /// partition: only those of others can be skipped.
    func deleteManifests(among manifests: [ManifestFile], in metadata: TableMetadata) -> [ManifestFile] {
        manifests.filter { manifest in
            manifest.content == .deletes && manifest.mayHaveLiveFiles
                && (metadata.partitionSpec(id: manifest.partitionSpecID)?.isUnpartitioned ?? true
                    || mayMatch(manifest))
        }
    }

    /// By the partition of the file.
    func mayMatchPartition(_ file: DataFile) -> Bool {
        if let partitions, !partitions.contains(PartitionKey(file)) { return false }
        return specs[file.specID]?.partitions.mightMatch(file.partition) ?? true
    }

    /// By the counts and bounds of the columns.
    func mayMatchBounds(_ file: DataFile) -> Bool {
        predicate == .alwaysTrue ? file.recordCount != 0 : bounds.mightMatch(file)
    }

    /// By partition, counts and bounds.
    func match(_ file: DataFile) -> Match {
        guard mayMatchPartition(file), mayMatchBounds(file) else { return .none }
        switch residual(of: file) {
        case .alwaysTrue: return .all
        case .alwaysFalse: return .none
        case let rest: return rest.mustMatch({ file.range(fieldID: $0, type: $1) }) ? .all : .some
        }
    }

    /// What is left to be tested for each row, given the partition.
    func residual(of file: DataFile) -> BoundPredicate {
        specs[file.specID]?.residuals.residual(of: file.partition) ?? predicate
    }

    /// Whether a delete file may delete a row that the predicate accepts: by its partition, and the bounds of the
    /// columns of equality deletes. Deletes of unpartitioned specs may be of rows in any partition.
    func mayDelete(_ file: DataFile) -> Bool {
        let isGlobal = specs[file.specID]?.spec.isUnpartitioned ?? true
        if !isGlobal, !mayMatchPartition(file) { return false }
        guard file.content == .equalityDeletes else { return true }
        let compared = Set(file.equalityIDs)
        return predicate.mightMatch { compared.contains($0) ? file.range(fieldID: $0, type: $1) : .unknown }
    }
}
