import JSONFormat

extension Document {
    /// The errors of this document against `schema` (October 2021 §5) and the limits; empty when it may be executed.
    ///
    /// Cost: linear in the document, and in its fields with fragments spread, which `limits.fieldsMax` bounds.
    public func validate(_ schema: GraphQLSchema, limits: GraphQLLimits = GraphQLLimits()) -> [GraphQLError] {
        var validator = Validator(schema: schema, document: self, limits: limits)
        validator.run()
        return Array(validator.errors.prefix(limits.errorsMax))
    }
}

/// Walks a document once by definition, collecting errors, then checks what spans definitions.
struct Validator {
    let schema: GraphQLSchema
    let document: Document
    let limits: GraphQLLimits
    let fragments: [String: FragmentDefinition]
    let coercion: InputCoercion
    var errors: [GraphQLError] = []

    /// What one operation or fragment uses; fragments are joined by the names they spread.
    struct Usage {
        var spreads: [FragmentSpread] = []
        var variables: [VariableUse] = []
    }

    struct VariableUse {
        let name: String
        let type: TypeReference?
        let hasDefault: Bool
        let location: SourceLocation
    }

    private var usage = Usage()
    private var usageByFragment: [String: Usage] = [:]

    init(schema: GraphQLSchema, document: Document, limits: GraphQLLimits) {
        self.schema = schema
        self.document = document
        self.limits = limits
        fragments = Dictionary(document.fragments.map { ($0.name, $0) }) { first, _ in first }
        coercion = InputCoercion(schema: schema)
    }

    mutating func report(_ message: String, _ locations: SourceLocation...) {
        guard errors.count < limits.errorsMax else { return }
        errors.append(GraphQLError(message, locations: locations, code: GraphQLError.validationCode))
    }

    mutating func run() {
        checkNames()
        for fragment in document.fragments {
            usage = Usage()
            checkDirectives(fragment.directives, at: "FRAGMENT_DEFINITION")
            if let type = compositeType(fragment.typeCondition, "Fragment \"\(fragment.name)\"", fragment.location) {
                check(fragment.selections, on: type)
            }
            usageByFragment[fragment.name] = usage
        }
        let operationUsages = document.operations.map { operation in
            usage = Usage()
            check(operation)
            return usage
        }
        guard checkFragmentCycles() else { return }
        checkUnusedFragments(operationUsages)
        for (operation, usage) in zip(document.operations, operationUsages) {
            checkVariables(of: operation, usage)
        }
        var estimator = CostEstimator(document)
        let exceeded = document.operations.flatMap { estimator.errors($0, limits: limits) }
        errors += exceeded
        guard exceeded.isEmpty else { return }
        // Fragments that no operation reaches are checked too; their cost is bounded as that of an operation.
        for fragment in document.fragments {
            guard estimator.cost(of: fragment.selections).fields <= limits.fieldsMax else { return }
        }
        checkMerging()
    }

    private mutating func checkNames() {
        if document.operations.count > 1 {
            for operation in document.operations where operation.name == nil {
                report("This anonymous operation must be the only defined operation.", operation.location)
            }
        }
        reportRepeated(document.operations.compactMap { operation in operation.name.map { ($0, operation.location) } })
        {
            "There can be only one operation named \"\($0)\"."
        }
        reportRepeated(document.fragments.map { ($0.name, $0.location) }) {
            "There can be only one fragment named \"\($0)\"."
        }
    }

    private mutating func reportRepeated(_ names: [(String, SourceLocation)], _ message: (String) -> String) {
        var seen: Set<String> = []
        for (name, location) in names where !seen.insert(name).inserted { report(message(name), location) }
    }

    // MARK: Operations and selections

    private mutating func check(_ operation: OperationDefinition) {
        checkDirectives(operation.directives, at: operation.kind.rawValue.uppercased())
        reportRepeated(operation.variables.map { ($0.name, $0.location) }) {
            "There can be only one variable named \"$\($0)\"."
        }
        for variable in operation.variables {
            checkDirectives(variable.directives, at: "VARIABLE_DEFINITION")
            guard let type = schema.types[variable.type.name] else {
                report("Unknown type \"\(variable.type.name)\".", variable.location)
                continue
            }
            guard type.isInput else {
                report(
                    "Variable \"$\(variable.name)\" cannot be non-input type \"\(variable.type)\".", variable.location)
                continue
            }
            if let value = variable.defaultValue { check(value, as: variable.type) }
        }
        guard let name = schema.rootType(operation.kind), let root = schema.types[name] else {
            report("The schema has no \(operation.kind.rawValue) type.", operation.location)
            return
        }
        if operation.kind == .subscription && operation.selections.count != 1 {
            report("A subscription must select only one top level field.", operation.location)
        }
        check(operation.selections, on: root)
    }

    private mutating func compositeType(
        _ name: String, _ what: String, _ location: SourceLocation
    ) -> TypeDefinition? {
        guard let type = schema.types[name] else {
            report("Unknown type \"\(name)\".", location)
            return nil
        }
        guard type.isComposite else {
            report("\(what) cannot condition on non composite type \"\(name)\".", location)
            return nil
        }
        return type
    }

    private mutating func check(_ selections: [Selection], on type: TypeDefinition) {
        for selection in selections {
            switch selection {
            case .field(let field): check(field, on: type)
            case .spread(let spread):
                checkDirectives(spread.directives, at: "FRAGMENT_SPREAD")
                usage.spreads.append(spread)
                guard let fragment = fragments[spread.name] else {
                    report("Unknown fragment \"\(spread.name)\".", spread.location)
                    continue
                }
                checkOverlap(fragment.typeCondition, type, "Fragment \"\(spread.name)\"", spread.location)
            case .inline(let inline):
                checkDirectives(inline.directives, at: "INLINE_FRAGMENT")
                guard let name = inline.typeCondition else {
                    check(inline.selections, on: type)
                    continue
                }
                guard let target = compositeType(name, "Fragment", inline.location) else { continue }
                checkOverlap(name, type, "Fragment", inline.location)
                check(inline.selections, on: target)
            }
        }
    }

    private mutating func checkOverlap(
        _ name: String, _ parent: TypeDefinition, _ what: String, _ location: SourceLocation
    ) {
        guard schema.types[name]?.isComposite == true else { return }
        if schema.possibleTypes(name).isDisjoint(with: schema.possibleTypes(parent.name)) {
            report(
                "\(what) cannot be spread here as objects of type \"\(parent.name)\" can never be of type \"\(name)\".",
                location)
        }
    }

    private mutating func check(_ field: FieldNode, on type: TypeDefinition) {
        checkDirectives(field.directives, at: "FIELD")
        guard let definition = schema.field(field.name, of: type) else {
            report("Cannot query field \"\(field.name)\" on type \"\(type.name)\".", field.location)
            // What lies below is of no known type; its variables still count as used.
            noteVariables(in: field)
            return
        }
        checkArguments(
            field.arguments, definition.arguments, "field \"\(type.name).\(field.name)\"", field.location)
        guard let target = schema.types[definition.type.name] else { return }
        if target.isLeaf {
            if !field.selections.isEmpty {
                report(
                    "Field \"\(field.name)\" must not have a selection since type \"\(definition.type)\" has no "
                        + "subfields.", field.location)
            }
        } else if field.selections.isEmpty {
            report(
                "Field \"\(field.name)\" of type \"\(definition.type)\" must have a selection of subfields. "
                    + "Did you mean \"\(field.name) { ... }\"?", field.location)
        } else {
            check(field.selections, on: target)
        }
    }

    private mutating func noteVariables(in field: FieldNode) {
        for argument in field.arguments { check(argument.value, as: nil) }
        for selection in field.selections {
            switch selection {
            case .field(let child): noteVariables(in: child)
            case .spread(let spread): usage.spreads.append(spread)
            case .inline(let inline):
                for case .field(let child) in inline.selections { noteVariables(in: child) }
            }
        }
    }

    // MARK: Directives and arguments

    private mutating func checkDirectives(_ directives: [Directive], at place: String) {
        var seen: Set<String> = []
        for directive in directives {
            guard let definition = schema.directive(directive.name) else {
                report("Unknown directive \"@\(directive.name)\".", directive.location)
                for argument in directive.arguments { check(argument.value, as: nil) }
                continue
            }
            if !definition.locations.contains(place) {
                report("Directive \"@\(directive.name)\" may not be used on \(place).", directive.location)
            }
            if !definition.isRepeatable && !seen.insert(directive.name).inserted {
                report(
                    "The directive \"@\(directive.name)\" can only be used once at this location.", directive.location)
            }
            checkArguments(
                directive.arguments, definition.arguments, "directive \"@\(directive.name)\"", directive.location)
        }
    }

    private mutating func checkArguments(
        _ arguments: [Argument], _ definitions: [InputValueDefinition], _ owner: String, _ location: SourceLocation
    ) {
        reportRepeated(arguments.map { ($0.name, $0.location) }) { "There can be only one argument named \"\($0)\"." }
        for argument in arguments {
            guard let definition = definitions.first(where: { $0.name == argument.name }) else {
                report("Unknown argument \"\(argument.name)\" on \(owner).", argument.location)
                check(argument.value, as: nil)
                continue
            }
            check(argument.value, as: definition.type, hasDefault: definition.defaultValue != nil)
        }
        for definition in definitions where definition.isRequired {
            if !arguments.contains(where: { $0.name == definition.name }) {
                report(
                    "Argument \"\(definition.name)\" of type \"\(definition.type)\" is required on \(owner), but it "
                        + "was not provided.", location)
            }
        }
    }

    /// Checks a written value, noting the variables in it. Without a type only the variables are noted.
    private mutating func check(_ value: ValueNode, as type: TypeReference?, hasDefault: Bool = false) {
        switch (value.kind, type?.nullable) {
        case (.variable(let name), _):
            usage.variables.append(
                VariableUse(name: name, type: type, hasDefault: hasDefault, location: value.location))
        case (.list(let elements), .list(let inner)): for element in elements { check(element, as: inner) }
        case (_, .list(let inner)) where !value.isNull: check(value, as: inner)
        case (.object(let fields), let type): checkObject(fields, as: type, value)
        case (.list(let elements), _) where containsVariable(value):
            for element in elements { check(element, as: nil) }
        default:
            guard let type else { return }
            do {
                _ = try coercion.literal(value, as: type, variables: JSONObject())
            } catch {
                report(error.message, value.location)
            }
        }
    }

    private func containsVariable(_ value: ValueNode) -> Bool {
        switch value.kind {
        case .variable: true
        case .list(let elements): elements.contains(where: containsVariable)
        case .object(let fields): fields.contains { containsVariable($0.value) }
        default: false
        }
    }

    private mutating func checkObject(_ fields: [Argument], as type: TypeReference?, _ value: ValueNode) {
        reportRepeated(fields.map { ($0.name, $0.location) }) { "There can be only one input field named \"\($0)\"." }
        guard let type, let definition = schema.types[type.name], definition.kind == .input else {
            for field in fields { check(field.value, as: nil) }
            guard let type, let definition = schema.types[type.name] else { return }
            let isCustom = definition.kind == .scalar && ScalarCoercion.builtIn[type.name] == nil
            if !isCustom { report("\(type.name) cannot represent value: \(value.text)", value.location) }
            return
        }
        for field in fields {
            guard let input = definition.inputFields.first(where: { $0.name == field.name }) else {
                report("Field \"\(field.name)\" is not defined by type \"\(type.name)\".", field.location)
                check(field.value, as: nil)
                continue
            }
            check(field.value, as: input.type, hasDefault: input.defaultValue != nil)
        }
        for input in definition.inputFields where input.isRequired {
            if !fields.contains(where: { $0.name == input.name }) {
                report(
                    "Field \"\(type.name).\(input.name)\" of required type \"\(input.type)\" was not provided.",
                    value.location)
            }
        }
    }

    // MARK: Fragments and variables across definitions

    /// - Returns: false when fragments form a cycle: nothing may spread them then.
    private mutating func checkFragmentCycles() -> Bool {
        enum State { case visiting, done }
        var states: [String: State] = [:]
        var isAcyclic = true
        // Iterative depth-first search: the chain may be as long as the document.
        for start in document.fragments where states[start.name] == nil {
            var stack: [(name: String, spreads: [FragmentSpread])] = [
                (start.name, usageByFragment[start.name]?.spreads ?? [])
            ]
            states[start.name] = .visiting
            while let top = stack.last {
                guard let spread = top.spreads.last else {
                    states[top.name] = .done
                    stack.removeLast()
                    continue
                }
                stack[stack.count - 1].spreads.removeLast()
                switch states[spread.name] {
                case .visiting:
                    isAcyclic = false
                    report("Cannot spread fragment \"\(spread.name)\" within itself.", spread.location)
                case .done: continue
                case nil:
                    states[spread.name] = .visiting
                    stack.append((spread.name, usageByFragment[spread.name]?.spreads ?? []))
                }
            }
        }
        return isAcyclic
    }

    private func reachable(from usage: Usage) -> Set<String> {
        var seen: Set<String> = []
        var pending = usage.spreads.map(\.name)
        while let name = pending.popLast() {
            guard seen.insert(name).inserted else { continue }
            pending += (usageByFragment[name]?.spreads ?? []).map(\.name)
        }
        return seen
    }

    private mutating func checkUnusedFragments(_ usages: [Usage]) {
        let used = usages.reduce(into: Set<String>()) { $0.formUnion(reachable(from: $1)) }
        for fragment in document.fragments where !used.contains(fragment.name) {
            report("Fragment \"\(fragment.name)\" is never used.", fragment.location)
        }
    }

    private mutating func checkVariables(of operation: OperationDefinition, _ usage: Usage) {
        var uses = usage.variables
        for name in reachable(from: usage).sorted() { uses += usageByFragment[name]?.variables ?? [] }
        let definitions = Dictionary(operation.variables.map { ($0.name, $0) }) { first, _ in first }
        let suffix = operation.name.map { " by operation \"\($0)\"" } ?? ""
        for use in uses {
            guard let definition = definitions[use.name] else {
                report("Variable \"$\(use.name)\" is not defined\(suffix).", use.location, operation.location)
                continue
            }
            guard let type = use.type, schema.types[definition.type.name] != nil else { continue }
            if !isAllowed(definition, in: type, hasDefault: use.hasDefault) {
                report(
                    "Variable \"$\(use.name)\" of type \"\(definition.type)\" used in position expecting type "
                        + "\"\(type)\".", definition.location, use.location)
            }
        }
        let used = Set(uses.map(\.name))
        for variable in operation.variables where !used.contains(variable.name) {
            let inOperation = operation.name.map { " in operation \"\($0)\"" } ?? ""
            report("Variable \"$\(variable.name)\" is never used\(inOperation).", variable.location)
        }
    }

    /// §5.8.5, IsVariableUsageAllowed.
    private func isAllowed(_ variable: VariableDefinition, in type: TypeReference, hasDefault: Bool) -> Bool {
        if case .nonNull(let inner) = type, !variable.type.isNonNull {
            let hasOwnDefault = variable.defaultValue.map { !$0.isNull } ?? false
            return (hasDefault || hasOwnDefault) && isCompatible(variable.type, inner)
        }
        return isCompatible(variable.type, type)
    }

    private func isCompatible(_ variable: TypeReference, _ location: TypeReference) -> Bool {
        switch (variable, location) {
        case (.nonNull(let left), .nonNull(let right)): isCompatible(left, right)
        case (_, .nonNull): false
        case (.nonNull(let left), let right): isCompatible(left, right)
        case (.list(let left), .list(let right)): isCompatible(left, right)
        case (.named(let left), .named(let right)): left == right
        default: false
        }
    }
}
