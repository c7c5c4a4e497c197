import JSONFormat

/// How a scalar reads inputs and writes results (October 2021 §3.5).
public struct ScalarCoercion: Sendable {
    /// The coerced input; nil when the value is not one of this scalar.
    public let input: @Sendable (JSONValue) -> JSONValue?
    /// The coerced result; nil when it cannot be represented.
    public let output: @Sendable (JSONValue) -> JSONValue?

    public init(
        input: @escaping @Sendable (JSONValue) -> JSONValue?, output: @escaping @Sendable (JSONValue) -> JSONValue?
    ) {
        self.input = input
        self.output = output
    }

    /// Takes and gives any JSON value.
    public static let any = ScalarCoercion(input: { $0 }, output: { $0 })

    static let builtIn: [String: ScalarCoercion] = [
        "Int": ScalarCoercion(input: int, output: int),
        "Float": ScalarCoercion(input: float, output: float),
        "String": ScalarCoercion(input: string, output: string),
        "Boolean": ScalarCoercion(input: boolean, output: boolean),
        "ID": ScalarCoercion(input: id, output: id),
    ]

    @Sendable private static func string(_ value: JSONValue) -> JSONValue? { value.string.map { .string($0) } }
    @Sendable private static func boolean(_ value: JSONValue) -> JSONValue? { value.bool.map { .bool($0) } }

    @Sendable private static func int(_ value: JSONValue) -> JSONValue? {
        switch value {
        case .integer(let number) where Int32(exactly: number) != nil: value
        case .double(let number): Int32(exactly: number).map { JSONValue($0) }
        default: nil
        }
    }

    @Sendable private static func float(_ value: JSONValue) -> JSONValue? {
        value.double.flatMap { $0.isFinite ? JSONValue.double($0) : JSONValue?.none }
    }

    @Sendable private static func id(_ value: JSONValue) -> JSONValue? {
        switch value {
        case .string: value
        case .integer(let number): .string(String(number))
        case .unsigned(let number): .string(String(number))
        default: nil
        }
    }
}

/// Coerces inputs to their types: variables from JSON, arguments from the document.
struct InputCoercion {
    let schema: GraphQLSchema

    // MARK: Variables (§6.1.2)

    func variables(
        of operation: OperationDefinition, from given: JSONObject
    ) throws(GraphQLError) -> JSONObject {
        var values = JSONObject()
        for definition in operation.variables {
            func fail(_ message: String) -> GraphQLError {
                GraphQLError(
                    "Variable \"$\(definition.name)\" \(message)", locations: [definition.location],
                    code: GraphQLError.badInputCode)
            }
            guard let value = given[definition.name] else {
                if let literal = definition.defaultValue {
                    values[definition.name] = try self.literal(literal, as: definition.type, variables: values)
                } else if definition.type.isNonNull {
                    throw fail("of required type \"\(definition.type)\" was not provided.")
                }
                continue
            }
            do {
                values[definition.name] = try self.json(value, as: definition.type, path: "$\(definition.name)")
            } catch {
                throw fail("got invalid value: \(error.message)")
            }
        }
        return values
    }

    func json(_ value: JSONValue, as type: TypeReference, path: String) throws(GraphQLError) -> JSONValue {
        func fail(_ message: String) -> GraphQLError {
            GraphQLError("\(message) at \"\(path)\".", code: GraphQLError.badInputCode)
        }
        switch type {
        case .nonNull(let inner):
            guard !value.isNull else { throw fail("Expected a value of type \"\(type)\", found null") }
            return try json(value, as: inner, path: path)
        case _ where value.isNull: return .null
        case .list(let inner):
            guard let elements = value.array else { return .array([try json(value, as: inner, path: path)]) }
            var coerced: [JSONValue] = []
            for (index, element) in elements.enumerated() {
                coerced.append(try json(element, as: inner, path: "\(path)[\(index)]"))
            }
            return .array(coerced)
        case .named(let name):
            guard let definition = schema.types[name] else { throw fail("Unknown type \"\(name)\"") }
            switch definition.kind {
            case .enumeration:
                guard let text = value.string, definition.enumValues.contains(where: { $0.name == text }) else {
                    throw fail("Value \(value.serializedString()) does not exist in \"\(name)\" enum")
                }
                return value
            case .input:
                guard let object = value.object else {
                    throw fail("Expected type \"\(name)\" to be an object, found \(value.kind)")
                }
                return try input(object, as: definition, path: path)
            default:
                guard let coerced = schema.scalars[name]?.input(value) else {
                    throw fail("\(name) cannot represent value: \(value.serializedString())")
                }
                return coerced
            }
        }
    }

    private func input(
        _ object: JSONObject, as type: TypeDefinition, path: String
    ) throws(GraphQLError) -> JSONValue {
        for key in object.keys where !type.inputFields.contains(where: { $0.name == key }) {
            throw GraphQLError(
                "Field \"\(key)\" is not defined by type \"\(type.name)\" at \"\(path)\".",
                code: GraphQLError.badInputCode)
        }
        var coerced = JSONObject()
        for field in type.inputFields {
            if let value = object[field.name] {
                coerced[field.name] = try json(value, as: field.type, path: "\(path).\(field.name)")
            } else if let literal = field.defaultValue {
                coerced[field.name] = try self.literal(literal, as: field.type, variables: JSONObject())
            } else if field.type.isNonNull {
                throw GraphQLError(
                    "Field \"\(field.name)\" of required type \"\(field.type)\" was not provided at \"\(path)\".",
                    code: GraphQLError.badInputCode)
            }
        }
        return .object(coerced)
    }

    // MARK: Arguments (§6.4.1)

    func arguments(
        _ given: [Argument], for definitions: [InputValueDefinition], variables: JSONObject, at location: SourceLocation
    ) throws(GraphQLError) -> JSONObject {
        var values = JSONObject()
        for definition in definitions {
            let argument = given.first { $0.name == definition.name }
            var isGiven = argument != nil
            if case .variable(let name) = argument?.value.kind { isGiven = variables[name] != nil }
            if isGiven, let argument {
                values[definition.name] = try literal(argument.value, as: definition.type, variables: variables)
            } else if let literal = definition.defaultValue {
                values[definition.name] = try self.literal(literal, as: definition.type, variables: variables)
            } else if definition.type.isNonNull {
                throw GraphQLError(
                    "Argument \"\(definition.name)\" of required type \"\(definition.type)\" was not provided.",
                    locations: [argument?.location ?? location], code: GraphQLError.badInputCode)
            }
        }
        return values
    }

    /// Coerces a written value; variables in it are already coerced.
    func literal(
        _ node: ValueNode, as type: TypeReference, variables: JSONObject
    ) throws(GraphQLError) -> JSONValue {
        func fail(_ message: String) -> GraphQLError {
            GraphQLError(message, locations: [node.location], code: GraphQLError.validationCode)
        }
        if case .variable(let name) = node.kind {
            let value = variables[name] ?? .null
            if value.isNull && type.isNonNull {
                throw fail("Expected value of non-null type \"\(type)\" not to be null.")
            }
            return value
        }
        switch type {
        case .nonNull(let inner):
            guard !node.isNull else { throw fail("Expected value of type \"\(type)\", found null.") }
            return try literal(node, as: inner, variables: variables)
        case _ where node.isNull: return .null
        case .list(let inner):
            guard case .list(let elements) = node.kind else {
                return .array([try literal(node, as: inner, variables: variables)])
            }
            var values: [JSONValue] = []
            for element in elements { values.append(try literal(element, as: inner, variables: variables)) }
            return .array(values)
        case .named(let name):
            guard let definition = schema.types[name] else { throw fail("Unknown type \"\(name)\".") }
            switch definition.kind {
            case .enumeration:
                guard case .enumeration(let text) = node.kind else {
                    throw fail("Enum \"\(name)\" cannot represent non-enum value: \(node.text).")
                }
                guard definition.enumValues.contains(where: { $0.name == text }) else {
                    throw fail("Value \"\(text)\" does not exist in \"\(name)\" enum.")
                }
                return .string(text)
            case .input:
                guard case .object(let fields) = node.kind else {
                    throw fail("Expected value of type \"\(name)\", found \(node.text).")
                }
                return try input(fields, as: definition, variables: variables, at: node.location)
            default:
                if case .enumeration = node.kind, ScalarCoercion.builtIn[name] != nil {
                    throw fail("\(name) cannot represent value: \(node.text)")
                }
                guard let coerced = schema.scalars[name]?.input(plain(node, variables)) else {
                    throw fail("\(name) cannot represent value: \(node.text)")
                }
                return coerced
            }
        }
    }

    private func input(
        _ fields: [Argument], as type: TypeDefinition, variables: JSONObject, at location: SourceLocation
    ) throws(GraphQLError) -> JSONValue {
        for field in fields where !type.inputFields.contains(where: { $0.name == field.name }) {
            throw GraphQLError(
                "Field \"\(field.name)\" is not defined by type \"\(type.name)\".", locations: [field.location],
                code: GraphQLError.validationCode)
        }
        return .object(try arguments(fields, for: type.inputFields, variables: variables, at: location))
    }

    /// A written value as JSON, for scalars that take more than one kind.
    private func plain(_ node: ValueNode, _ variables: JSONObject) -> JSONValue {
        switch node.kind {
        case .variable(let name): return variables[name] ?? .null
        case .integer(let text):
            if let number = Int64(text) { return .integer(number) }
            if let number = UInt64(text) { return .unsigned(number) }
            return .double(Double(text) ?? .infinity)
        case .float(let text): return .double(Double(text) ?? .infinity)
        case .string(let text), .enumeration(let text): return .string(text)
        case .boolean(let value): return .bool(value)
        case .null: return .null
        case .list(let nodes): return .array(nodes.map { plain($0, variables) })
        case .object(let fields):
            return .object(
                JSONObject(fields.map { JSONObject.Member(key: $0.name, value: plain($0.value, variables)) }))
        }
    }
}
