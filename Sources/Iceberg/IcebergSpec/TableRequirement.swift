import Clocks

/// What must hold for a commit to be made, as the REST catalog protocol names it (`TableRequirement`).
public enum TableRequirement: Hashable, Sendable {
    case create
    case tableUUID(UUID)
    /// A nil snapshot id: the reference must not exist.
    case referenceSnapshotID(reference: String, snapshotID: Int64?)
    case lastAssignedFieldID(Int)
    case currentSchemaID(Int)
    case lastAssignedPartitionID(Int)
    case defaultSpecID(Int)
    case defaultSortOrderID(Int)
}

/// A requirement does not hold: the table has changed since the commit was prepared.
public struct RequirementFailure: Error, Hashable, Sendable, CustomStringConvertible {
    public let requirement: TableRequirement
    public let message: String

    public init(_ requirement: TableRequirement, _ message: String) {
        self.requirement = requirement
        self.message = message
    }

    public var description: String { "Requirement failed: \(message)" }
}

extension TableRequirement {
    /// Checks against the table as it is, or nil when there is none.
    public func check(against metadata: TableMetadata?) throws(RequirementFailure) {
        if case .create = self {
            if metadata != nil { throw RequirementFailure(self, "table already exists") }
            return
        }
        guard let metadata else { throw RequirementFailure(self, "table does not exist") }
        switch self {
        case .create: break
        case .tableUUID(let uuid):
            let found = metadata.tableUUID.map(\.description) ?? "none"
            try require(metadata.tableUUID == uuid, "UUID does not match: expected \(found) != \(uuid)")
        case .referenceSnapshotID(let name, let expected):
            try checkReference(name, expected, metadata.references[name])
        case .lastAssignedFieldID(let id):
            try compare("last assigned field id", id, metadata.lastColumnID)
        case .currentSchemaID(let id):
            try compare("current schema", id, metadata.currentSchemaID)
        case .lastAssignedPartitionID(let id):
            try compare("last assigned partition id", id, metadata.lastPartitionID)
        case .defaultSpecID(let id):
            try compare("default partition spec", id, metadata.defaultSpecID)
        case .defaultSortOrderID(let id):
            try compare("default sort order", id, metadata.defaultSortOrderID)
        }
    }

    private func require(_ holds: Bool, _ message: @autoclosure () -> String) throws(RequirementFailure) {
        if !holds { throw RequirementFailure(self, message()) }
    }

    private func compare(_ what: String, _ expected: Int, _ found: Int) throws(RequirementFailure) {
        try require(expected == found, "\(what) changed: expected id \(expected) != \(found)")
    }

    private func checkReference(
        _ name: String, _ expected: Int64?, _ found: SnapshotReference?
    ) throws(RequirementFailure) {
        guard let found else {
            try require(expected == nil, "branch or tag \(name) is missing, expected \(expected ?? 0)")
            return
        }
        let kind = found.kind.rawValue
        guard let expected else { throw RequirementFailure(self, "\(kind) \(name) was created concurrently") }
        try require(
            found.snapshotID == expected,
            "\(kind) \(name) has changed: expected id \(expected) != \(found.snapshotID)")
    }
}
