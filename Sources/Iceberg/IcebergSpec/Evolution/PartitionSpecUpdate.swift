/// Changes of how a table divides rows into files, one after the other (specification: "Partition Evolution").
///
/// Every change throws `.invalid` when the column or field is not there or the name is taken. Commit it with
/// `TableChange.partitionSpec` of IcebergTable.
public struct PartitionSpecUpdate: Sendable {
    private let metadata: TableMetadata
    private let ignoringCase: Bool
    private var fields: [UnboundPartitionSpec.Field]

    /// - Parameter ignoringCase: find columns whatever the case of their names.
    public init(_ metadata: TableMetadata, ignoringCase: Bool = false) {
        self.metadata = metadata
        self.ignoringCase = ignoringCase
        fields = UnboundPartitionSpec(metadata.defaultSpec).fields
    }

    /// Adds a field, last.
    ///
    /// - Parameter name: nil makes one of the column's name and the transform, as other implementations do:
    ///   `id_bucket_16`, `time_hour`.
    public mutating func add(
        _ column: String, _ transform: Transform = .identity, name: String? = nil
    ) throws(IcebergError) {
        let schema = metadata.currentSchema
        let source = ignoringCase ? schema.field(namedIgnoringCase: column) : schema.field(named: column)
        guard let source else { throw IcebergError(.invalid, "there is no column \"\(column.prefix(200))\"") }
        guard transform != .void else { throw IcebergError(.invalid, "void tells no rows apart") }
        if let same = fields.first(where: { $0.sourceIDs == [source.id] && $0.transform == transform }) {
            throw IcebergError(
                .invalid,
                "there is a partition field \"\(same.name)\" already that is \(transform) of "
                    + "\"\(column.prefix(200))\"")
        }
        let name = name ?? Self.name(of: transform, schema.fullName(id: source.id) ?? source.name)
        for index in fields.indices where fields[index].name == name && fields[index].transform == .void {
            fields[index].name += "_\(fields[index].fieldID ?? index)"
        }
        try checkFree(name)
        fields.append(.init(sourceID: source.id, name: name, transform: transform))
    }

    /// Removes the field of this name. In version 1 it becomes `void`: fields there must keep their places.
    public mutating func remove(_ name: String) throws(IcebergError) {
        let index = try index(of: name)
        if metadata.formatVersion == 1 {
            fields[index].transform = .void
        } else {
            fields.remove(at: index)
        }
    }

    /// Renames a field; the folders of later files have the new name.
    public mutating func rename(_ name: String, to newName: String) throws(IcebergError) {
        let index = try index(of: name)
        guard name != newName else { return }
        try checkFree(newName)
        fields[index].name = newName
    }

    /// The changed spec, checked against the current schema. Fields like those of older specs have their ids.
    public func spec() throws(IcebergError) -> PartitionSpec {
        let spec = try metadata.bind(UnboundPartitionSpec(fields: fields))
        try spec.check(against: metadata.currentSchema)
        try spec.checkNames(against: metadata.currentSchema)
        return spec
    }

    /// The changed spec as a commit. Empty when nothing changed.
    public func updates() throws(IcebergError) -> [TableUpdate] {
        let spec = try spec()
        guard spec.fields != metadata.defaultSpec.fields else { return [] }
        return [
            .addPartitionSpec(UnboundPartitionSpec(fields: UnboundPartitionSpec(spec).fields)), .setDefaultSpec(id: -1),
        ]
    }

    private func index(of name: String) throws(IcebergError) -> Int {
        guard let index = fields.firstIndex(where: { $0.name == name && $0.transform != .void }) else {
            throw IcebergError(.invalid, "there is no partition field \"\(name.prefix(200))\"")
        }
        return index
    }

    private func checkFree(_ name: String) throws(IcebergError) {
        if fields.contains(where: { $0.name == name }) {
            throw IcebergError(.invalid, "there is a partition field \"\(name.prefix(200))\" already")
        }
    }

    private static func name(of transform: Transform, _ column: String) -> String {
        switch transform {
        case .identity: column
        case .void: column + "_null"
        case .bucket(let count): "\(column)_bucket_\(count)"
        case .truncate(let width): "\(column)_trunc_\(width)"
        case .year, .month, .day, .hour: "\(column)_\(transform)"
        case .unknown(let text): "\(column)_\(text)"
        }
    }
}
