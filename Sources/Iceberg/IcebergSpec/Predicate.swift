import JSONFormat

/// A filter over the columns of a table, by name. Comparisons with null are never true, as in SQL.
public indirect enum Predicate: Hashable, Sendable {
    case alwaysTrue
    case alwaysFalse
    /// True when empty.
    case and([Predicate])
    /// False when empty.
    case or([Predicate])
    case not(Predicate)
    /// The literal becomes a value of the column's type when bound: `.string("2024-01-15")` fits a date.
    case compare(Comparison, column: String, Datum)
    case isIn(column: String, [Datum])
    case notIn(column: String, [Datum])
    case isNull(column: String)
    case notNull(column: String)
    case isNaN(column: String)
    case notNaN(column: String)
    case startsWith(column: String, String)
    case notStartsWith(column: String, String)

    public static func equal(_ column: String, _ value: Datum) -> Predicate { .compare(.equal, column: column, value) }
    public static func less(_ column: String, _ value: Datum) -> Predicate { .compare(.less, column: column, value) }
    public static func atLeast(_ column: String, _ value: Datum) -> Predicate {
        .compare(.greaterOrEqual, column: column, value)
    }
}

public enum Comparison: Hashable, Sendable {
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

/// A filter over fields by id, with literals of their types and without negation.
public indirect enum BoundPredicate: Hashable, Sendable {
    case alwaysTrue
    case alwaysFalse
    case and([BoundPredicate])
    case or([BoundPredicate])
    case test(BoundTest)
}

/// One test of one field.
public struct BoundTest: Hashable, Sendable {
    public enum Operation: Hashable, Sendable {
        case compare(Comparison, Datum)
        case isIn([Datum])
        case notIn([Datum])
        case isNull
        case notNull
        case isNaN
        case notNaN
        case startsWith(String)
        case notStartsWith(String)
    }

    public let fieldID: Int
    public let type: IcebergType
    public let operation: Operation

    public init(fieldID: Int, type: IcebergType, operation: Operation) {
        self.fieldID = fieldID
        self.type = type
        self.operation = operation
    }
}

extension Predicate {
    /// Finds the columns and turns literals into values of their types.
    ///
    /// - Throws: `.invalid` for a column that does not exist or is no scalar, a literal that cannot be a value of its
    ///   column's type, or a test that the type does not have.
    public func bound(to schema: Schema, ignoringCase: Bool = false) throws(IcebergError) -> BoundPredicate {
        try bound(PredicateBinder(schema: schema, ignoringCase: ignoringCase), negated: false, depth: 0)
    }

    private func bound(
        _ binder: PredicateBinder, negated: Bool, depth: Int
    ) throws(IcebergError) -> BoundPredicate {
        guard depth <= Limits.expressionDepthMax else {
            throw IcebergError(.limitExceeded, "the filter nests deeper than \(Limits.expressionDepthMax) levels")
        }
        switch self {
        case .alwaysTrue: return negated ? .alwaysFalse : .alwaysTrue
        case .alwaysFalse: return negated ? .alwaysTrue : .alwaysFalse
        case .not(let child): return try child.bound(binder, negated: !negated, depth: depth + 1)
        case .and(let children), .or(let children):
            var terms: [BoundPredicate] = []
            for child in children { terms.append(try child.bound(binder, negated: negated, depth: depth + 1)) }
            return isConjunction == negated ? .any(of: terms) : .all(of: terms)
        case .compare(let comparison, let column, let value):
            return try binder.compare(negated ? comparison.negated : comparison, column, value)
        case .isIn(let column, let values): return try binder.membership(column, values, isIn: !negated)
        case .notIn(let column, let values): return try binder.membership(column, values, isIn: negated)
        case .isNull(let column): return try binder.null(column, isNull: !negated)
        case .notNull(let column): return try binder.null(column, isNull: negated)
        case .isNaN(let column): return try binder.notANumber(column, isNaN: !negated)
        case .notNaN(let column): return try binder.notANumber(column, isNaN: negated)
        case .startsWith(let column, let prefix): return try binder.prefix(column, prefix, starts: !negated)
        case .notStartsWith(let column, let prefix): return try binder.prefix(column, prefix, starts: negated)
        }
    }

    private var isConjunction: Bool { if case .and = self { true } else { false } }
}

extension BoundPredicate {
    public static func all(of terms: [BoundPredicate]) -> BoundPredicate {
        let rest = terms.filter { $0 != .alwaysTrue }
        if rest.contains(.alwaysFalse) { return .alwaysFalse }
        return rest.isEmpty ? .alwaysTrue : rest.count == 1 ? rest[0] : .and(rest)
    }

    public static func any(of terms: [BoundPredicate]) -> BoundPredicate {
        let rest = terms.filter { $0 != .alwaysFalse }
        if rest.contains(.alwaysTrue) { return .alwaysTrue }
        return rest.isEmpty ? .alwaysFalse : rest.count == 1 ? rest[0] : .or(rest)
    }

    /// Ids of the fields that are tested.
    public var fieldIDs: Set<Int> {
        switch self {
        case .alwaysTrue, .alwaysFalse: []
        case .and(let terms), .or(let terms): terms.reduce(into: Set<Int>()) { $0.formUnion($1.fieldIDs) }
        case .test(let test): [test.fieldID]
        }
    }
}

/// Makes tests of one schema's columns.
private struct PredicateBinder {
    let schema: Schema
    let ignoringCase: Bool

    private func field(_ name: String) throws(IcebergError) -> NestedField {
        guard let field = ignoringCase ? schema.field(namedIgnoringCase: name) : schema.field(named: name) else {
            throw IcebergError(.invalid, "there is no column \"\(name.prefix(200))\" to filter by")
        }
        return field
    }

    /// A column with one scalar a row: nothing is known of the values within lists and maps.
    private func scalar(_ name: String) throws(IcebergError) -> NestedField {
        let field = try field(name)
        guard field.type.isPrimitive else {
            throw IcebergError(.invalid, "the column \"\(name.prefix(200))\" is no scalar and cannot be compared")
        }
        return field
    }

    private func test(_ field: NestedField, _ operation: BoundTest.Operation) -> BoundPredicate {
        .test(BoundTest(fieldID: field.id, type: field.type, operation: operation))
    }

    func compare(_ comparison: Comparison, _ column: String, _ value: Datum) throws(IcebergError) -> BoundPredicate {
        let field = try scalar(column)
        switch value.converted(to: field.type) {
        case .value(let value): return test(field, .compare(comparison, value))
        case .aboveAll:
            return [.less, .lessOrEqual, .notEqual].contains(comparison) ? test(field, .notNull) : .alwaysFalse
        case .belowAll:
            return [.greater, .greaterOrEqual, .notEqual].contains(comparison) ? test(field, .notNull) : .alwaysFalse
        case .between(let below, let above):
            switch comparison {
            case .less, .lessOrEqual: return test(field, .compare(.lessOrEqual, below))
            case .greater, .greaterOrEqual: return test(field, .compare(.greaterOrEqual, above))
            case .equal: return .alwaysFalse
            case .notEqual: return test(field, .notNull)
            }
        case .unequalToAll where comparison == .equal: return .alwaysFalse
        case .unequalToAll where comparison == .notEqual: return test(field, .notNull)
        case .unequalToAll, .impossible: throw unfit(value, column, field)
        }
    }

    func membership(_ column: String, _ values: [Datum], isIn: Bool) throws(IcebergError) -> BoundPredicate {
        let field = try scalar(column)
        guard values.count <= Limits.expressionTermsMax else {
            throw IcebergError(.limitExceeded, "more than \(Limits.expressionTermsMax) values in one test")
        }
        var kept: Set<Datum> = []
        for value in values {
            switch value.converted(to: field.type) {
            case .value(let value): kept.insert(value)
            case .aboveAll, .belowAll, .between, .unequalToAll: continue
            case .impossible: throw unfit(value, column, field)
            }
        }
        let sorted = kept.sorted { $0.order(to: $1) == .less }
        if sorted.isEmpty { return isIn ? .alwaysFalse : test(field, .notNull) }
        if sorted.count == 1 { return test(field, .compare(isIn ? .equal : .notEqual, sorted[0])) }
        return test(field, isIn ? .isIn(sorted) : .notIn(sorted))
    }

    func null(_ column: String, isNull: Bool) throws(IcebergError) -> BoundPredicate {
        let field = try field(column)
        // A required field of an optional struct is null where the struct is.
        if field.required, schema.parentID(of: field.id) == nil { return isNull ? .alwaysFalse : .alwaysTrue }
        return test(field, isNull ? .isNull : .notNull)
    }

    func notANumber(_ column: String, isNaN: Bool) throws(IcebergError) -> BoundPredicate {
        let field = try scalar(column)
        guard field.type == .float || field.type == .double else {
            throw IcebergError(.invalid, "the column \"\(column.prefix(200))\" of type \(field.type) has no NaN")
        }
        return test(field, isNaN ? .isNaN : .notNaN)
    }

    func prefix(_ column: String, _ prefix: String, starts: Bool) throws(IcebergError) -> BoundPredicate {
        let field = try scalar(column)
        guard field.type == .string else {
            throw IcebergError(.invalid, "the column \"\(column.prefix(200))\" of type \(field.type) has no prefixes")
        }
        return test(field, starts ? .startsWith(prefix) : .notStartsWith(prefix))
    }

    private func unfit(_ value: Datum, _ column: String, _ field: NestedField) -> IcebergError {
        IcebergError(
            .invalid,
            "\(value.json.serializedString().prefix(80)) cannot be compared with the column "
                + "\"\(column.prefix(200))\" of type \(field.type)")
    }
}
