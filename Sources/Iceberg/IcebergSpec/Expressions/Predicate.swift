/// A filter over the columns of a table, by name (specification: "Expressions Spec", predicates). Comparisons with
/// null are never true, as in SQL.
public indirect enum Predicate: Hashable, Sendable {
    case alwaysTrue
    case alwaysFalse
    /// True when empty.
    case and([Predicate])
    /// False when empty.
    case or([Predicate])
    case not(Predicate)
    /// The literal becomes a value of the term's type when bound: `.string("2024-01-15")` fits a date.
    case compare(Comparison, Term, Datum)
    case isIn(Term, [Datum])
    case notIn(Term, [Datum])
    case isNull(Term)
    case notNull(Term)
    case isNaN(Term)
    case notNaN(Term)
    case startsWith(Term, String)
    case notStartsWith(Term, String)

    // The comparisons by name; a string literal is the column of that name.
    public static func equal(_ term: Term, _ value: Datum) -> Predicate { .compare(.equal, term, value) }
    public static func notEqual(_ term: Term, _ value: Datum) -> Predicate { .compare(.notEqual, term, value) }
    public static func less(_ term: Term, _ value: Datum) -> Predicate { .compare(.less, term, value) }
    public static func atMost(_ term: Term, _ value: Datum) -> Predicate { .compare(.lessOrEqual, term, value) }
    public static func greater(_ term: Term, _ value: Datum) -> Predicate { .compare(.greater, term, value) }
    public static func atLeast(_ term: Term, _ value: Datum) -> Predicate { .compare(.greaterOrEqual, term, value) }
}

/// Tests of columns themselves, by full name: for names that are no literals.
extension Predicate {
    public static func compare(_ comparison: Comparison, column: String, _ value: Datum) -> Predicate {
        .compare(comparison, Term(column), value)
    }

    public static func isIn(column: String, _ values: [Datum]) -> Predicate { .isIn(Term(column), values) }
    public static func notIn(column: String, _ values: [Datum]) -> Predicate { .notIn(Term(column), values) }
    public static func isNull(column: String) -> Predicate { .isNull(Term(column)) }
    public static func notNull(column: String) -> Predicate { .notNull(Term(column)) }
    public static func isNaN(column: String) -> Predicate { .isNaN(Term(column)) }
    public static func notNaN(column: String) -> Predicate { .notNaN(Term(column)) }
    public static func startsWith(column: String, _ prefix: String) -> Predicate { .startsWith(Term(column), prefix) }
    public static func notStartsWith(column: String, _ prefix: String) -> Predicate {
        .notStartsWith(Term(column), prefix)
    }
}

/// How a value is compared; order and equality are those of `Datum`.
public enum Comparison: Hashable, Sendable, CaseIterable {
    case less, lessOrEqual, greater, greaterOrEqual, equal, notEqual

    public var negated: Comparison {
        switch self {
        case .less: .greaterOrEqual
        case .lessOrEqual: .greater
        case .greater: .lessOrEqual
        case .greaterOrEqual: .less
        case .equal: .notEqual
        case .notEqual: .equal
        }
    }

    /// The same test with its sides exchanged.
    public var flipped: Comparison {
        switch self {
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        case .equal, .notEqual: self
        }
    }

    func holds(_ order: Datum.Order) -> Bool {
        switch self {
        case .less: order == .less
        case .lessOrEqual: order != .greater
        case .greater: order == .greater
        case .greaterOrEqual: order != .less
        case .equal: order == .equal
        case .notEqual: order != .equal
        }
    }
}
