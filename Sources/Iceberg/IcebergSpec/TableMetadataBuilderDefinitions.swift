extension TableMetadataBuilder {
    /// An equal schema is used again; otherwise the catalog chooses the id.
    mutating func add(_ schema: Schema) throws(IcebergError) {
        try schema.checkFormatVersion(state.formatVersion)
        state.lastColumnID = max(state.lastColumnID, schema.highestFieldID)
        if let same = state.schemas.first(where: { $0.hasSameColumns(as: schema) }) {
            lastAddedSchemaID = same.schemaID
            return
        }
        try require(
            state.schemas.count < Limits.definitionsMax, "more than \(Limits.definitionsMax) schemas", .limitExceeded)
        let id = (state.schemas.map(\.schemaID).max() ?? -1) + 1
        state.schemas.append(schema.withID(id))
        lastAddedSchemaID = id
    }

    mutating func setCurrentSchema(_ id: Int) throws(IcebergError) {
        let id = try lastAdded(id, lastAddedSchemaID, "schema")
        guard let schema = state.schema(id: id) else {
            throw IcebergError(.invalid, "the current schema cannot be \(id): there is no such schema")
        }
        // A replaced table starts over: without a current snapshot there is nothing that must stay readable.
        if state.currentSnapshotID != nil, let current = state.schema(id: state.currentSchemaID) {
            try Self.checkTypes(from: current, to: schema, formatVersion: state.formatVersion)
            try checkPartitionSources(from: current, to: schema)
        }
        state.currentSchemaID = id
    }

    /// Whether a new required column is acceptable is for the client that knows the data; what would make files
    /// unreadable is not: an id with another type.
    private static func checkTypes(from old: Schema, to new: Schema, formatVersion: Int) throws(IcebergError) {
        for (id, field) in new.fieldsByID.sorted(by: { $0.key < $1.key }) where field.type.isPrimitive {
            guard let before = old.field(id: id) else { continue }
            let isPromotion =
                Schema.canPromote(before.type, to: field.type, formatVersion: formatVersion)
                || Schema.canPromote(field.type, to: before.type, formatVersion: formatVersion)
            guard isPromotion else {
                throw IcebergError(
                    .invalid,
                    "\"\(new.fullName(id: id) ?? field.name)\" (id \(id)) cannot change from \(before.type) to "
                        + "\(field.type)")
            }
        }
    }

    /// Partition values are not rewritten: a promotion must not change what the transforms give (specification: "Schema
    /// Evolution").
    private func checkPartitionSources(from old: Schema, to new: Schema) throws(IcebergError) {
        for field in state.partitionSpecs.flatMap(\.fields) {
            for id in field.sourceIDs {
                guard let before = old.field(id: id)?.type, let after = new.field(id: id)?.type, before != after else {
                    continue
                }
                try require(
                    field.transform.givesSame(before, as: after),
                    "\"\(new.fullName(id: id) ?? "")\" (id \(id)) cannot change from \(before) to \(after): the "
                        + "partition field \"\(field.name)\" would change with it")
            }
        }
    }

    mutating func removeSchemas(_ ids: [Int]) throws(IcebergError) {
        try require(!ids.contains(state.currentSchemaID), "the current schema cannot be removed")
        state.schemas.removeAll { ids.contains($0.schemaID) }
    }

    /// A compatible spec is used again. A field like one of an older spec keeps its id, any other new one gets the next.
    mutating func add(_ unbound: UnboundPartitionSpec) throws(IcebergError) {
        guard let schema = state.schema(id: state.currentSchemaID) else {
            throw IcebergError(.invalid, "a partition spec cannot be added before a current schema is set")
        }
        let spec = try state.bind(unbound)
        try require(
            spec.isComputable, "the partition spec has a transform that is not known", .unsupported)
        try spec.check(against: schema)
        try spec.checkNames(against: schema)
        try require(
            state.formatVersion > 1 || spec.fields.enumerated().allSatisfy { $0.element.fieldID == 1000 + $0.offset },
            "partition field ids must be 1000, 1001, … in version 1")
        if let same = state.partitionSpecs.first(where: { $0.isCompatible(with: spec) }) {
            lastAddedSpecID = same.specID
            return
        }
        try require(
            state.partitionSpecs.count < Limits.definitionsMax, "more than \(Limits.definitionsMax) partition specs",
            .limitExceeded)
        let id = (state.partitionSpecs.map(\.specID).max() ?? -1) + 1
        state.partitionSpecs.append(spec.withID(id))
        state.lastPartitionID = max(state.lastPartitionID, spec.lastAssignedFieldID)
        lastAddedSpecID = id
    }

    mutating func setDefaultSpec(_ id: Int) throws(IcebergError) {
        let id = try lastAdded(id, lastAddedSpecID, "partition spec")
        try require(
            state.partitionSpec(id: id) != nil, "the default partition spec cannot be \(id): there is no such spec")
        state.defaultSpecID = id
    }

    mutating func removePartitionSpecs(_ ids: [Int]) throws(IcebergError) {
        try require(!ids.contains(state.defaultSpecID), "the default partition spec cannot be removed")
        state.partitionSpecs.removeAll { ids.contains($0.specID) }
    }

    mutating func add(_ order: SortOrder) throws(IcebergError) {
        guard let schema = state.schema(id: state.currentSchemaID) else {
            throw IcebergError(.invalid, "a sort order cannot be added before a current schema is set")
        }
        try require(order.isComputable, "the sort order has a transform that is not known", .unsupported)
        try order.check(against: schema)
        if let same = state.sortOrders.first(where: { $0.fields == order.fields }) {
            lastAddedOrderID = same.orderID
            return
        }
        try require(
            state.sortOrders.count < Limits.definitionsMax, "more than \(Limits.definitionsMax) sort orders",
            .limitExceeded)
        let id = order.isUnsorted ? 0 : max(1, (state.sortOrders.map(\.orderID).max() ?? 0) + 1)
        state.sortOrders.append(order.withID(id))
        lastAddedOrderID = id
    }

    mutating func setDefaultSortOrder(_ id: Int) throws(IcebergError) {
        let id = try lastAdded(id, lastAddedOrderID, "sort order")
        try require(
            state.sortOrder(id: id) != nil, "the default sort order cannot be \(id): there is no such order")
        state.defaultSortOrderID = id
    }

    /// -1 stands for what was added last in this commit.
    func lastAdded(_ id: Int, _ last: Int?, _ what: String) throws(IcebergError) -> Int {
        guard id == -1 else { return id }
        guard let last else { throw IcebergError(.invalid, "id -1 needs a \(what) added in the same commit") }
        return last
    }
}
