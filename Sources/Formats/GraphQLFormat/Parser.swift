/// Parses documents by recursive descent (October 2021 §2, Appendix B). Depth and length are bounded by the limits.
struct Parser {
    private let tokens: [Token]
    private let limits: GraphQLLimits
    private var position = 0
    private var depth = 0

    init(_ text: String, limits: GraphQLLimits) throws(GraphQLError) {
        tokens = try Lexer.tokens(of: text, limits: limits)
        self.limits = limits
    }

    // MARK: Tokens

    var token: Token { tokens[position] }
    var isAtEnd: Bool { token.kind == .end }

    func fail(_ message: String) -> GraphQLError {
        GraphQLError("Syntax Error: \(message)", locations: [token.location], code: GraphQLError.syntaxCode)
    }

    func unexpected() -> GraphQLError { fail("Unexpected \(describe(token)).") }

    private func describe(_ token: Token) -> String {
        switch token.kind {
        case .end: "<EOF>"
        case .name: "Name \"\(token.text)\""
        case .integer: "Int \"\(token.text)\""
        case .float: "Float \"\(token.text)\""
        case .string: "String \"\(token.text.prefix(60))\""
        case .punctuator, .spread: "\"\(token.text)\""
        }
    }

    @discardableResult
    mutating func take() -> Token {
        let token = tokens[position]
        if token.kind != .end { position += 1 }
        return token
    }

    func isNext(_ punctuator: Unicode.Scalar) -> Bool { token.kind == .punctuator(UInt8(ascii: punctuator)) }

    mutating func accept(_ punctuator: Unicode.Scalar) -> Bool {
        guard isNext(punctuator) else { return false }
        take()
        return true
    }

    mutating func expect(_ punctuator: Unicode.Scalar) throws(GraphQLError) {
        guard accept(punctuator) else { throw fail("Expected \"\(punctuator)\", found \(describe(token)).") }
    }

    func isNext(keyword: String) -> Bool { token.kind == .name && token.text == keyword }

    mutating func accept(keyword: String) -> Bool {
        guard isNext(keyword: keyword) else { return false }
        take()
        return true
    }

    mutating func name() throws(GraphQLError) -> String {
        guard token.kind == .name else { throw fail("Expected Name, found \(describe(token)).") }
        return take().text
    }

    mutating func nested<Result>(
        _ body: (inout Parser) throws(GraphQLError) -> Result
    ) throws(GraphQLError) -> Result {
        guard depth < limits.nestingMax else {
            throw fail("The document is nested more than \(limits.nestingMax) levels deep.")
        }
        depth += 1
        defer { depth -= 1 }
        return try body(&self)
    }

    /// One or more elements between `open` and `close`.
    mutating func list<Element>(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, allowEmpty: Bool = false,
        _ element: (inout Parser) throws(GraphQLError) -> Element
    ) throws(GraphQLError) -> [Element] {
        try expect(open)
        return try nested { (parser) throws(GraphQLError) in
            var elements: [Element] = []
            if !allowEmpty { elements.append(try element(&parser)) }
            while !parser.accept(close) { elements.append(try element(&parser)) }
            return elements
        }
    }

    // MARK: Executable documents

    mutating func document() throws(GraphQLError) -> Document {
        var document = Document()
        if isAtEnd { throw unexpected() }
        while !isAtEnd {
            if isNext(keyword: "fragment") {
                guard document.fragments.count < limits.fragmentsMax else {
                    throw fail("The document has more than \(limits.fragmentsMax) fragments.")
                }
                document.fragments.append(try fragment())
            } else {
                document.operations.append(try operation())
            }
        }
        return document
    }

    private mutating func operation() throws(GraphQLError) -> OperationDefinition {
        let location = token.location
        if isNext("{") {
            return OperationDefinition(
                kind: .query, name: nil, variables: [], directives: [], selections: try selections(),
                location: location)
        }
        guard token.kind == .name, let kind = OperationKind(rawValue: token.text) else {
            let isDefinition = token.kind == .string || token.kind == .name && typeSystemKeywords.contains(token.text)
            throw isDefinition ? fail("A definition that is not executable: \(describe(token)).") : unexpected()
        }
        take()
        let name = token.kind == .name ? try self.name() : nil
        let variables = isNext("(") ? try list("(", ")") { (p) throws(GraphQLError) in try p.variable() } : []
        return OperationDefinition(
            kind: kind, name: name, variables: variables, directives: try directives(), selections: try selections(),
            location: location)
    }

    private mutating func variable() throws(GraphQLError) -> VariableDefinition {
        let location = token.location
        try expect("$")
        let name = try name()
        try expect(":")
        let type = try typeReference()
        let defaultValue = accept("=") ? try value(isConstant: true) : nil
        return VariableDefinition(
            name: name, type: type, defaultValue: defaultValue, directives: try directives(isConstant: true),
            location: location)
    }

    private mutating func fragment() throws(GraphQLError) -> FragmentDefinition {
        let location = take().location
        if isNext(keyword: "on") { throw unexpected() }
        let name = try name()
        guard accept(keyword: "on") else { throw fail("Expected \"on\", found \(describe(token)).") }
        return FragmentDefinition(
            name: name, typeCondition: try self.name(), directives: try directives(), selections: try selections(),
            location: location)
    }

    private mutating func selections() throws(GraphQLError) -> [Selection] {
        try list("{", "}") { (parser) throws(GraphQLError) in try parser.selection() }
    }

    private mutating func selection() throws(GraphQLError) -> Selection {
        let location = token.location
        guard token.kind == .spread else { return .field(try field()) }
        take()
        if token.kind == .name && token.text != "on" {
            return .spread(
                FragmentSpread(name: try name(), directives: try directives(), location: location))
        }
        let condition = accept(keyword: "on") ? try name() : nil
        return .inline(
            InlineFragment(
                typeCondition: condition, directives: try directives(), selections: try selections(),
                location: location))
    }

    private mutating func field() throws(GraphQLError) -> FieldNode {
        let location = token.location
        var alias: String?
        var name = try name()
        if accept(":") {
            alias = name
            name = try self.name()
        }
        return FieldNode(
            alias: alias, name: name, arguments: try arguments(), directives: try directives(),
            selections: isNext("{") ? try selections() : [], location: location)
    }

    mutating func arguments(isConstant: Bool = false) throws(GraphQLError) -> [Argument] {
        guard isNext("(") else { return [] }
        return try list("(", ")") { (parser) throws(GraphQLError) in try parser.argument(isConstant: isConstant) }
    }

    private mutating func argument(isConstant: Bool) throws(GraphQLError) -> Argument {
        let location = token.location
        let name = try name()
        try expect(":")
        return Argument(name: name, value: try value(isConstant: isConstant), location: location)
    }

    mutating func directives(isConstant: Bool = false) throws(GraphQLError) -> [Directive] {
        var directives: [Directive] = []
        while isNext("@") {
            let location = take().location
            directives.append(
                Directive(name: try name(), arguments: try arguments(isConstant: isConstant), location: location))
        }
        return directives
    }

    mutating func value(isConstant: Bool) throws(GraphQLError) -> ValueNode {
        let location = token.location
        let kind: ValueNode.Kind
        switch token.kind {
        case .integer: kind = .integer(take().text)
        case .float: kind = .float(take().text)
        case .string: kind = .string(take().text)
        case .name:
            switch take().text {
            case "true": kind = .boolean(true)
            case "false": kind = .boolean(false)
            case "null": kind = .null
            case let name: kind = .enumeration(name)
            }
        case .punctuator where isNext("$") && !isConstant:
            take()
            kind = .variable(try name())
        case .punctuator where isNext("["):
            kind = .list(
                try list("[", "]", allowEmpty: true) { (parser) throws(GraphQLError) in
                    try parser.value(isConstant: isConstant)
                })
        case .punctuator where isNext("{"):
            kind = .object(
                try list("{", "}", allowEmpty: true) { (parser) throws(GraphQLError) in
                    try parser.argument(isConstant: isConstant)
                })
        default: throw unexpected()
        }
        return ValueNode(kind: kind, location: location)
    }

    mutating func typeReference() throws(GraphQLError) -> TypeReference {
        let inner: TypeReference
        if accept("[") {
            inner = .list(try nested { (parser) throws(GraphQLError) in try parser.typeReference() })
            try expect("]")
        } else {
            inner = .named(try name())
        }
        return accept("!") ? .nonNull(inner) : inner
    }
}

let typeSystemKeywords: Set<String> = [
    "schema", "scalar", "type", "interface", "union", "enum", "input", "directive", "extend",
]

extension Document {
    /// Parses an executable document.
    ///
    /// - Throws: a syntax error with its place, or that a limit is exceeded. Cost: linear.
    public init(parsing text: String, limits: GraphQLLimits = GraphQLLimits()) throws(GraphQLError) {
        var parser = try Parser(text, limits: limits)
        self = try parser.document()
    }
}
