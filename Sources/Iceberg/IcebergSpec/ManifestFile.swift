/// A manifest, as manifest lists describe it (specification: "Manifest Lists", struct `manifest_file`).
public struct ManifestFile: Hashable, Sendable {
    public enum Content: Int32, Hashable, Sendable {
        case data = 0
        case deletes = 1

        /// As a manifest's own metadata spells it.
        var name: String { self == .data ? "data" : "deletes" }
    }

    /// What the entries of a manifest have as values of one partition field.
    public struct FieldSummary: Hashable, Sendable {
        public var containsNull: Bool
        /// Nil where the writer did not say.
        public var containsNaN: Bool?
        /// Single-value binary; nil when there is no value that is neither null nor NaN.
        public var lowerBound: [UInt8]?
        public var upperBound: [UInt8]?

        public init(
            containsNull: Bool, containsNaN: Bool? = nil, lowerBound: [UInt8]? = nil, upperBound: [UInt8]? = nil
        ) {
            self.containsNull = containsNull
            self.containsNaN = containsNaN
            self.lowerBound = lowerBound
            self.upperBound = upperBound
        }
    }

    public var path: String
    public var length: Int64
    public var partitionSpecID: Int
    public var content: Content
    /// Sequence number of the commit that added the manifest; 0 in version 1.
    public var sequenceNumber: Int64
    /// Lowest data sequence number of its live files; 0 in version 1.
    public var minSequenceNumber: Int64
    public var addedSnapshotID: Int64
    /// Counts are nil in old version 1 lists: then nothing is known.
    public var addedFilesCount: Int64?
    public var existingFilesCount: Int64?
    public var deletedFilesCount: Int64?
    public var addedRowsCount: Int64?
    public var existingRowsCount: Int64?
    public var deletedRowsCount: Int64?
    /// One for each field of the spec; nil where the writer gave none.
    public var partitions: [FieldSummary]?
    public var keyMetadata: [UInt8]?
    /// Version 3.
    public var firstRowID: Int64?

    public init(
        path: String, length: Int64, partitionSpecID: Int, content: Content = .data, sequenceNumber: Int64,
        minSequenceNumber: Int64, addedSnapshotID: Int64
    ) {
        self.path = path
        self.length = length
        self.partitionSpecID = partitionSpecID
        self.content = content
        self.sequenceNumber = sequenceNumber
        self.minSequenceNumber = minSequenceNumber
        self.addedSnapshotID = addedSnapshotID
    }

    /// Whether any live file may be listed: true where the counts are not known.
    public var mayHaveLiveFiles: Bool { addedFilesCount != 0 || existingFilesCount != 0 }

    /// Whether every count is known, as lists of version 2 and above have to state them.
    public var isCounted: Bool {
        addedFilesCount != nil && existingFilesCount != nil && deletedFilesCount != nil && addedRowsCount != nil
            && existingRowsCount != nil && deletedRowsCount != nil
    }

    /// The same manifest, added by a commit with another sequence number: what a rebased append writes into its list.
    public func rebased(to sequenceNumber: Int64) -> ManifestFile {
        var rebased = self
        if minSequenceNumber == self.sequenceNumber { rebased.minSequenceNumber = sequenceNumber }
        rebased.sequenceNumber = sequenceNumber
        return rebased
    }
}
