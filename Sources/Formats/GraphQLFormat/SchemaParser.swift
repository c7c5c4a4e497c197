extension GraphQLSchema {
    /// Builds a schema from its definition language (§3). Extensions (`extend`) are not taken.
    ///
    /// - Parameter scalars: coercion of the custom scalars by name; one that is not named takes any value.
    /// - Throws: a syntax error, or what is wrong with the types: unknown, defined twice, of the wrong kind.
    public init(sdl: String, scalars: [String: ScalarCoercion] = [:]) throws(GraphQLError) {
        self.init()
        var limits = GraphQLLimits()
        limits.lengthMax = 4 << 20
        limits.tokensMax = 1 << 20
        for text in [Introspection.sdl, sdl] {
            var parser = try Parser(text, limits: limits)
            while !parser.isAtEnd { try parser.definition(into: &self) }
        }
        for name in types.values.filter({ $0.kind == .scalar }).map(\.name) {
            self.scalars[name] = scalars[name] ?? ScalarCoercion.builtIn[name] ?? .any
        }
        if mutationType == nil && types["Mutation"]?.kind == .object { mutationType = "Mutation" }
        if subscriptionType == nil && types["Subscription"]?.kind == .object { subscriptionType = "Subscription" }
        try check()
    }

    private func check() throws(GraphQLError) {
        func fail(_ message: String) -> GraphQLError { GraphQLError(message, code: GraphQLError.validationCode) }
        guard types[queryType]?.kind == .object else { throw fail("The query root type \(queryType) is not defined.") }
        for type in types.values {
            for field in type.fields {
                guard let target = types[field.type.name], target.kind != .input else {
                    throw fail("\(type.name).\(field.name) has no output type: \(field.type).")
                }
                try check(field.arguments, of: "\(type.name).\(field.name)")
            }
            try check(type.inputFields, of: type.name)
            for name in type.interfaces where types[name]?.kind != .interface {
                throw fail("\(type.name) implements \(name), which is no interface.")
            }
            for name in type.members where types[name]?.kind != .object {
                throw fail("The union \(type.name) has the member \(name), which is no object type.")
            }
        }
    }

    private func check(_ values: [InputValueDefinition], of owner: String) throws(GraphQLError) {
        for value in values where types[value.type.name]?.isInput != true {
            throw GraphQLError(
                "\(owner)(\(value.name)) has no input type: \(value.type).", code: GraphQLError.validationCode)
        }
    }

    mutating func add(_ type: TypeDefinition, at location: SourceLocation) throws(GraphQLError) {
        guard types[type.name] == nil else {
            throw GraphQLError(
                "The type \(type.name) is defined twice.", locations: [location], code: GraphQLError.validationCode)
        }
        types[type.name] = type
        typeNames.append(type.name)
    }
}

extension Parser {
    fileprivate mutating func description() -> String? { token.kind == .string ? take().text : nil }

    fileprivate mutating func definition(into schema: inout GraphQLSchema) throws(GraphQLError) {
        let description = description()
        let location = token.location
        switch try name() {
        case "schema": try schemaDefinition(into: &schema)
        case "directive": schema.directives.append(try directiveDefinition(description))
        case "scalar":
            var type = TypeDefinition(.scalar, try name(), description: description)
            let specified = try directives(isConstant: true).first { $0.name == "specifiedBy" }
            if case .string(let url) = specified?.arguments.first?.value.kind { type.specifiedBy = url }
            try schema.add(type, at: location)
        case "type": try schema.add(try fieldsType(.object, description), at: location)
        case "interface": try schema.add(try fieldsType(.interface, description), at: location)
        case "union": try schema.add(try union(description), at: location)
        case "enum": try schema.add(try enumeration(description), at: location)
        case "input":
            var type = TypeDefinition(.input, try name(), description: description)
            _ = try directives(isConstant: true)
            type.inputFields = try list("{", "}") { (parser) throws(GraphQLError) in try parser.inputValue() }
            try schema.add(type, at: location)
        default:
            throw GraphQLError(
                "Syntax Error: Expected a definition.", locations: [location], code: GraphQLError.syntaxCode)
        }
    }

    private mutating func schemaDefinition(into schema: inout GraphQLSchema) throws(GraphQLError) {
        _ = try directives(isConstant: true)
        let roots = try list("{", "}") { (parser) throws(GraphQLError) in
            let kind = try parser.name()
            try parser.expect(":")
            return (kind, try parser.name())
        }
        for (kind, type) in roots {
            switch kind {
            case "query": schema.queryType = type
            case "mutation": schema.mutationType = type
            case "subscription": schema.subscriptionType = type
            default: throw unexpected()
            }
        }
    }

    private mutating func directiveDefinition(_ description: String?) throws(GraphQLError) -> DirectiveDefinition {
        try expect("@")
        let name = try name()
        let arguments = try argumentDefinitions()
        let isRepeatable = accept(keyword: "repeatable")
        guard accept(keyword: "on") else { throw unexpected() }
        return DirectiveDefinition(
            name: name, description: description, arguments: arguments, locations: try names("|"),
            isRepeatable: isRepeatable)
    }

    /// Names between separators, one before the first allowed.
    private mutating func names(_ separator: Unicode.Scalar) throws(GraphQLError) -> [String] {
        _ = accept(separator)
        var names = [try name()]
        while accept(separator) { names.append(try name()) }
        return names
    }

    private mutating func fieldsType(
        _ kind: TypeDefinition.Kind, _ description: String?
    ) throws(GraphQLError) -> TypeDefinition {
        var type = TypeDefinition(kind, try name(), description: description)
        if accept(keyword: "implements") { type.interfaces = try names("&") }
        _ = try directives(isConstant: true)
        type.fields = try list("{", "}") { (parser) throws(GraphQLError) in try parser.fieldDefinition() }
        return type
    }

    private mutating func fieldDefinition() throws(GraphQLError) -> FieldDefinition {
        let description = description()
        let name = try name()
        let arguments = try argumentDefinitions()
        try expect(":")
        let type = try typeReference()
        return FieldDefinition(
            name: name, description: description, arguments: arguments, type: type,
            deprecationReason: deprecation(try directives(isConstant: true)))
    }

    private mutating func argumentDefinitions() throws(GraphQLError) -> [InputValueDefinition] {
        guard isNext("(") else { return [] }
        return try list("(", ")") { (parser) throws(GraphQLError) in try parser.inputValue() }
    }

    private mutating func inputValue() throws(GraphQLError) -> InputValueDefinition {
        let description = description()
        let name = try name()
        try expect(":")
        let type = try typeReference()
        let defaultValue = accept("=") ? try value(isConstant: true) : nil
        return InputValueDefinition(
            name: name, description: description, type: type, defaultValue: defaultValue,
            deprecationReason: deprecation(try directives(isConstant: true)))
    }

    private mutating func union(_ description: String?) throws(GraphQLError) -> TypeDefinition {
        var type = TypeDefinition(.union, try name(), description: description)
        _ = try directives(isConstant: true)
        try expect("=")
        type.members = try names("|")
        return type
    }

    private mutating func enumeration(_ description: String?) throws(GraphQLError) -> TypeDefinition {
        var type = TypeDefinition(.enumeration, try name(), description: description)
        _ = try directives(isConstant: true)
        type.enumValues = try list("{", "}") { (parser) throws(GraphQLError) in
            let description = parser.description()
            let name = try parser.name()
            let reason = parser.deprecation(try parser.directives(isConstant: true))
            return EnumValueDefinition(name: name, description: description, deprecationReason: reason)
        }
        return type
    }

    private func deprecation(_ directives: [Directive]) -> String? {
        guard let directive = directives.first(where: { $0.name == "deprecated" }) else { return nil }
        if case .string(let reason) = directive.arguments.first?.value.kind { return reason }
        return "No longer supported"
    }
}
