import Clocks
import IcebergSpec

/// How long a reference and its snapshots stay (specification: "Snapshot Retention Policy"). Nil: as the table's
/// properties say.
public struct Retention: Hashable, Sendable {
    /// Of branches: snapshots to keep, whatever their age.
    public var minSnapshotsToKeep: Int?
    /// Of branches: age up to which snapshots stay.
    public var maxSnapshotAgeMilliseconds: Int64?
    /// Age of its snapshot up to which the reference itself stays. Not of main.
    public var maxReferenceAgeMilliseconds: Int64?

    public init(
        minSnapshotsToKeep: Int? = nil, maxSnapshotAgeMilliseconds: Int64? = nil,
        maxReferenceAgeMilliseconds: Int64? = nil
    ) {
        self.minSnapshotsToKeep = minSnapshotsToKeep
        self.maxSnapshotAgeMilliseconds = maxSnapshotAgeMilliseconds
        self.maxReferenceAgeMilliseconds = maxReferenceAgeMilliseconds
    }

    func apply(to reference: inout SnapshotReference, _ name: String) throws(TableError) {
        guard reference.kind == .branch || minSnapshotsToKeep == nil && maxSnapshotAgeMilliseconds == nil else {
            throw TableError(.invalid, "\(name) is a tag: only its own age can be limited")
        }
        guard name != SnapshotReference.main || maxReferenceAgeMilliseconds == nil else {
            throw TableError(.invalid, "main stays: its age cannot be limited")
        }
        for limit in [minSnapshotsToKeep.map { Int64($0) }, maxSnapshotAgeMilliseconds, maxReferenceAgeMilliseconds]
        where limit ?? 1 <= 0 {
            throw TableError(.invalid, "retention of \(name): a number must be above 0")
        }
        reference.minSnapshotsToKeep = minSnapshotsToKeep
        reference.maxSnapshotAgeMilliseconds = maxSnapshotAgeMilliseconds
        reference.maxReferenceAgeMilliseconds = maxReferenceAgeMilliseconds
    }
}

/// Branches and tags (specification: "Snapshot References"). Each throws `.invalid` when the reference or snapshot is
/// not there, or not as said; the commit requires that the reference has not moved meanwhile.
extension TableChange {
    /// Makes a branch, to which operations can then commit.
    ///
    /// - Parameter snapshotID: nil: the current snapshot.
    /// - Throws: `.invalid` when the name is taken.
    public static func createBranch(
        _ name: String, at snapshotID: Int64? = nil, retention: Retention = Retention(), on base: TableMetadata
    ) throws(TableError) -> TableChange {
        try create(name, .branch, at: snapshotID, retention, on: base)
    }

    /// Makes a tag, which stays where it is. Parameters and errors as those of `createBranch`.
    public static func createTag(
        _ name: String, at snapshotID: Int64? = nil, retention: Retention = Retention(), on base: TableMetadata
    ) throws(TableError) -> TableChange {
        try create(name, .tag, at: snapshotID, retention, on: base)
    }

    private static func create(
        _ name: String, _ kind: SnapshotReference.Kind, at snapshotID: Int64?, _ retention: Retention,
        on base: TableMetadata
    ) throws(TableError) -> TableChange {
        guard base.references[name] == nil else { throw TableError(.invalid, "there is a reference \(name) already") }
        guard let id = snapshotID ?? base.currentSnapshotID else {
            throw TableError(.invalid, "the table has no snapshot that \(name) could point to")
        }
        var reference = SnapshotReference(snapshotID: id, kind: kind)
        try retention.apply(to: &reference, name)
        return try set(name, reference, on: base)
    }

    /// Lets a branch or tag point to another snapshot, whatever it pointed to.
    public static func replaceReference(
        _ name: String, with snapshotID: Int64, on base: TableMetadata
    ) throws(TableError) -> TableChange {
        var reference = try existing(name, base)
        reference.snapshotID = snapshotID
        return try set(name, reference, on: base)
    }

    /// Lets a branch catch up with another reference, of whose snapshot its own is an ancestor. A branch that is not
    /// there is made.
    public static func fastForward(
        _ name: String, to target: String, on base: TableMetadata
    ) throws(TableError) -> TableChange {
        let goal = try existing(target, base)
        guard var reference = base.references[name] else {
            return try create(name, .branch, at: goal.snapshotID, Retention(), on: base)
        }
        guard reference.kind == .branch else { throw TableError(.invalid, "\(name) is a tag: tags do not move") }
        guard base.isAncestor(reference.snapshotID, of: goal.snapshotID) else {
            throw TableError(.invalid, "\(name) cannot be fast-forwarded to \(target): it has commits of its own")
        }
        reference.snapshotID = goal.snapshotID
        return try set(name, reference, on: base)
    }

    /// Removes a branch or tag, but not main. Its snapshots stay until they expire.
    public static func removeReference(_ name: String, on base: TableMetadata) throws(TableError) -> TableChange {
        let reference = try existing(name, base)
        guard name != SnapshotReference.main else { throw TableError(.invalid, "main cannot be removed") }
        return TableChange(
            [.removeSnapshotReference(name: name)],
            [.referenceSnapshotID(reference: name, snapshotID: reference.snapshotID)], on: base)
    }

    /// Replaces what says how long a branch or tag and its snapshots stay.
    public static func retention(
        of name: String, _ retention: Retention, on base: TableMetadata
    ) throws(TableError) -> TableChange {
        var reference = try existing(name, base)
        try retention.apply(to: &reference, name)
        return try set(name, reference, on: base)
    }

    /// Makes an ancestor of the current snapshot the current one.
    public static func rollback(to snapshotID: Int64, on base: TableMetadata) throws(TableError) -> TableChange {
        guard let current = base.currentSnapshotID, base.isAncestor(snapshotID, of: current) else {
            throw TableError(.invalid, "the snapshot \(snapshotID) is no ancestor of the current one")
        }
        return try setCurrent(snapshotID, on: base)
    }

    /// Makes the newest ancestor of the current snapshot that is older than a time the current one.
    public static func rollback(before time: Timestamp, on base: TableMetadata) throws(TableError) -> TableChange {
        let older = base.ancestors(of: base.currentSnapshotID).first { $0.timestampMilliseconds < time.milliseconds }
        guard let older else { throw TableError(.invalid, "no ancestor of the current snapshot is as old as that") }
        return try setCurrent(older.snapshotID, on: base)
    }

    /// Makes any snapshot of the table the current one.
    public static func setCurrent(_ snapshotID: Int64, on base: TableMetadata) throws(TableError) -> TableChange {
        var reference =
            base.references[SnapshotReference.main] ?? SnapshotReference(snapshotID: snapshotID)
        reference.snapshotID = snapshotID
        return try set(SnapshotReference.main, reference, on: base)
    }

    private static func existing(_ name: String, _ base: TableMetadata) throws(TableError) -> SnapshotReference {
        guard let reference = base.references[name] else {
            throw TableError(.invalid, "the table has no branch or tag \(name)")
        }
        return reference
    }

    private static func set(
        _ name: String, _ reference: SnapshotReference, on base: TableMetadata
    ) throws(TableError) -> TableChange {
        try requireSnapshot(reference.snapshotID, base)
        guard base.references[name] != reference else { return TableChange([], on: base) }
        return TableChange(
            [.setSnapshotReference(name: name, reference)],
            [.referenceSnapshotID(reference: name, snapshotID: base.references[name]?.snapshotID)], on: base)
    }
}

extension TableMetadata {
    /// The snapshot and those it was made on, the newest first, as far as they have not expired.
    public func ancestors(of id: Int64?) -> [Snapshot] {
        var byID: [Int64: Snapshot] = [:]
        for snapshot in snapshots { byID[snapshot.snapshotID] = snapshot }
        var result: [Snapshot] = []
        var next = id
        // Each is taken out: a circle ends.
        while let id = next, let snapshot = byID.removeValue(forKey: id) {
            result.append(snapshot)
            next = snapshot.parentSnapshotID
        }
        return result
    }

    func isAncestor(_ id: Int64, of descendant: Int64) -> Bool {
        ancestors(of: descendant).contains { $0.snapshotID == id }
    }
}
