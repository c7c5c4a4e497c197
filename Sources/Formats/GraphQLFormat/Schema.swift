import JSONFormat

/// A type system (October 2021 §3): what can be asked for. Built from SDL text with `init(sdl:scalars:)`.
public struct GraphQLSchema: Sendable {
    public internal(set) var types: [String: TypeDefinition] = [:]
    /// Names in the order of definition, for introspection.
    public internal(set) var typeNames: [String] = []
    public internal(set) var directives: [DirectiveDefinition] = []
    public internal(set) var queryType = "Query"
    public internal(set) var mutationType: String?
    public internal(set) var subscriptionType: String?
    /// Whether `__schema` and `__type` are fields of the query type.
    public var isIntrospectionAllowed = true
    var scalars: [String: ScalarCoercion] = ScalarCoercion.builtIn

    init() {}

    public func type(_ name: String) -> TypeDefinition? { types[name] }

    func rootType(_ kind: OperationKind) -> String? {
        switch kind {
        case .query: queryType
        case .mutation: mutationType
        case .subscription: subscriptionType
        }
    }

    func directive(_ name: String) -> DirectiveDefinition? { directives.first { $0.name == name } }

    /// The field, counting `__typename` everywhere and `__schema` and `__type` at the root.
    func field(_ name: String, of type: TypeDefinition) -> FieldDefinition? {
        switch name {
        case "__typename" where type.isComposite: Introspection.typenameField
        case "__schema" where type.name == queryType && isIntrospectionAllowed: Introspection.schemaField
        case "__type" where type.name == queryType && isIntrospectionAllowed: Introspection.typeField
        default: type.fields.first { $0.name == name }
        }
    }

    /// The object types a value of this composite type may have.
    func possibleTypes(_ name: String) -> Set<String> {
        guard let type = types[name] else { return [] }
        switch type.kind {
        case .object: return [name]
        case .union: return Set(type.members)
        case .interface:
            return Set(types.values.filter { $0.kind == .object && $0.interfaces.contains(name) }.map(\.name))
        default: return []
        }
    }
}

public struct TypeDefinition: Sendable {
    public enum Kind: String, Sendable {
        case scalar = "SCALAR"
        case object = "OBJECT"
        case interface = "INTERFACE"
        case union = "UNION"
        case enumeration = "ENUM"
        case input = "INPUT_OBJECT"
    }

    public let kind: Kind
    public let name: String
    public var description: String?
    public var fields: [FieldDefinition] = []
    public var inputFields: [InputValueDefinition] = []
    public var enumValues: [EnumValueDefinition] = []
    public var interfaces: [String] = []
    /// Of a union.
    public var members: [String] = []
    public var specifiedBy: String?

    init(_ kind: Kind, _ name: String, description: String? = nil) {
        self.kind = kind
        self.name = name
        self.description = description
    }

    var isComposite: Bool { kind == .object || kind == .interface || kind == .union }
    var isLeaf: Bool { kind == .scalar || kind == .enumeration }
    var isInput: Bool { isLeaf || kind == .input }
}

public struct FieldDefinition: Sendable {
    public let name: String
    public let description: String?
    public let arguments: [InputValueDefinition]
    public let type: TypeReference
    public let deprecationReason: String?
}

public struct InputValueDefinition: Sendable {
    public let name: String
    public let description: String?
    public let type: TypeReference
    public let defaultValue: ValueNode?
    public var deprecationReason: String?

    var isRequired: Bool { type.isNonNull && defaultValue == nil }
}

public struct EnumValueDefinition: Sendable {
    public let name: String
    public let description: String?
    public let deprecationReason: String?
}

public struct DirectiveDefinition: Sendable {
    public let name: String
    public let description: String?
    public let arguments: [InputValueDefinition]
    public let locations: [String]
    public let isRepeatable: Bool
}
