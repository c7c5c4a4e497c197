import JSONFormat

extension Predicate {
    /// The filter in the grammar of terms.
    public var json: JSONValue { json(.terms) }

    /// The filter in one of the grammars. Conjunctions and disjunctions of more than two become nested pairs.
    public func json(_ grammar: PredicateGrammar) -> JSONValue {
        switch self {
        case .alwaysTrue: true
        case .alwaysFalse: false
        case .not(let child): ["type": "not", "child": child.json(grammar)]
        case .and(let terms): Self.pairs(terms[...], "and", empty: true, grammar)
        case .or(let terms): Self.pairs(terms[...], "or", empty: false, grammar)
        case .compare(let comparison, let term, let value):
            Self.binary(comparison.name, term, grammar.literal(value), grammar)
        case .startsWith(let term, let prefix): Self.binary("starts-with", term, .string(prefix), grammar)
        case .notStartsWith(let term, let prefix): Self.binary("not-starts-with", term, .string(prefix), grammar)
        case .isIn(let term, let values): Self.set("in", term, values, grammar)
        case .notIn(let term, let values): Self.set("not-in", term, values, grammar)
        case .isNull(let term): Self.unary("is-null", term, grammar)
        case .notNull(let term): Self.unary("not-null", term, grammar)
        case .isNaN(let term): Self.unary("is-nan", term, grammar)
        case .notNaN(let term): Self.unary("not-nan", term, grammar)
        }
    }

    /// Halves keep the nesting at the logarithm of their number: readers limit it.
    private static func pairs(
        _ terms: ArraySlice<Predicate>, _ type: String, empty: Bool, _ grammar: PredicateGrammar
    ) -> JSONValue {
        guard let first = terms.first else { return .bool(empty) }
        if terms.count == 1 { return first.json(grammar) }
        let middle = terms.startIndex + terms.count / 2
        return [
            "type": .string(type), "left": pairs(terms[..<middle], type, empty: empty, grammar),
            "right": pairs(terms[middle...], type, empty: empty, grammar),
        ]
    }

    private static func unary(_ type: String, _ term: Term, _ grammar: PredicateGrammar) -> JSONValue {
        ["type": .string(type), grammar == .terms ? "term" : "child": grammar.term(term)]
    }

    private static func binary(
        _ type: String, _ term: Term, _ value: JSONValue, _ grammar: PredicateGrammar
    ) -> JSONValue {
        switch grammar {
        case .terms: ["type": .string(type), "term": grammar.term(term), "value": value]
        case .expressions: ["type": .string(type), "left": grammar.term(term), "right": value]
        }
    }

    private static func set(
        _ type: String, _ term: Term, _ values: [Datum], _ grammar: PredicateGrammar
    ) -> JSONValue {
        [
            "type": .string(type), grammar == .terms ? "term" : "child": grammar.term(term),
            "values": .array(values.map { grammar.literal($0) }),
        ]
    }
}

extension Comparison {
    fileprivate var name: String {
        switch self {
        case .less: "lt"
        case .lessOrEqual: "lt-eq"
        case .greater: "gt"
        case .greaterOrEqual: "gt-eq"
        case .equal: "eq"
        case .notEqual: "not-eq"
        }
    }
}

extension PredicateGrammar {
    fileprivate func term(_ term: Term) -> JSONValue {
        let column: JSONValue
        switch (term.reference, self) {
        case (.id(let id), _): column = ["type": "reference", "id": JSONValue(id)]
        case (.name(let name), .terms): column = .string(name)
        case (.name(let name), .expressions): column = ["type": "reference", "name": .string(name)]
        }
        guard term.transform != .identity else { return column }
        guard self == .expressions else {
            return ["type": "transform", "transform": .string(term.transform.description), "term": column]
        }
        let (name, parameter) = term.transform.function
        let arguments = (parameter.map { [JSONValue($0)] } ?? []) + [column]
        return [
            "type": "apply", "function": ["catalog": "iceberg_functions", "identifier": [.string(name)]],
            "arguments": .array(arguments),
        ]
    }

    /// In the grammar of terms every constant is bare, as the reader binds it to the column's type anyway.
    fileprivate func literal(_ value: Datum) -> JSONValue {
        switch (self, value) {
        case (.terms, _), (.expressions, .boolean), (.expressions, .long), (.expressions, .double),
            (.expressions, .string):
            value.json
        default: ["type": "literal", "value": value.json, "data-type": value.narrowestType.json]
        }
    }
}

extension Transform {
    fileprivate var function: (name: String, parameter: Int?) {
        switch self {
        case .bucket(let count): ("bucket", count)
        case .truncate(let width): ("truncate", width)
        default: (description, nil)
        }
    }
}

extension Datum {
    /// A type that this is a value of.
    var narrowestType: IcebergType {
        switch self {
        case .boolean: .boolean
        case .int: .int
        case .long: .long
        case .float: .float
        case .double: .double
        case .date: .date
        case .time: .time
        case .timestamp: .timestamp
        case .timestamptz: .timestamptz
        case .timestampNanos: .timestampNanos
        case .timestamptzNanos: .timestamptzNanos
        case .string: .string
        case .uuid: .uuid
        case .fixed(let bytes): .fixed(bytes.count)
        case .binary: .binary
        case .decimal(let unscaled, let scale):
            .decimal(precision: min(max(String(unscaled.magnitude).utf8.count, scale, 1), 38), scale: scale)
        }
    }
}
