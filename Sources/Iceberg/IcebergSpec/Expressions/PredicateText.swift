import JSONFormat

extension Comparison {
    var symbol: String {
        switch self {
        case .less: "<"
        case .lessOrEqual: "<="
        case .greater: ">"
        case .greaterOrEqual: ">="
        case .equal: "="
        case .notEqual: "!="
        }
    }
}

/// As people write it: `type = "view" and (time >= "2024-01-15" or day(time) is null)`.
extension Predicate: CustomStringConvertible {
    public var description: String { text(within: nil) }

    private enum Connective: String { case and, or, not }

    /// - Parameter outer: what the text becomes part of; another connective needs brackets.
    private func text(within outer: Connective?) -> String {
        switch self {
        case .alwaysTrue: "true"
        case .alwaysFalse: "false"
        case .and(let terms): Self.join(terms, .and, empty: "true", within: outer)
        case .or(let terms): Self.join(terms, .or, empty: "false", within: outer)
        case .not(let child): "not " + child.text(within: .not)
        case .compare(let comparison, let term, let value): "\(term) \(comparison.symbol) \(Self.text(value))"
        case .isIn(let term, let values): "\(term) in \(Self.text(values))"
        case .notIn(let term, let values): "\(term) not in \(Self.text(values))"
        case .isNull(let term): "\(term) is null"
        case .notNull(let term): "\(term) is not null"
        case .isNaN(let term): "\(term) is NaN"
        case .notNaN(let term): "\(term) is not NaN"
        case .startsWith(let term, let prefix): "\(term) starts with \(Self.text(.string(prefix)))"
        case .notStartsWith(let term, let prefix): "\(term) does not start with \(Self.text(.string(prefix)))"
        }
    }

    private static func join(
        _ terms: [Predicate], _ connective: Connective, empty: String, within outer: Connective?
    ) -> String {
        if terms.isEmpty { return empty }
        if terms.count == 1 { return terms[0].text(within: outer) }
        let text = terms.map { $0.text(within: connective) }.joined(separator: " \(connective.rawValue) ")
        return outer == nil || outer == connective ? text : "(\(text))"
    }

    private static func text(_ value: Datum) -> String { value.json.serializedString() }

    /// Long lists are cut: a description is for people.
    private static func text(_ values: [Datum]) -> String {
        let shown = values.prefix(20).map(text).joined(separator: ", ")
        return values.count <= 20 ? "(\(shown))" : "(\(shown), … \(values.count) values)"
    }
}
