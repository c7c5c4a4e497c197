/// One value of a partition tuple: a transform of a column.
public struct PartitionField: Hashable, Sendable {
    /// One id, except for multi-argument transforms of version 3.
    public var sourceIDs: [Int]
    public var fieldID: Int
    public var name: String
    public var transform: Transform

    public init(sourceID: Int, fieldID: Int, name: String, transform: Transform) {
        self.init(sourceIDs: [sourceID], fieldID: fieldID, name: name, transform: transform)
    }

    public init(sourceIDs: [Int], fieldID: Int, name: String, transform: Transform) {
        self.sourceIDs = sourceIDs
        self.fieldID = fieldID
        self.name = name
        self.transform = transform
    }

    public var sourceID: Int { sourceIDs.first ?? 0 }
}

/// How rows are divided into files (specification: "Partition Specs").
public struct PartitionSpec: Hashable, Sendable {
    /// Partition field ids start after this one.
    public static let firstFieldID = 1000
    public static let unpartitionedLastAssignedID = 999

    public let specID: Int
    public let fields: [PartitionField]

    public init(id: Int = 0, fields: [PartitionField]) {
        specID = id
        self.fields = fields
    }

    public static let unpartitioned = PartitionSpec(id: 0, fields: [])

    /// Whether there is nothing to tell partitions apart by: no field, or only `void` ones.
    public var isUnpartitioned: Bool { fields.allSatisfy { $0.transform == .void } }

    /// 999 when there are no fields.
    public var lastAssignedFieldID: Int { fields.map(\.fieldID).max() ?? Self.unpartitionedLastAssignedID }

    public func withID(_ id: Int) -> PartitionSpec { PartitionSpec(id: id, fields: fields) }

    /// Whether both divide rows alike: sources, transforms and names in order, whatever the ids.
    public func isCompatible(with other: PartitionSpec) -> Bool {
        fields.count == other.fields.count
            && zip(fields, other.fields).allSatisfy {
                $0.sourceIDs == $1.sourceIDs && $0.transform == $1.transform && $0.name == $1.name
            }
    }
}

/// A partition spec as a client sends it: field ids may be left to the catalog.
public struct UnboundPartitionSpec: Hashable, Sendable {
    public struct Field: Hashable, Sendable {
        public var sourceIDs: [Int]
        public var fieldID: Int?
        public var name: String
        public var transform: Transform

        public init(sourceIDs: [Int], fieldID: Int? = nil, name: String, transform: Transform) {
            self.sourceIDs = sourceIDs
            self.fieldID = fieldID
            self.name = name
            self.transform = transform
        }

        public init(sourceID: Int, fieldID: Int? = nil, name: String, transform: Transform) {
            self.init(sourceIDs: [sourceID], fieldID: fieldID, name: name, transform: transform)
        }
    }

    public var specID: Int?
    public var fields: [Field]

    public init(id: Int? = nil, fields: [Field] = []) {
        specID = id
        self.fields = fields
    }

    public init(_ spec: PartitionSpec) {
        specID = spec.specID
        fields = spec.fields.map {
            Field(sourceIDs: $0.sourceIDs, fieldID: $0.fieldID, name: $0.name, transform: $0.transform)
        }
    }
}
