/// One thing that is wrong with a table.
public struct TableFinding: Hashable, Sendable {
    public enum Code: String, Hashable, Sendable, CaseIterable {
        // What the catalog says.
        case metadataMissing = "metadata-missing"
        case metadataDamaged = "metadata-damaged"
        case otherTable = "other-table"
        case sharedLocation = "shared-location"
        // Manifest lists and manifests.
        case manifestListMissing = "manifest-list-missing"
        case manifestListDamaged = "manifest-list-damaged"
        case manifestMissing = "manifest-missing"
        case manifestDamaged = "manifest-damaged"
        case manifestSize = "manifest-size"
        case manifestCounts = "manifest-counts"
        case manifestSequence = "manifest-sequence"
        case duplicateFile = "duplicate-file"
        case totals = "wrong-totals"
        // Data and delete files.
        case fileMissing = "file-missing"
        case fileSize = "file-size"
        case fileDamaged = "file-damaged"
        case recordCount = "record-count"
        case columns = "wrong-columns"
        case statistics = "wrong-statistics"
        case partition = "wrong-partition"
        case checksum = "wrong-checksum"
        case foreignPlace = "foreign-place"
        /// The store did not answer: nothing is known of the file.
        case unread = "unread"
    }

    public let code: Code
    /// The file, or the part of the table.
    public let place: String
    /// What is wrong there.
    public let message: String
    /// The snapshot that was looked at; others may have the same file.
    public let snapshotID: Int64?

    public init(_ code: Code, at place: String, _ message: String, snapshotID: Int64? = nil) {
        self.code = code
        self.place = place
        self.message = message
        self.snapshotID = snapshotID
    }

    /// What mends it, for whoever runs the table.
    public var remedy: String { code.remedy }
}

extension TableFinding.Code {
    /// Whether readers fail or give wrong rows because of it; the others cost speed or are about to be a problem.
    public var isSerious: Bool {
        switch self {
        case .manifestCounts, .totals, .unread, .manifestSize: false
        default: true
        }
    }

    public var remedy: String {
        switch self {
        case .metadataMissing, .metadataDamaged:
            "recover: puts the newest metadata file that is whole in its place"
        case .otherTable: "register the table at its own metadata file with overwrite, or recover"
        case .sharedLocation:
            "drop or unregister one of the two tables, without purge; never expire files or remove orphans before"
        case .manifestListMissing, .manifestListDamaged, .manifestMissing, .manifestDamaged:
            "rebuild-manifests lists the files again; or roll back to a snapshot that is whole; or restore the file"
        case .manifestSize, .manifestCounts, .totals:
            "rebuild-manifests writes manifests and totals anew; readers that trust them prune or count wrongly"
        case .manifestSequence:
            "rebuild-manifests; until then deletes may be applied to the wrong rows"
        case .duplicateFile: "rebuild-manifests lists each file once; until then its rows are read twice"
        case .fileMissing:
            "restore the file; or roll back; or rebuild-manifests, which leaves it out and with it its rows"
        case .fileDamaged, .checksum:
            "restore the file; or rebuild-manifests, which leaves out files that cannot be read"
        case .fileSize, .recordCount, .statistics: "rebuild-manifests reads sizes, counts and bounds from the files"
        case .partition: "rebuild-manifests works out partition values from the files; until then rows are pruned away"
        case .columns:
            "set \(nameMappingProperty) when the file has no field ids; otherwise rewrite the file or change the schema back"
        case .foreignPlace: "copy the file into the warehouse and rebuild-manifests"
        case .unread: "validate again: the store did not answer"
        }
    }

    private var nameMappingProperty: String { "schema.name-mapping.default" }
}
