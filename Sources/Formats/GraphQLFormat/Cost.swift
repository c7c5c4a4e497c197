/// What an operation costs with its fragments spread, counted without spreading them: linear in the document.
///
/// Fragments must not form cycles.
struct CostEstimator {
    struct Cost {
        var fields = 0
        var depth = 0
        var aliases = 0

        static func + (left: Cost, right: Cost) -> Cost {
            func add(_ a: Int, _ b: Int) -> Int { min(1 << 40, a + b) }
            return Cost(
                fields: add(left.fields, right.fields), depth: max(left.depth, right.depth),
                aliases: add(left.aliases, right.aliases))
        }
    }

    private let fragments: [String: FragmentDefinition]
    private var costs: [String: Cost] = [:]

    init(_ document: Document) {
        fragments = Dictionary(document.fragments.map { ($0.name, $0) }) { first, _ in first }
    }

    mutating func cost(of selections: [Selection]) -> Cost {
        selections.reduce(Cost()) { sum, selection in
            switch selection {
            case .field(let field):
                var cost = cost(of: field.selections)
                cost.fields += 1
                cost.depth += 1
                if field.alias != nil { cost.aliases += 1 }
                return sum + cost
            case .inline(let inline): return sum + cost(of: inline.selections)
            case .spread(let spread): return sum + cost(ofFragment: spread.name)
            }
        }
    }

    private mutating func cost(ofFragment name: String) -> Cost {
        if let known = costs[name] { return known }
        guard let fragment = fragments[name] else { return Cost() }
        let cost = cost(of: fragment.selections)
        costs[name] = cost
        return cost
    }

    /// The limits that an operation exceeds.
    mutating func errors(_ operation: OperationDefinition, limits: GraphQLLimits) -> [GraphQLError] {
        let cost = cost(of: operation.selections)
        func exceeds(_ what: String, _ value: Int, _ limit: Int) -> GraphQLError? {
            guard value > limit else { return nil }
            return GraphQLError(
                "The operation has \(value) \(what); at most \(limit) are allowed.", locations: [operation.location],
                code: GraphQLError.validationCode)
        }
        return [
            exceeds("levels of fields", cost.depth, limits.depthMax),
            exceeds("fields", cost.fields, limits.fieldsMax), exceeds("aliases", cost.aliases, limits.aliasesMax),
        ].compactMap { $0 }
    }
}
