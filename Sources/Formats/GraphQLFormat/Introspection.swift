import JSONFormat

/// The schema that describes schemas (October 2021 §4).
enum Introspection {
    static let sdl = """
        scalar Int
        scalar Float
        scalar String
        scalar Boolean
        scalar ID
        "Skips this field or fragment when the argument is true."
        directive @skip("Skipped when true." if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
        "Includes this field or fragment only when the argument is true."
        directive @include("Included when true." if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
        "Marks what should no longer be used."
        directive @deprecated(reason: String = "No longer supported")
            on FIELD_DEFINITION | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION | ENUM_VALUE
        "Where the behaviour of a scalar is specified."
        directive @specifiedBy(url: String!) on SCALAR
        type __Schema {
          description: String
          types: [__Type!]!
          queryType: __Type!
          mutationType: __Type
          subscriptionType: __Type
          directives: [__Directive!]!
        }
        type __Type {
          kind: __TypeKind!
          name: String
          description: String
          specifiedByURL: String
          fields(includeDeprecated: Boolean = false): [__Field!]
          interfaces: [__Type!]
          possibleTypes: [__Type!]
          enumValues(includeDeprecated: Boolean = false): [__EnumValue!]
          inputFields(includeDeprecated: Boolean = false): [__InputValue!]
          ofType: __Type
        }
        type __Field {
          name: String!
          description: String
          args(includeDeprecated: Boolean = false): [__InputValue!]!
          type: __Type!
          isDeprecated: Boolean!
          deprecationReason: String
        }
        type __InputValue {
          name: String!
          description: String
          type: __Type!
          defaultValue: String
          isDeprecated: Boolean!
          deprecationReason: String
        }
        type __EnumValue {
          name: String!
          description: String
          isDeprecated: Boolean!
          deprecationReason: String
        }
        type __Directive {
          name: String!
          description: String
          locations: [__DirectiveLocation!]!
          args(includeDeprecated: Boolean = false): [__InputValue!]!
          isRepeatable: Boolean!
        }
        enum __TypeKind { SCALAR OBJECT INTERFACE UNION ENUM INPUT_OBJECT LIST NON_NULL }
        enum __DirectiveLocation {
          QUERY MUTATION SUBSCRIPTION FIELD FRAGMENT_DEFINITION FRAGMENT_SPREAD INLINE_FRAGMENT VARIABLE_DEFINITION
          SCHEMA SCALAR OBJECT FIELD_DEFINITION ARGUMENT_DEFINITION INTERFACE UNION ENUM ENUM_VALUE INPUT_OBJECT
          INPUT_FIELD_DEFINITION
        }
        """

    static let typenameField = FieldDefinition(
        name: "__typename", description: nil, arguments: [], type: .nonNull(.named("String")), deprecationReason: nil)
    static let schemaField = FieldDefinition(
        name: "__schema", description: nil, arguments: [], type: .nonNull(.named("__Schema")), deprecationReason: nil)
    static let typeField = FieldDefinition(
        name: "__type", description: nil,
        arguments: [
            InputValueDefinition(name: "name", description: nil, type: .nonNull(.named("String")), defaultValue: nil)
        ],
        type: .named("__Type"), deprecationReason: nil)

    /// What an object of the introspection schema stands for.
    enum Node: Sendable {
        case schema
        case type(TypeReference)
        case field(FieldDefinition)
        case input(InputValueDefinition)
        case enumValue(EnumValueDefinition)
        case directive(DirectiveDefinition)
    }

    static func resolve(
        _ field: String, of node: Node, arguments: JSONObject, schema: GraphQLSchema
    ) -> GraphQLOutput {
        let includeDeprecated = arguments["includeDeprecated"]?.bool ?? false
        switch node {
        case .schema: return schemaMember(field, schema)
        case .type(let reference):
            return typeMember(field, reference, schema, includeDeprecated: includeDeprecated)
        case .field(let definition):
            switch field {
            case "name": return .json(.string(definition.name))
            case "description": return text(definition.description)
            case "args": return inputs(definition.arguments, includeDeprecated)
            case "type": return .object(Node.type(definition.type))
            case "isDeprecated": return .json(.bool(definition.deprecationReason != nil))
            default: return text(definition.deprecationReason)
            }
        case .input(let definition):
            switch field {
            case "name": return .json(.string(definition.name))
            case "description": return text(definition.description)
            case "type": return .object(Node.type(definition.type))
            case "defaultValue": return text(definition.defaultValue?.text)
            case "isDeprecated": return .json(.bool(definition.deprecationReason != nil))
            default: return text(definition.deprecationReason)
            }
        case .enumValue(let definition):
            switch field {
            case "name": return .json(.string(definition.name))
            case "description": return text(definition.description)
            case "isDeprecated": return .json(.bool(definition.deprecationReason != nil))
            default: return text(definition.deprecationReason)
            }
        case .directive(let definition):
            switch field {
            case "name": return .json(.string(definition.name))
            case "description": return text(definition.description)
            case "locations": return .json(.array(definition.locations.map { .string($0) }))
            case "args": return inputs(definition.arguments, includeDeprecated)
            default: return .json(.bool(definition.isRepeatable))
            }
        }
    }

    private static func schemaMember(_ field: String, _ schema: GraphQLSchema) -> GraphQLOutput {
        func root(_ name: String?) -> GraphQLOutput {
            name.map { .object(Node.type(.named($0))) } ?? .json(.null)
        }
        switch field {
        case "types": return .list(schema.typeNames.map { .object(Node.type(.named($0))) })
        case "queryType": return root(schema.queryType)
        case "mutationType": return root(schema.mutationType)
        case "subscriptionType": return root(schema.subscriptionType)
        case "directives": return .list(schema.directives.map { .object(Node.directive($0)) })
        default: return .json(.null)
        }
    }

    private static func typeMember(
        _ field: String, _ reference: TypeReference, _ schema: GraphQLSchema, includeDeprecated: Bool
    ) -> GraphQLOutput {
        let inner: TypeReference
        switch reference {
        case .nonNull(let type), .list(let type): inner = type
        case .named(let name):
            guard let type = schema.types[name] else { return .json(.null) }
            return namedTypeMember(field, type, schema, includeDeprecated: includeDeprecated)
        }
        switch field {
        case "kind": return .json(.string(reference.isNonNull ? "NON_NULL" : "LIST"))
        case "ofType": return .object(Node.type(inner))
        default: return .json(.null)
        }
    }

    private static func namedTypeMember(
        _ field: String, _ type: TypeDefinition, _ schema: GraphQLSchema, includeDeprecated: Bool
    ) -> GraphQLOutput {
        let isFielded = type.kind == .object || type.kind == .interface
        switch field {
        case "kind": return .json(.string(type.kind.rawValue))
        case "name": return .json(.string(type.name))
        case "description": return text(type.description)
        case "specifiedByURL": return text(type.specifiedBy)
        case "fields" where isFielded:
            let fields = type.fields.filter { includeDeprecated || $0.deprecationReason == nil }
            return .list(fields.map { .object(Node.field($0)) })
        case "interfaces" where isFielded: return types(type.interfaces)
        case "possibleTypes" where type.kind == .interface || type.kind == .union:
            return types(schema.possibleTypes(type.name).sorted())
        case "enumValues" where type.kind == .enumeration:
            let values = type.enumValues.filter { includeDeprecated || $0.deprecationReason == nil }
            return .list(values.map { .object(Node.enumValue($0)) })
        case "inputFields" where type.kind == .input: return inputs(type.inputFields, includeDeprecated)
        default: return .json(.null)
        }
    }

    private static func text(_ value: String?) -> GraphQLOutput { .json(value.map { .string($0) } ?? .null) }

    private static func types(_ names: [String]) -> GraphQLOutput {
        .list(names.map { .object(Node.type(.named($0))) })
    }

    private static func inputs(_ values: [InputValueDefinition], _ includeDeprecated: Bool) -> GraphQLOutput {
        .list(values.filter { includeDeprecated || $0.deprecationReason == nil }.map { .object(Node.input($0)) })
    }
}
