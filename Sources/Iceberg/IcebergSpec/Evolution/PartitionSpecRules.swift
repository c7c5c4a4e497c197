/// Rules for partition specs and sort orders that are written.
extension PartitionSpec {
    /// Whether every field can be computed: unknown transforms can be carried, not written.
    var isComputable: Bool {
        fields.allSatisfy { field in
            if case .unknown = field.transform { return false }
            return field.sourceIDs.count == 1 || field.transform == .void
        }
    }

    /// Checks that every source is a column whose type the transform takes.
    func check(against schema: Schema) throws(IcebergError) {
        for field in fields where field.transform != .void { try Self.checkSources(field, schema) }
    }

    /// Checks that names are distinct and clash with no column but their own.
    func checkNames(against schema: Schema) throws(IcebergError) {
        var names: Set<String> = []
        for field in fields {
            guard !field.name.isEmpty, field.name.utf8.count <= Limits.nameBytesMax else {
                throw IcebergError(.invalid, "a partition field needs a name of 1 to \(Limits.nameBytesMax) bytes")
            }
            guard names.insert(field.name).inserted else {
                throw IcebergError(.invalid, "the partition field \"\(field.name)\" is given twice")
            }
            guard let column = schema.fields.first(where: { $0.name == field.name }) else { continue }
            let isOwn = field.transform == .identity && field.sourceIDs == [column.id]
            guard isOwn || field.transform == .void else {
                throw IcebergError(
                    .invalid, "the partition field \"\(field.name)\" has the name of a column it is not identical to")
            }
        }
    }

    private static func checkSources(_ field: PartitionField, _ schema: Schema) throws(IcebergError) {
        for id in field.sourceIDs {
            guard let source = schema.field(id: id) else {
                throw IcebergError(
                    .invalid, "the partition field \"\(field.name)\" has the source column \(id), which does not exist")
            }
            guard source.type.isPrimitive, field.transform.canTransform(source.type) else {
                throw IcebergError(
                    .invalid,
                    "the partition field \"\(field.name)\": \(field.transform) cannot be applied to \"\(source.name)\" "
                        + "of type \(source.type)")
            }
            var parent = schema.parentID(of: id)
            while let above = parent.flatMap({ schema.field(id: $0) }) {
                guard !above.type.isRepeated else {
                    throw IcebergError(
                        .invalid, "the partition field \"\(field.name)\": \"\(source.name)\" lies in a list or map")
                }
                parent = schema.parentID(of: above.id)
            }
        }
    }
}

extension SortOrder {
    var isComputable: Bool {
        fields.allSatisfy { field in
            if case .unknown = field.transform { return false }
            return field.sourceIDs.count == 1
        }
    }

    func check(against schema: Schema) throws(IcebergError) {
        for field in fields {
            for id in field.sourceIDs {
                guard let source = schema.field(id: id) else {
                    throw IcebergError(.invalid, "the sort order has the source column \(id), which does not exist")
                }
                guard source.type.isPrimitive, field.transform.canTransform(source.type) else {
                    throw IcebergError(
                        .invalid,
                        "the sort order: \(field.transform) cannot be applied to \"\(source.name)\" of type "
                            + "\(source.type)")
                }
            }
        }
    }
}

extension TableMetadata {
    /// Checks what the next data is written by, the default partition spec and sort order, as a commit that sets them would.
    ///
    /// - Throws: `.invalid` for sources that the current schema does not have or whose type the transform does not take, and for names
    ///   that are given twice.
    public func checkDefaults() throws(IcebergError) {
        guard let schema = schema(id: currentSchemaID) else { return }
        if let spec = partitionSpec(id: defaultSpecID) {
            try spec.check(against: schema)
            try spec.checkNames(against: schema)
        }
        if let order = sortOrder(id: defaultSortOrderID) { try order.check(against: schema) }
    }
}
