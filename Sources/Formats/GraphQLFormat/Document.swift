/// An executable document (October 2021 §2).
public struct Document: Sendable {
    public var operations: [OperationDefinition] = []
    public var fragments: [FragmentDefinition] = []
}

public enum OperationKind: String, Sendable {
    case query, mutation, subscription
}

public struct OperationDefinition: Sendable {
    public let kind: OperationKind
    public let name: String?
    public let variables: [VariableDefinition]
    public let directives: [Directive]
    public let selections: [Selection]
    public let location: SourceLocation
}

public struct VariableDefinition: Sendable {
    public let name: String
    public let type: TypeReference
    public let defaultValue: ValueNode?
    public let directives: [Directive]
    public let location: SourceLocation
}

public struct FragmentDefinition: Sendable {
    public let name: String
    public let typeCondition: String
    public let directives: [Directive]
    public let selections: [Selection]
    public let location: SourceLocation
}

public indirect enum Selection: Sendable {
    case field(FieldNode)
    case spread(FragmentSpread)
    case inline(InlineFragment)

    var directives: [Directive] {
        switch self {
        case .field(let field): field.directives
        case .spread(let spread): spread.directives
        case .inline(let inline): inline.directives
        }
    }
}

public struct FieldNode: Sendable {
    public let alias: String?
    public let name: String
    public let arguments: [Argument]
    public let directives: [Directive]
    public let selections: [Selection]
    public let location: SourceLocation

    public var responseKey: String { alias ?? name }
}

public struct FragmentSpread: Sendable {
    public let name: String
    public let directives: [Directive]
    public let location: SourceLocation
}

public struct InlineFragment: Sendable {
    public let typeCondition: String?
    public let directives: [Directive]
    public let selections: [Selection]
    public let location: SourceLocation
}

public struct Argument: Sendable {
    public let name: String
    public let value: ValueNode
    public let location: SourceLocation
}

public struct Directive: Sendable {
    public let name: String
    public let arguments: [Argument]
    public let location: SourceLocation
}

/// A value as written (§2.9). Numbers keep their text: their range depends on the type they are meant for.
public struct ValueNode: Sendable {
    public indirect enum Kind: Sendable {
        case variable(String)
        case integer(String)
        case float(String)
        case string(String)
        case boolean(Bool)
        case null
        case enumeration(String)
        case list([ValueNode])
        case object([Argument])
    }

    public let kind: Kind
    public let location: SourceLocation

    public var isNull: Bool { if case .null = kind { true } else { false } }

    /// The value printed in one canonical way: two values are the same if their texts are.
    public var text: String {
        switch kind {
        case .variable(let name): "$\(name)"
        case .integer(let text), .float(let text), .enumeration(let text): text
        case .string(let text): quotedString(text)
        case .boolean(let value): value ? "true" : "false"
        case .null: "null"
        case .list(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
        case .object(let fields): "{" + fields.map { "\($0.name): \($0.value.text)" }.joined(separator: ", ") + "}"
        }
    }
}

/// A reference to a type: `Name`, `[T]`, `T!`.
public indirect enum TypeReference: Hashable, Sendable, CustomStringConvertible {
    case named(String)
    case list(TypeReference)
    case nonNull(TypeReference)

    /// The innermost name.
    public var name: String {
        switch self {
        case .named(let name): name
        case .list(let inner), .nonNull(let inner): inner.name
        }
    }

    public var isNonNull: Bool { if case .nonNull = self { true } else { false } }
    /// The type without its outermost `!`.
    public var nullable: TypeReference { if case .nonNull(let inner) = self { inner } else { self } }

    public var description: String {
        switch self {
        case .named(let name): name
        case .list(let inner): "[\(inner)]"
        case .nonNull(let inner): "\(inner)!"
        }
    }
}
