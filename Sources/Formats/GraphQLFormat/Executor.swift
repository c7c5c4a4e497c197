import JSONFormat

/// What a resolver gives for a field.
public enum GraphQLOutput: Sendable {
    /// Plain data: scalars, enums, null; lists and objects of them, whose fields are taken by name.
    case json(JSONValue)
    /// An object whose fields have resolvers; handed to them as `source`.
    case object(any Sendable)
    case list([GraphQLOutput])
    /// An object of an abstract type, with the name of its own.
    case typed(String, any Sendable)
}

/// What a resolver is given.
public struct GraphQLFieldRequest<Context: Sendable>: Sendable {
    /// The parent object; for plain data a `JSONObject`.
    public let source: (any Sendable)?
    public let arguments: JSONObject
    public let context: Context
    /// The names of the fields selected below.
    public let selected: Set<String>
}

public typealias GraphQLResolver<Context: Sendable> =
    @Sendable (GraphQLFieldRequest<Context>) async throws -> GraphQLOutput

/// The answer to one operation.
public struct GraphQLResponse: Sendable {
    /// Nil when the operation was not executed at all.
    public let data: JSONValue?
    public let errors: [GraphQLError]

    public init(data: JSONValue?, errors: [GraphQLError]) {
        self.data = data
        self.errors = errors
    }

    public var json: JSONValue {
        var object = JSONObject()
        if !errors.isEmpty { object["errors"] = .array(errors.map(\.json)) }
        if let data { object["data"] = data }
        return .object(object)
    }
}

/// Executes validated operations (October 2021 §6). Fields of queries that have resolvers run concurrently.
public struct GraphQLExecutor<Context: Sendable>: Sendable {
    public let schema: GraphQLSchema
    /// By `Type.field`. A field without one is taken from plain data by its name.
    private let resolvers: [String: GraphQLResolver<Context>]
    private let limits: GraphQLLimits

    public init(
        schema: GraphQLSchema, resolvers: [String: GraphQLResolver<Context>], limits: GraphQLLimits = GraphQLLimits()
    ) {
        self.schema = schema
        self.resolvers = resolvers
        self.limits = limits
    }

    /// Parses, validates and executes.
    ///
    /// - Parameter isReadOnly: refuses operations other than queries, as GET requests must.
    public func execute(
        _ text: String, operationName: String? = nil, variables: JSONObject = JSONObject(), context: Context,
        isReadOnly: Bool = false
    ) async -> GraphQLResponse {
        do throws(GraphQLError) {
            let document = try Document(parsing: text, limits: limits)
            let errors = document.validate(schema, limits: limits)
            guard errors.isEmpty else { return GraphQLResponse(data: nil, errors: errors) }
            let operation = try document.operation(named: operationName)
            if isReadOnly && operation.kind != .query {
                throw GraphQLError(
                    "Only queries may be sent by GET.", locations: [operation.location],
                    code: "OPERATION_NOT_ALLOWED")
            }
            let variables = try InputCoercion(schema: schema).variables(of: operation, from: variables)
            let execution = Execution(
                schema: schema, resolvers: resolvers, variables: variables, context: context,
                fragments: Dictionary(document.fragments.map { ($0.name, $0) }) { first, _ in first })
            return await execution.run(operation)
        } catch {
            return GraphQLResponse(data: nil, errors: [error])
        }
    }
}

extension Document {
    /// The operation to execute (§6.1, GetOperation).
    public func operation(named name: String?) throws(GraphQLError) -> OperationDefinition {
        guard let name else {
            guard operations.count == 1 else {
                throw GraphQLError(
                    operations.isEmpty
                        ? "The document has no operation."
                        : "The document has \(operations.count) operations: operationName must say which one.",
                    code: GraphQLError.badInputCode)
            }
            return operations[0]
        }
        guard let operation = operations.first(where: { $0.name == name }) else {
            throw GraphQLError("Unknown operation named \"\(name)\".", code: GraphQLError.badInputCode)
        }
        return operation
    }
}

private struct Execution<Context: Sendable>: Sendable {
    let schema: GraphQLSchema
    let resolvers: [String: GraphQLResolver<Context>]
    let variables: JSONObject
    let context: Context
    let fragments: [String: FragmentDefinition]

    /// A completed value with the errors below it; nil when null must propagate to the parent (§6.4.4).
    struct Completed: Sendable {
        var value: JSONValue?
        var errors: [GraphQLError] = []
    }

    func run(_ operation: OperationDefinition) async -> GraphQLResponse {
        guard let root = schema.rootType(operation.kind).flatMap({ schema.types[$0] }) else {
            return GraphQLResponse(
                data: nil,
                errors: [
                    GraphQLError(
                        "The schema has no \(operation.kind.rawValue) type.", locations: [operation.location],
                        code: GraphQLError.validationCode)
                ])
        }
        let result = await object(
            [operation.selections], of: root, source: nil, path: [], isSerial: operation.kind == .mutation)
        return GraphQLResponse(data: result.value ?? .null, errors: result.errors)
    }

    // MARK: Collecting fields (§6.3.2)

    struct FieldGroup: Sendable {
        let key: String
        var fields: [FieldNode]
    }

    private func collect(_ sets: [[Selection]], for type: TypeDefinition) -> [FieldGroup] {
        var groups: [FieldGroup] = []
        var indices: [String: Int] = [:]
        var visited: Set<String> = []
        func visit(_ selections: [Selection]) {
            for selection in selections where isIncluded(selection.directives) {
                switch selection {
                case .field(let field):
                    if let index = indices[field.responseKey] {
                        groups[index].fields.append(field)
                    } else {
                        indices[field.responseKey] = groups.count
                        groups.append(FieldGroup(key: field.responseKey, fields: [field]))
                    }
                case .inline(let inline):
                    if applies(inline.typeCondition, to: type) { visit(inline.selections) }
                case .spread(let spread):
                    guard visited.insert(spread.name).inserted, let fragment = fragments[spread.name],
                        applies(fragment.typeCondition, to: type)
                    else { continue }
                    visit(fragment.selections)
                }
            }
        }
        for selections in sets { visit(selections) }
        return groups
    }

    private func applies(_ condition: String?, to type: TypeDefinition) -> Bool {
        guard let condition else { return true }
        return condition == type.name || schema.possibleTypes(condition).contains(type.name)
    }

    private func isIncluded(_ directives: [Directive]) -> Bool {
        func flag(_ name: String) -> Bool? {
            guard let value = directives.first(where: { $0.name == name })?.arguments.first?.value else { return nil }
            switch value.kind {
            case .boolean(let flag): return flag
            case .variable(let name): return variables[name]?.bool ?? false
            default: return nil
            }
        }
        return flag("skip") != true && flag("include") != false
    }

    // MARK: Objects and fields

    private func object(
        _ sets: [[Selection]], of type: TypeDefinition, source: (any Sendable)?, path: [ResponsePathElement],
        isSerial: Bool = false
    ) async -> Completed {
        let groups = collect(sets, for: type)
        let resolved = groups.filter { resolvers["\(type.name).\($0.fields[0].name)"] != nil }.count
        var results = [Completed?](repeating: nil, count: groups.count)
        if resolved > 1 && !isSerial {
            await withTaskGroup(of: (Int, Completed).self) { tasks in
                for (index, group) in groups.enumerated() {
                    tasks.addTask { (index, await field(group, of: type, source: source, path: path)) }
                }
                for await (index, result) in tasks { results[index] = result }
            }
        } else {
            for (index, group) in groups.enumerated() {
                results[index] = await field(group, of: type, source: source, path: path)
            }
        }
        var members: [JSONObject.Member] = []
        var errors: [GraphQLError] = []
        var isNulled = false
        for (group, result) in zip(groups, results) {
            guard let result else { continue }
            errors += result.errors
            guard let value = result.value else {
                isNulled = true
                continue
            }
            members.append(JSONObject.Member(key: group.key, value: value))
        }
        return Completed(value: isNulled ? JSONValue?.none : .object(JSONObject(members)), errors: errors)
    }

    private func field(
        _ group: FieldGroup, of type: TypeDefinition, source: (any Sendable)?, path: [ResponsePathElement]
    ) async -> Completed {
        let node = group.fields[0]
        let path = path + [.field(group.key)]
        guard let definition = schema.field(node.name, of: type) else { return Completed(value: .null) }
        do {
            let arguments = try InputCoercion(schema: schema).arguments(
                node.arguments, for: definition.arguments, variables: variables, at: node.location)
            let output = try await resolve(
                group, definition, of: type, source: source, arguments: arguments)
            return await complete(output, as: definition.type, group, path: path)
        } catch {
            let shown = present(error, node, path)
            return Completed(value: definition.type.isNonNull ? JSONValue?.none : JSONValue.null, errors: [shown])
        }
    }

    private func present(_ error: any Error, _ node: FieldNode, _ path: [ResponsePathElement]) -> GraphQLError {
        if var error = error as? GraphQLError {
            if error.locations.isEmpty { error.locations = [node.location] }
            error.path = path
            return error
        }
        if let error = error as? any GraphQLPresentableError {
            return GraphQLError(
                error.graphQLMessage, locations: [node.location], path: path, code: error.graphQLCode)
        }
        return GraphQLError(
            "Internal error.", locations: [node.location], path: path, code: GraphQLError.internalCode)
    }

    private func resolve(
        _ group: FieldGroup, _ definition: FieldDefinition, of type: TypeDefinition, source: (any Sendable)?,
        arguments: JSONObject
    ) async throws -> GraphQLOutput {
        switch definition.name {
        case "__typename": return .json(.string(type.name))
        case "__schema": return .object(Introspection.Node.schema)
        case "__type":
            let name = arguments["name"]?.string ?? ""
            return schema.types[name] == nil ? .json(.null) : .object(Introspection.Node.type(.named(name)))
        default: break
        }
        if let node = source as? Introspection.Node {
            return Introspection.resolve(definition.name, of: node, arguments: arguments, schema: schema)
        }
        if let resolver = resolvers["\(type.name).\(definition.name)"] {
            let selected = Set(
                group.fields.flatMap(\.selections).compactMap { selection -> String? in
                    if case .field(let field) = selection { field.name } else { nil }
                })
            return try await resolver(
                GraphQLFieldRequest(source: source, arguments: arguments, context: context, selected: selected))
        }
        return .json((source as? JSONObject)?[definition.name] ?? .null)
    }

    // MARK: Completing values (§6.4.3)

    private func complete(
        _ output: GraphQLOutput, as type: TypeReference, _ group: FieldGroup, path: [ResponsePathElement]
    ) async -> Completed {
        if case .nonNull(let inner) = type {
            var result = await complete(output, as: inner, group, path: path)
            if result.value == .null {
                result.value = nil
                if result.errors.isEmpty {
                    result.errors = [
                        failure("Cannot return null for the non-nullable field \(group.fields[0].name).", group, path)
                    ]
                }
            }
            return result
        }
        if case .json(.null) = output { return Completed(value: .null) }
        switch type {
        case .list(let inner):
            let elements: [GraphQLOutput]
            switch output {
            case .list(let outputs): elements = outputs
            case .json(.array(let values)): elements = values.map { .json($0) }
            default: return refuse("Expected a list.", group, path)
            }
            return await list(elements, of: inner, group, path: path)
        case .named(let name): return await complete(output, named: name, group, path: path)
        case .nonNull: return Completed(value: .null)
        }
    }

    private func list(
        _ elements: [GraphQLOutput], of type: TypeReference, _ group: FieldGroup, path: [ResponsePathElement]
    ) async -> Completed {
        var values: [JSONValue] = []
        values.reserveCapacity(elements.count)
        var errors: [GraphQLError] = []
        var isNulled = false
        for (index, element) in elements.enumerated() {
            let result = await complete(element, as: type, group, path: path + [.index(index)])
            errors += result.errors
            if let value = result.value { values.append(value) } else { isNulled = true }
            if isNulled { break }
        }
        return Completed(value: isNulled ? JSONValue.null : .array(values), errors: errors)
    }

    private func complete(
        _ output: GraphQLOutput, named name: String, _ group: FieldGroup, path: [ResponsePathElement]
    ) async -> Completed {
        guard let type = schema.types[name] else { return refuse("Unknown type \(name).", group, path) }
        if type.isLeaf {
            guard case .json(let value) = output, let leaf = leaf(value, type) else {
                return refuse("\(name) cannot represent this value.", group, path)
            }
            return Completed(value: leaf)
        }
        let (concrete, source): (TypeDefinition, any Sendable)
        switch output {
        case .json(.object(let object)): (concrete, source) = (type, object)
        case .object(let object): (concrete, source) = (type, object)
        case .typed(let typeName, let object):
            guard let named = schema.types[typeName] else { return refuse("Unknown type.", group, path) }
            (concrete, source) = (named, object)
        default: return refuse("Expected an object of type \(name).", group, path)
        }
        guard concrete.kind == .object else {
            return refuse("The type of an object of \(name) was not resolved.", group, path)
        }
        let result = await object(group.fields.map(\.selections), of: concrete, source: source, path: path)
        return Completed(value: result.value ?? .null, errors: result.errors)
    }

    private func leaf(_ value: JSONValue, _ type: TypeDefinition) -> JSONValue? {
        if type.kind == .enumeration {
            return type.enumValues.contains { $0.name == value.string } ? value : JSONValue?.none
        }
        return schema.scalars[type.name]?.output(value)
    }

    private func failure(_ message: String, _ group: FieldGroup, _ path: [ResponsePathElement]) -> GraphQLError {
        GraphQLError(
            message, locations: [group.fields[0].location], path: path, code: GraphQLError.internalCode)
    }

    private func refuse(_ message: String, _ group: FieldGroup, _ path: [ResponsePathElement]) -> Completed {
        Completed(value: .null, errors: [failure(message, group, path)])
    }
}
