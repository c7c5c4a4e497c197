import Clocks
import IcebergSpec

/// A change of a table that writes no snapshot: updates to commit in the catalog, under requirements.
///
/// Like a prepared commit it is worked out from one state of the table, and made again from the newer one when the
/// catalog refuses it. Nothing is stored beforehand. Making one costs no I/O; each throws `.invalid` for what the table
/// does not allow, `.unsupported` for what its format version does not have.
public struct TableChange: Hashable, Sendable {
    public var updates: [TableUpdate]
    public var requirements: [TableRequirement]

    public init(updates: [TableUpdate], requirements: [TableRequirement]) {
        self.updates = updates
        self.requirements = requirements
    }

    init(_ updates: [TableUpdate], _ requirements: [TableRequirement] = [], on base: TableMetadata) {
        self.updates = updates
        self.requirements = (base.tableUUID.map { [.tableUUID($0)] } ?? []) + requirements
    }

    /// Nothing to do.
    public var isEmpty: Bool { updates.isEmpty }

    /// Both changes in one commit.
    public func and(_ other: TableChange) -> TableChange {
        var requirements = requirements
        for requirement in other.requirements where !requirements.contains(requirement) {
            requirements.append(requirement)
        }
        return TableChange(updates: updates + other.updates, requirements: requirements)
    }
}

// MARK: - Columns, partitions, order, properties

extension TableChange {
    /// The columns as `update` leaves them; with them the name mapping, where the table has one.
    public static func schema(_ update: SchemaUpdate, on base: TableMetadata) throws(TableError) -> TableChange {
        let updates: [TableUpdate]
        let changed: Schema
        do throws(IcebergError) {
            updates = try update.updates(of: base)
            changed = try update.schema()
        } catch {
            throw TableError(error)
        }
        var change = try schema(changed, on: base)
        guard !change.isEmpty else { return change }
        change.updates = updates
        return try change.checked(on: base)
    }

    /// Makes `schema` the current one: an evolution of the present one, with the ids of its columns (specification:
    /// "Schema Evolution"). A name mapping stays as it is.
    ///
    /// - Throws: `.invalid` when files of the table could not be read with it, or a column that the partition spec or
    ///   sort order needs is gone.
    public static func schema(_ schema: Schema, on base: TableMetadata) throws(TableError) -> TableChange {
        let current = base.currentSchema
        guard !current.hasSameColumns(as: schema) else { return TableChange([], on: base) }
        do throws(IcebergError) {
            try current.checkEvolution(to: schema, formatVersion: base.formatVersion)
        } catch {
            throw TableError(error)
        }
        // An id that was used before and dropped must not come back as another column.
        for (id, field) in schema.fieldsByID where current.field(id: id) == nil && id <= base.lastColumnID {
            let before = base.schemas.lazy.compactMap { $0.field(id: id) }.first
            guard let before, Schema.canPromote(before.type, to: field.type, formatVersion: base.formatVersion) else {
                throw TableError(
                    .invalid,
                    "the new column \"\(field.name)\" has the id \(id), which was another column's: ids go on "
                        + "after \(base.lastColumnID)")
            }
        }
        let change = TableChange(
            [.addSchema(schema), .setCurrentSchema(id: -1)],
            [.currentSchemaID(base.currentSchemaID), .lastAssignedFieldID(base.lastColumnID)], on: base)
        return try change.checked(on: base)
    }

    /// The partition spec as `update` leaves it.
    public static func partitionSpec(
        _ update: PartitionSpecUpdate, on base: TableMetadata
    ) throws(TableError) -> TableChange {
        let spec: PartitionSpec
        do { spec = try update.spec() } catch { throw TableError(error) }
        return try partitionSpec(UnboundPartitionSpec(spec), on: base)
    }

    /// Makes `spec` the one that new files are partitioned by. Files written before stay as they are (specification:
    /// "Partition Evolution").
    public static func partitionSpec(
        _ spec: UnboundPartitionSpec, on base: TableMetadata
    ) throws(TableError) -> TableChange {
        try TableChange(
            [.addPartitionSpec(spec), .setDefaultSpec(id: -1)],
            [
                .currentSchemaID(base.currentSchemaID), .defaultSpecID(base.defaultSpecID),
                .lastAssignedPartitionID(base.lastPartitionID),
            ], on: base
        ).checked(on: base)
    }

    /// Makes the sort order the one that new files are written in.
    public static func sortOrder(_ fields: [SortField], on base: TableMetadata) throws(TableError) -> TableChange {
        try TableChange(
            [.addSortOrder(SortOrder(id: fields.isEmpty ? 0 : 1, fields: fields)), .setDefaultSortOrder(id: -1)],
            [.currentSchemaID(base.currentSchemaID), .defaultSortOrderID(base.defaultSortOrderID)], on: base
        ).checked(on: base)
    }

    /// Sets properties, and removes others, which need not be there.
    public static func properties(
        _ set: [String: String], removing keys: [String] = [], on base: TableMetadata
    ) throws(TableError) -> TableChange {
        guard Set(keys).isDisjoint(with: set.keys) else {
            throw TableError(.invalid, "a property is both set and removed")
        }
        var updates: [TableUpdate] = []
        if !set.isEmpty { updates.append(.setProperties(set)) }
        if !keys.isEmpty { updates.append(.removeProperties(keys)) }
        return TableChange(updates, on: base)
    }

    /// Upgrades the table: there is no way back. Files stay as they are.
    public static func formatVersion(_ version: Int, on base: TableMetadata) throws(TableError) -> TableChange {
        guard version != base.formatVersion else { return TableChange([], on: base) }
        return try TableChange([.upgradeFormatVersion(version)], on: base).checked(on: base)
    }

    /// The updates can be applied: what the catalog would refuse is refused here.
    private func checked(on base: TableMetadata) throws(TableError) -> TableChange {
        do throws(IcebergError) {
            _ = try base.applying(updates, at: Timestamp(milliseconds: base.lastUpdatedMilliseconds))
        } catch {
            throw TableError(error)
        }
        return self
    }
}

// MARK: - Statistics

extension TableChange {
    /// Registers a statistics file (Puffin), in place of the one its snapshot has.
    public static func statistics(_ file: StatisticsFile, on base: TableMetadata) throws(TableError) -> TableChange {
        try requireSnapshot(file.snapshotID, base)
        return TableChange([.setStatistics(file)], on: base)
    }

    /// Registers a partition statistics file, in place of the one its snapshot has.
    public static func partitionStatistics(
        _ file: PartitionStatisticsFile, on base: TableMetadata
    ) throws(TableError) -> TableChange {
        try requireSnapshot(file.snapshotID, base)
        return TableChange([.setPartitionStatistics(file)], on: base)
    }

    /// Forgets the statistics files of a snapshot, of both kinds.
    public static func removingStatistics(ofSnapshot id: Int64, on base: TableMetadata) -> TableChange {
        var updates: [TableUpdate] = []
        if base.statistics.contains(where: { $0.snapshotID == id }) {
            updates.append(.removeStatistics(snapshotID: id))
        }
        if base.partitionStatistics.contains(where: { $0.snapshotID == id }) {
            updates.append(.removePartitionStatistics(snapshotID: id))
        }
        return TableChange(updates, on: base)
    }

    static func requireSnapshot(_ id: Int64, _ base: TableMetadata) throws(TableError) {
        guard base.snapshot(id: id) != nil else {
            throw TableError(.invalid, "the table has no snapshot \(id): it may have expired")
        }
    }
}
