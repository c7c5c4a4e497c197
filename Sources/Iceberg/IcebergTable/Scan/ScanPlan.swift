import IcebergSpec

/// The files a scan has to read, and how it was found that it need not read the others.
public struct ScanPlan: Sendable {
    /// A data file, with the row-level deletes that apply to it.
    public struct File: Hashable, Sendable {
        public let file: DataFile
        public let dataSequenceNumber: Int64
        /// The snapshot that added the file.
        public let snapshotID: Int64
        public let deletes: [DataFile]
        /// What is left of the scan's predicate to be tested row by row: the partition has decided the rest.
        public let residual: BoundPredicate

        public init(
            file: DataFile, dataSequenceNumber: Int64, snapshotID: Int64, deletes: [DataFile],
            residual: BoundPredicate = .alwaysTrue
        ) {
            self.file = file
            self.dataSequenceNumber = dataSequenceNumber
            self.snapshotID = snapshotID
            self.deletes = deletes
            self.residual = residual
        }

        init(_ entry: ManifestEntry, deletes: [DataFile], residual: BoundPredicate) {
            self.init(
                file: entry.file, dataSequenceNumber: entry.dataSequenceNumber ?? 0,
                snapshotID: entry.snapshotID ?? 0, deletes: deletes, residual: residual)
        }
    }

    public struct Counts: Hashable, Sendable {
        /// Data manifests of the snapshot.
        public var manifestsTotal = 0
        /// Data manifests whose entries were looked at, from the cache or the store.
        public var manifestsRead = 0
        /// Live data files of the snapshot; those of manifests that were not read as their list counts them.
        public var filesTotal: Int64 = 0
        /// Skipped because of their partition, those of manifests that were not read included.
        public var filesPrunedByPartition: Int64 = 0
        /// Skipped because of the bounds and counts of their columns.
        public var filesPrunedByBounds: Int64 = 0
        /// Rows of the files to read, before deletes.
        public var records: Int64 = 0
        /// Size of the files to read.
        public var bytes: Int64 = 0

        mutating func add(_ other: Counts) {
            manifestsTotal += other.manifestsTotal
            manifestsRead += other.manifestsRead
            filesTotal.addClamped(other.filesTotal)
            filesPrunedByPartition.addClamped(other.filesPrunedByPartition)
            filesPrunedByBounds += other.filesPrunedByBounds
            records.addClamped(other.records)
            bytes.addClamped(other.bytes)
        }
    }

    /// Nil for a table that has no snapshot.
    public let snapshot: Snapshot?
    public let schema: Schema
    public let files: [File]
    public let counts: Counts
}

/// Which state of the table to scan.
public enum ScanTarget: Hashable, Sendable {
    case current
    case snapshot(Int64)
    /// The snapshot that was current at this time, by the snapshot log.
    case asOf(milliseconds: Int64)
    case reference(String)
}
