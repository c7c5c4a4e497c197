/// One key of a sort order.
public struct SortField: Hashable, Sendable {
    public enum Direction: String, Hashable, Sendable { case ascending = "asc", descending = "desc" }
    public enum NullOrder: String, Hashable, Sendable { case first = "nulls-first", last = "nulls-last" }

    public var sourceIDs: [Int]
    public var transform: Transform
    public var direction: Direction
    public var nullOrder: NullOrder

    public init(
        sourceID: Int, transform: Transform = .identity, direction: Direction = .ascending,
        nullOrder: NullOrder = .first
    ) {
        self.init(sourceIDs: [sourceID], transform: transform, direction: direction, nullOrder: nullOrder)
    }

    public init(sourceIDs: [Int], transform: Transform, direction: Direction, nullOrder: NullOrder) {
        self.sourceIDs = sourceIDs
        self.transform = transform
        self.direction = direction
        self.nullOrder = nullOrder
    }

    public var sourceID: Int { sourceIDs.first ?? 0 }
}

/// How rows are ordered within a file (specification: "Sorting").
public struct SortOrder: Hashable, Sendable {
    public let orderID: Int
    public let fields: [SortField]

    public init(id: Int, fields: [SortField]) {
        orderID = id
        self.fields = fields
    }

    /// Order 0: none.
    public static let unsorted = SortOrder(id: 0, fields: [])

    public var isUnsorted: Bool { fields.isEmpty }

    public func withID(_ id: Int) -> SortOrder { SortOrder(id: id, fields: fields) }

    /// Whether rows in this order are also in the other one. False where a column is not of the schema.
    public func satisfies(_ other: SortOrder, in schema: Schema) -> Bool {
        guard fields.count >= other.fields.count else { return false }
        return zip(fields, other.fields).allSatisfy { own, wanted in
            guard own.sourceIDs == wanted.sourceIDs, own.direction == wanted.direction,
                own.nullOrder == wanted.nullOrder, let type = schema.field(id: own.sourceID)?.type
            else { return false }
            return own.transform.satisfiesOrder(of: wanted.transform, on: type)
        }
    }
}
