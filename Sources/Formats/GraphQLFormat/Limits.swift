/// What a document may cost. Checked before the work it bounds.
public struct GraphQLLimits: Hashable, Sendable {
    /// Bytes of the document.
    public var lengthMax = 256 << 10
    public var tokensMax = 20_000
    /// Nesting of anything in the text, values included.
    public var nestingMax = 64
    /// Fragments of a document: bounds how far one may lead to another.
    public var fragmentsMax = 200
    /// Levels of fields, with fragments spread.
    public var depthMax = 24
    /// Fields of one operation with fragments spread, counted as often as they would be visited.
    public var fieldsMax = 2_000
    /// Aliases of one operation, with fragments spread: each may repeat a query.
    public var aliasesMax = 100
    /// Errors listed before validation stops.
    public var errorsMax = 50

    public init() {}
}
