extension TableMetadata {
    /// Checks that the parts agree with each other: every id that is referred to exists, none is given twice, nothing
    /// is newer than the table says it is.
    ///
    /// - Parameter base: a valid table that this one was made from. Snapshots that both begin with are not looked at again.
    func validate(since base: TableMetadata? = nil) throws(IcebergError) {
        try require(!location.isEmpty, "$.location", "must not be empty")
        try Self.requireUnique(schemas.map(\.schemaID), "$.schemas", "schema id")
        try Self.requireUnique(partitionSpecs.map(\.specID), "$.partition-specs", "partition spec id")
        try Self.requireUnique(sortOrders.map(\.orderID), "$.sort-orders", "sort order id")
        try require(
            schema(id: currentSchemaID) != nil, "$.current-schema-id",
            "there is no schema with id \(currentSchemaID), only \(schemas.map(\.schemaID))")
        try require(
            partitionSpec(id: defaultSpecID) != nil, "$.default-spec-id",
            "there is no partition spec with id \(defaultSpecID), only \(partitionSpecs.map(\.specID))")
        try require(
            sortOrder(id: defaultSortOrderID) != nil, "$.default-sort-order-id",
            "there is no sort order with id \(defaultSortOrderID), only \(sortOrders.map(\.orderID))")
        let ids =
            [lastColumnID, lastPartitionID] + schemas.map(\.schemaID) + partitionSpecs.map(\.specID)
            + sortOrders.map(\.orderID)
        try require(ids.allSatisfy { $0 <= Int32.max }, "$", "ids beyond 32 bits")
        try validateSnapshots(since: base.flatMap { continues($0) ? $0 : nil })
        try validateLogs()
    }

    /// Whether it differs from `base`, as far as snapshots go, by a few new ones behind the others.
    private func continues(_ base: TableMetadata) -> Bool {
        let addedMax = 16
        return formatVersion == base.formatVersion && lastSequenceNumber >= base.lastSequenceNumber
            && (0...addedMax).contains(snapshots.count - base.snapshots.count)
            && zip(snapshots, base.snapshots).allSatisfy {
                $0.snapshotID == $1.snapshotID && $0.sequenceNumber == $1.sequenceNumber
            }
    }

    /// - Parameter base: a valid table that this one continues.
    private func validateSnapshots(since base: TableMetadata?) throws(IcebergError) {
        let seen = base?.snapshots.count ?? 0
        if let base {
            for (index, snapshot) in snapshots.enumerated().dropFirst(seen) {
                try require(
                    !snapshots[..<index].contains { $0.snapshotID == snapshot.snapshotID }, "$.snapshots",
                    "the snapshot id \(snapshot.snapshotID) is given twice")
            }
            try requireNamed(since: base) { snapshot(id: $0) != nil }
        } else {
            try Self.requireUnique(snapshots.map(\.snapshotID), "$.snapshots", "snapshot id")
            let ids = Set(snapshots.map(\.snapshotID))
            try requireNamed(since: nil) { ids.contains($0) }
        }
        let main = references[SnapshotReference.main]
        try require(
            main?.snapshotID == currentSnapshotID, "$.refs.main",
            "the current snapshot \(currentSnapshotID.map(String.init) ?? "none") is not that of main")
        try require(main?.kind != .tag, "$.refs.main", "main is a branch, not a tag")
        for snapshot in snapshots.dropFirst(seen) where formatVersion > 1 {
            try require(
                snapshot.sequenceNumber <= lastSequenceNumber, "$.last-sequence-number",
                "snapshot \(snapshot.snapshotID) has the sequence number \(snapshot.sequenceNumber), which is above "
                    + "the last one, \(lastSequenceNumber)")
        }
    }

    /// That the snapshots are there which the table, but not `base`, gives a name to.
    private func requireNamed(
        since base: TableMetadata?, _ exists: (Int64) -> Bool
    ) throws(IcebergError) {
        if let currentSnapshotID, currentSnapshotID != base?.currentSnapshotID {
            try require(exists(currentSnapshotID), "$.current-snapshot-id", "there is no snapshot \(currentSnapshotID)")
        }
        for (name, reference) in references where base?.references[name]?.snapshotID != reference.snapshotID {
            try require(
                exists(reference.snapshotID), "$.refs.\(name)", "there is no snapshot \(reference.snapshotID)")
        }
    }

    private func validateLogs() throws(IcebergError) {
        try Self.requireSorted(
            snapshotLog.map(\.timestampMilliseconds) + [lastUpdatedMilliseconds], "$.snapshot-log")
        try Self.requireSorted(
            metadataLog.map(\.timestampMilliseconds) + [lastUpdatedMilliseconds], "$.metadata-log")
    }

    private func require(
        _ holds: Bool, _ path: String, _ message: @autoclosure () -> String
    ) throws(IcebergError) {
        if !holds { throw IcebergError(.invalid, message(), path: path) }
    }

    private static func requireUnique<ID: Hashable>(
        _ ids: [ID], _ path: String, _ what: String
    ) throws(IcebergError) {
        var seen = Set<ID>(minimumCapacity: ids.count)
        for id in ids where !seen.insert(id).inserted {
            throw IcebergError(.invalid, "the \(what) \(id) is given twice", path: path)
        }
    }

    /// Times may go back by as much as clocks differ. The last one is when the table was last updated.
    private static func requireSorted(_ times: [Int64], _ path: String) throws(IcebergError) {
        for (earlier, later) in zip(times, times.dropFirst()) {
            let (difference, overflow) = earlier.subtractingReportingOverflow(later)
            guard !overflow, difference <= Limits.clockSkewMilliseconds else {
                throw IcebergError(.invalid, "times go back from \(earlier) to \(later)", path: path)
            }
        }
    }
}
