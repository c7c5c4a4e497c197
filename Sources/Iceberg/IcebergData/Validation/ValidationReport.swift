import JSONFormat

/// How closely a table is looked at. Each level includes those before it.
public enum ValidationLevel: String, Hashable, Sendable, CaseIterable, Comparable {
    /// Manifest lists and manifests: that they exist, decode, and agree with what names them.
    case metadata
    /// That every data and delete file exists and has its size: one request a file.
    case files
    /// That footers can be read, and have the rows and columns they should: one or two more requests a file.
    case footers
    /// That counts, bounds and partition values in manifests are those of the footers.
    case statistics
    /// That every page is whole, by its checksum, or can be decoded where it has none: reads all bytes.
    case checksums

    public static func < (left: ValidationLevel, right: ValidationLevel) -> Bool {
        left.rank < right.rank
    }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// Which states of the table are looked at.
public enum ValidationScope: String, Hashable, Sendable, CaseIterable {
    case current
    /// The heads of all branches, and tags.
    case references
    case all
}

/// What a look at a table gave.
public struct ValidationReport: Hashable, Sendable {
    public internal(set) var findings: [TableFinding] = []
    /// All of them, also those beyond the limit of `findings`.
    public internal(set) var findingCount = 0
    public internal(set) var snapshots = 0
    public internal(set) var manifests = 0
    /// Live data files, each once.
    public internal(set) var dataFiles = 0
    public internal(set) var deleteFiles = 0
    public internal(set) var bytes: Int64 = 0
    /// Files whose format is not opened here (Avro, ORC): only existence and size were checked.
    public internal(set) var unopened = 0
    /// False when time ran out: then more may be wrong.
    public internal(set) var isComplete = true

    public init() {}

    public var isSound: Bool { findingCount == 0 && isComplete }

    public mutating func add(_ finding: TableFinding, limit: Int = ValidationLimits.findingsMax) {
        findingCount += 1
        if findings.count < limit { findings.append(finding) }
    }

    /// The report with other findings in the place of those it has.
    ///
    /// - Parameters:
    ///   - dropped: how many of its findings are not among them.
    ///   - added: how many are not among its own.
    public func replacing(_ findings: [TableFinding], dropped: Int, added: Int) -> ValidationReport {
        var report = self
        report.findings = findings
        report.findingCount += added - dropped
        return report
    }

    public var json: JSONValue {
        [
            "valid": .bool(isSound), "complete": .bool(isComplete), "finding-count": JSONValue(findingCount),
            "findings": .array(findings.map(\.json)),
            "checked": [
                "snapshots": JSONValue(snapshots), "manifests": JSONValue(manifests),
                "data-files": JSONValue(dataFiles), "delete-files": JSONValue(deleteFiles), "bytes": JSONValue(bytes),
                "not-opened": JSONValue(unopened),
            ],
        ]
    }
}

extension TableFinding {
    public var json: JSONValue {
        var object = JSONObject([
            .init(key: "code", value: .string(code.rawValue)), .init(key: "place", value: .string(place)),
            .init(key: "message", value: .string(message)), .init(key: "serious", value: .bool(code.isSerious)),
            .init(key: "remedy", value: .string(remedy)),
        ])
        if let snapshotID { object["snapshot-id"] = JSONValue(snapshotID) }
        return .object(object)
    }
}

/// What one look at a table may take.
public enum ValidationLimits {
    public static let findingsMax = 1_000
    /// Files looked at together, of which `TableValidator.concurrency` at the same time.
    static let sliceMax = 256
    /// Stored bytes of one column chunk that is read for its checksums.
    static let chunkBytesMax: Int64 = 1 << 30
}
