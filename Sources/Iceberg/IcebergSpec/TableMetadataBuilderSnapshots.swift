extension TableMetadataBuilder {
    mutating func add(_ snapshot: Snapshot) throws(IcebergError) {
        let id = snapshot.snapshotID
        try require(
            !state.schemas.isEmpty && !state.partitionSpecs.isEmpty && !state.sortOrders.isEmpty,
            "a snapshot cannot be added before a schema, a partition spec and a sort order are")
        try require(state.snapshot(id: id) == nil, "there is a snapshot \(id) already")
        try require(
            state.snapshots.count < Limits.snapshotsMax, "more than \(Limits.snapshotsMax) snapshots", .limitExceeded)
        try require(snapshot.parentSnapshotID != id, "snapshot \(id) cannot be its own parent")
        if state.formatVersion > 1 {
            try require(snapshot.manifestList != nil, "snapshot \(id) has no manifest list")
            try require(
                snapshot.sequenceNumber > state.lastSequenceNumber || snapshot.parentSnapshotID == nil,
                "snapshot \(id) has the sequence number \(snapshot.sequenceNumber), which is not above the last one, "
                    + "\(state.lastSequenceNumber)", .stale)
            try require(snapshot.sequenceNumber < .max, "after the sequence number of snapshot \(id) there is none")
            state.lastSequenceNumber = max(state.lastSequenceNumber, snapshot.sequenceNumber)
        }
        try checkTime(of: snapshot)
        if state.formatVersion >= 3 { try addRows(of: snapshot) }
        var kept = snapshot
        if state.formatVersion == 1 { kept.sequenceNumber = 0 }
        state.snapshots.append(kept)
        addedSnapshots.insert(id)
    }

    /// Machines' clocks differ: a snapshot may be a little older than what the table has seen, not much.
    func checkTime(of snapshot: Snapshot) throws(IcebergError) {
        let seen = max(
            state.snapshotLog.last?.timestampMilliseconds ?? .min, base?.lastUpdatedMilliseconds ?? .min)
        let (difference, overflow) = seen.subtractingReportingOverflow(snapshot.timestampMilliseconds)
        guard seen > .min else { return }
        try require(
            !overflow && difference <= Limits.clockSkewMilliseconds,
            "snapshot \(snapshot.snapshotID) is of \(snapshot.timestampMilliseconds) ms, more than a minute before "
                + "the last change of the table at \(seen) ms")
    }

    mutating func addRows(of snapshot: Snapshot) throws(IcebergError) {
        let next = state.nextRowID ?? 0
        guard let first = snapshot.firstRowID, let added = snapshot.addedRows else {
            throw IcebergError(.invalid, "a snapshot of version 3 needs first-row-id and added-rows")
        }
        try require(added >= 0, "added-rows of snapshot \(snapshot.snapshotID) is below 0")
        try require(
            first >= next,
            "first-row-id of snapshot \(snapshot.snapshotID) is \(first), behind the table's next-row-id \(next)",
            .stale)
        let (sum, overflow) = first.addingReportingOverflow(added)
        try require(!overflow, "the row ids of snapshot \(snapshot.snapshotID) are beyond 64 bits")
        state.nextRowID = sum
    }

    mutating func set(_ name: String, _ reference: SnapshotReference) throws(IcebergError) {
        guard state.references[name] != reference else { return }
        guard let snapshot = state.snapshot(id: reference.snapshotID) else {
            throw IcebergError(.invalid, "cannot set \(name) to the unknown snapshot \(reference.snapshotID)")
        }
        try require(!name.isEmpty && name.utf8.count <= Limits.nameBytesMax, "a reference needs a name")
        try require(
            state.references[name] != nil || state.references.count < Limits.definitionsMax,
            "more than \(Limits.definitionsMax) references", .limitExceeded)
        if name == SnapshotReference.main {
            try require(reference.kind == .branch, "main is a branch, it cannot become a tag")
            if state.currentSnapshotID != reference.snapshotID { makeCurrent(snapshot) }
        }
        state.references[name] = reference
    }

    /// The log tells when a snapshot became current: a new one with its own time, an old one now; never backwards.
    mutating func makeCurrent(_ snapshot: Snapshot) {
        let time = addedSnapshots.contains(snapshot.snapshotID) ? snapshot.timestampMilliseconds : now
        let last = state.snapshotLog.last?.timestampMilliseconds ?? .min
        state.snapshotLog.append(
            SnapshotLogEntry(timestampMilliseconds: max(time, last), snapshotID: snapshot.snapshotID))
        state.currentSnapshotID = snapshot.snapshotID
        becameCurrent.append(snapshot.snapshotID)
    }

    mutating func removeReference(_ name: String) {
        if name == SnapshotReference.main { state.currentSnapshotID = nil }
        state.references[name] = nil
    }

    /// Takes along what hangs on the snapshots: their statistics, and references that would dangle.
    mutating func remove(snapshots ids: Set<Int64>) {
        let before = state.snapshots.count
        state.snapshots.removeAll { ids.contains($0.snapshotID) }
        guard state.snapshots.count != before else { return }
        hasRemovedSnapshots = true
        state.statistics.removeAll { ids.contains($0.snapshotID) }
        state.partitionStatistics.removeAll { ids.contains($0.snapshotID) }
        for (name, reference) in state.references where ids.contains(reference.snapshotID) { removeReference(name) }
    }
}
