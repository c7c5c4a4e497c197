/// What a test is of: a column, or a transform of one (specification: "Expressions Spec", value expressions).
public struct Term: Hashable, Sendable {
    public enum Reference: Hashable, Sendable {
        /// The full name, as in `extensions.key`; found in a schema when bound.
        case name(String)
        case id(Int)
    }

    public var reference: Reference
    /// `.identity` for the column itself.
    public var transform: Transform

    public init(_ name: String, transform: Transform = .identity) {
        self.init(.name(name), transform: transform)
    }

    public init(_ reference: Reference, transform: Transform = .identity) {
        self.reference = reference
        self.transform = transform
    }
}

extension Term: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self.init(value) }
}

extension Term: CustomStringConvertible {
    /// `id`, or `bucket[16](id)`; a column given by its id as `#7`.
    public var description: String {
        let column = columnDescription
        return transform == .identity ? column : "\(transform)(\(column))"
    }

    /// The column alone, cut to a length that fits a message.
    var columnDescription: String {
        switch reference {
        case .name(let name): String(name.prefix(200))
        case .id(let id): "#\(id)"
        }
    }
}
