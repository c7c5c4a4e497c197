import Clocks

extension TableMetadata {
    /// The table after a commit of these updates, in order, all or none. Nothing is written: that is the catalog's part.
    ///
    /// - Parameters:
    ///   - time: when the commit is made. `last-updated-ms` never goes back, whatever the clocks say.
    ///   - previousMetadataFile: where the metadata file of `self` lies, for the metadata log.
    /// - Returns: `self`, unchanged, when the updates change nothing.
    /// - Throws: `.stale` when a retry from the newest state can help, else `.invalid`, `.unsupported`,
    ///   `.limitExceeded`.
    public func applying(
        _ updates: [TableUpdate], at time: Timestamp, previousMetadataFile: String? = nil
    ) throws(IcebergError) -> TableMetadata {
        var builder = TableMetadataBuilder(self, at: time)
        for update in updates { try builder.apply(update) }
        return try builder.build(previousFile: previousMetadataFile)
    }

    /// A new table made of updates alone: a commit with `assert-create`, as after a staged create.
    ///
    /// - Throws: as `applying`; `.invalid` when something every table has is not among them.
    public static func creating(from updates: [TableUpdate], at time: Timestamp) throws(IcebergError) -> TableMetadata {
        let versions = updates.compactMap { if case .upgradeFormatVersion(let version) = $0 { version } else { nil } }
        let version = versions.first ?? 2
        guard supportedFormatVersions.contains(version) else {
            throw IcebergError(.unsupported, "format version \(version) is not known, only 1, 2 and 3 are")
        }
        var builder = TableMetadataBuilder(formatVersion: version, at: time)
        for update in updates { try builder.apply(update) }
        return try builder.build()
    }

    /// Properties a create request may carry that are not kept: what they say is elsewhere in the metadata.
    public static let reservedProperties: Set<String> = [
        "format-version", "uuid", "snapshot-count", "current-snapshot-id", "current-snapshot-summary",
        "current-snapshot-timestamp-ms", "current-schema", "default-partition-spec", "default-sort-order",
    ]

    /// A new table without snapshots. Ids of the request are hints: fields get fresh ones from 1 on, and the partition
    /// spec and sort order are bound to them.
    ///
    /// - Parameter formatVersion: nil takes the property `format-version`, else 2.
    /// - Throws: `.invalid` for a spec or sort order that does not fit the columns; `.malformed`, `.unsupported` for a
    ///   format version that is none or not known; otherwise as `applying`.
    public static func new(
        location: String, schema: Schema, spec: UnboundPartitionSpec = UnboundPartitionSpec(),
        sortOrder: SortOrder = .unsorted, properties: [String: String] = [:], formatVersion: Int? = nil, uuid: UUID,
        at time: Timestamp
    ) throws(IcebergError) -> TableMetadata {
        let (fresh, newIDs) = try schema.assigningFreshIDs()
        func renew(_ ids: [Int], _ what: String) throws(IcebergError) -> [Int] {
            var renewed: [Int] = []
            for id in ids {
                guard let new = newIDs[id] else {
                    throw IcebergError(.invalid, "\(what) has the source column \(id), which does not exist")
                }
                renewed.append(new)
            }
            return renewed
        }
        var freshSpec = UnboundPartitionSpec()
        for field in spec.fields {
            let sources = try renew(field.sourceIDs, "the partition field \"\(field.name)\"")
            freshSpec.fields.append(.init(sourceIDs: sources, name: field.name, transform: field.transform))
        }
        var sortFields: [SortField] = []
        for var field in sortOrder.fields {
            field.sourceIDs = try renew(field.sourceIDs, "the sort order")
            sortFields.append(field)
        }
        let requested = try requestedFormatVersion(properties)
        let version = formatVersion ?? requested
        return try creating(
            from: [
                .assignUUID(uuid), .upgradeFormatVersion(version), .addSchema(fresh), .setCurrentSchema(id: -1),
                .addPartitionSpec(freshSpec), .setDefaultSpec(id: -1),
                .addSortOrder(SortOrder(id: sortFields.isEmpty ? 0 : 1, fields: sortFields)),
                .setDefaultSortOrder(id: -1), .setLocation(location),
                .setProperties(properties.filter { !reservedProperties.contains($0.key) }),
            ], at: time)
    }

    private static func requestedFormatVersion(_ properties: [String: String]) throws(IcebergError) -> Int {
        guard let text = properties["format-version"] else { return 2 }
        guard let version = Int(text) else {
            throw IcebergError(.malformed, "the property format-version is \"\(text.prefix(20))\", not 1, 2 or 3")
        }
        return version
    }

    /// Notes the file this state follows on. As many entries are kept as `write.metadata.previous-versions-max` says
    /// (100, at least 1).
    ///
    /// - Parameter previousLastUpdatedMilliseconds: `last-updated-ms` of that file.
    public func addingMetadataLogEntry(
        previousLocation: String, previousLastUpdatedMilliseconds: Int64
    ) -> TableMetadata {
        let keep = max(1, properties["write.metadata.previous-versions-max"].flatMap { Int($0) } ?? 100)
        var result = self
        result.metadataLog.append(
            MetadataLogEntry(
                timestampMilliseconds: previousLastUpdatedMilliseconds, metadataFile: previousLocation))
        result.metadataLog.removeFirst(max(0, result.metadataLog.count - keep))
        return result
    }

    static func withoutTrailingSlash(_ location: String) -> String {
        var text = Substring(location)
        while text.hasSuffix("/"), !text.hasSuffix("://") { text = text.dropLast() }
        return String(text)
    }

    /// Gives ids to the fields of a spec that have none: that of a like field of an older spec, or the next.
    func bind(_ unbound: UnboundPartitionSpec) throws(IcebergError) -> PartitionSpec {
        guard unbound.fields.count <= Limits.partitionFieldsMax else {
            throw IcebergError(.limitExceeded, "more than \(Limits.partitionFieldsMax) partition fields")
        }
        var taken = Set(unbound.fields.compactMap(\.fieldID))
        guard taken.count == unbound.fields.compactMap(\.fieldID).count else {
            throw IcebergError(.invalid, "a partition field id is given twice")
        }
        var last = max(lastPartitionID, taken.max() ?? 0)
        let known = partitionSpecs.flatMap(\.fields)
        var fields: [PartitionField] = []
        for field in unbound.fields {
            let like = known.last { $0.sourceIDs == field.sourceIDs && $0.transform == field.transform }
            var id = field.fieldID
            if id == nil, let old = like?.fieldID, taken.insert(old).inserted { id = old }
            if id == nil {
                last += 1
                id = last
            }
            fields.append(
                PartitionField(
                    sourceIDs: field.sourceIDs, fieldID: id ?? last, name: field.name, transform: field.transform))
        }
        return PartitionSpec(id: unbound.specID ?? 0, fields: fields)
    }
}
