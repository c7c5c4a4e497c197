import JSONFormat

extension Predicate {
    /// Finds the columns and turns literals into values of their types. Negations vanish: each test has a negative.
    ///
    /// A literal that no value of the type equals decides the test: `id < 2^40` of an int is "not null".
    ///
    /// - Throws: `.invalid` for a column that does not exist or is no scalar, a literal that cannot be a value of its
    ///   term's type, or a test that the type does not have; `.limitExceeded`.
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
        case .compare(let comparison, let term, let value):
            return try binder.compare(negated ? comparison.negated : comparison, term, value)
        case .isIn(let term, let values): return try binder.membership(term, values, isIn: !negated)
        case .notIn(let term, let values): return try binder.membership(term, values, isIn: negated)
        case .isNull(let term): return try binder.null(term, isNull: !negated)
        case .notNull(let term): return try binder.null(term, isNull: negated)
        case .isNaN(let term): return try binder.notANumber(term, isNaN: !negated)
        case .notNaN(let term): return try binder.notANumber(term, isNaN: negated)
        case .startsWith(let term, let prefix): return try binder.prefix(term, prefix, starts: !negated)
        case .notStartsWith(let term, let prefix): return try binder.prefix(term, prefix, starts: negated)
        }
    }

    private var isConjunction: Bool { if case .and = self { true } else { false } }
}

/// Makes tests of one schema's columns.
private struct PredicateBinder {
    let schema: Schema
    /// Nil where the case of names counts.
    private let lowercased: [String: [Int]]?

    init(schema: Schema, ignoringCase: Bool) {
        self.schema = schema
        lowercased = ignoringCase ? schema.idsByLowercasedName : nil
    }

    /// A term whose column is found.
    private struct Subject {
        let field: NestedField
        let transform: Transform

        var type: IcebergType { transform.resultType(of: field.type) }

        func test(_ operation: BoundTest.Operation) -> BoundPredicate {
            .test(
                BoundTest(fieldID: field.id, sourceType: field.type, transform: transform, operation: operation))
        }
    }

    private func subject(_ term: Term) throws(IcebergError) -> Subject {
        guard let field = field(term.reference) else {
            throw IcebergError(.invalid, "there is no column \"\(term.columnDescription)\" to filter by")
        }
        var parent = schema.parentID(of: field.id)
        while let id = parent, let above = schema.field(id: id) {
            guard !above.type.isRepeated else {
                throw IcebergError(
                    .invalid,
                    "the column \"\(term.columnDescription)\" lies in a list or map, where a row has many values")
            }
            parent = schema.parentID(of: id)
        }
        guard term.transform != .identity else { return Subject(field: field, transform: .identity) }
        if case .unknown(let name) = term.transform {
            throw IcebergError(.unsupported, "the transform \"\(name.prefix(80))\" is not known")
        }
        guard term.transform != .void, term.transform.canTransform(field.type) else {
            throw IcebergError(
                .invalid,
                "\(term.transform) cannot be applied to \"\(term.columnDescription)\" of type \(field.type)")
        }
        return Subject(field: field, transform: term.transform)
    }

    private func field(_ reference: Term.Reference) -> NestedField? {
        switch reference {
        case .id(let id): return schema.field(id: id)
        case .name(let name):
            guard let lowercased else { return schema.field(named: name) }
            guard let ids = lowercased[name.lowercased()], ids.count == 1 else { return nil }
            return schema.field(id: ids[0])
        }
    }

    /// A term with one scalar a row.
    private func scalar(_ term: Term) throws(IcebergError) -> Subject {
        let subject = try subject(term)
        switch subject.type {
        case .structure, .list, .map, .variant, .geometry, .geography, .unknown:
            throw IcebergError(
                .invalid, "the column \"\(term.columnDescription)\" has no values that can be compared")
        default: return subject
        }
    }

    func compare(_ comparison: Comparison, _ term: Term, _ value: Datum) throws(IcebergError) -> BoundPredicate {
        if value.isNaN {
            guard comparison == .equal || comparison == .notEqual else {
                throw IcebergError(.invalid, "nothing can be compared with NaN: is-nan and not-nan test for it")
            }
            return try notANumber(term, isNaN: comparison == .equal)
        }
        let subject = try scalar(term)
        switch value.converted(to: subject.type) {
        case .value(let value): return subject.test(.compare(comparison, value.withoutNegativeZero))
        case .aboveAll:
            return [.less, .lessOrEqual, .notEqual].contains(comparison) ? notNull(subject) : .alwaysFalse
        case .belowAll:
            return [.greater, .greaterOrEqual, .notEqual].contains(comparison) ? notNull(subject) : .alwaysFalse
        case .between(let below, let above):
            switch comparison {
            case .less, .lessOrEqual: return subject.test(.compare(.lessOrEqual, below))
            case .greater, .greaterOrEqual: return subject.test(.compare(.greaterOrEqual, above))
            case .equal: return .alwaysFalse
            case .notEqual: return notNull(subject)
            }
        case .unequalToAll where comparison == .equal: return .alwaysFalse
        case .unequalToAll where comparison == .notEqual: return notNull(subject)
        case .unequalToAll, .impossible: throw unfit(value, term, subject)
        }
    }

    func membership(_ term: Term, _ values: [Datum], isIn: Bool) throws(IcebergError) -> BoundPredicate {
        let subject = try scalar(term)
        guard values.count <= Limits.expressionTermsMax else {
            throw IcebergError(.limitExceeded, "more than \(Limits.expressionTermsMax) values in one test")
        }
        var kept: Set<Datum> = []
        for value in values {
            guard !value.isNaN else {
                throw IcebergError(.invalid, "nothing can be compared with NaN: is-nan and not-nan test for it")
            }
            switch value.converted(to: subject.type) {
            case .value(let value): kept.insert(value.withoutNegativeZero)
            case .aboveAll, .belowAll, .between, .unequalToAll: continue
            case .impossible: throw unfit(value, term, subject)
            }
        }
        let sorted = kept.sorted { $0.order(to: $1) == .less }
        if sorted.isEmpty { return isIn ? .alwaysFalse : notNull(subject) }
        if sorted.count == 1 { return subject.test(.compare(isIn ? .equal : .notEqual, sorted[0])) }
        return subject.test(isIn ? .isIn(sorted) : .notIn(sorted))
    }

    func null(_ term: Term, isNull: Bool) throws(IcebergError) -> BoundPredicate {
        let subject = try subject(term)
        // A required field of an optional struct is null where the struct is.
        if subject.field.required, schema.parentID(of: subject.field.id) == nil {
            return isNull ? .alwaysFalse : .alwaysTrue
        }
        return subject.test(isNull ? .isNull : .notNull)
    }

    private func notNull(_ subject: Subject) -> BoundPredicate { subject.test(.notNull) }

    func notANumber(_ term: Term, isNaN: Bool) throws(IcebergError) -> BoundPredicate {
        let subject = try scalar(term)
        guard subject.type.isFloating else {
            throw IcebergError(
                .invalid, "the column \"\(term.columnDescription)\" of type \(subject.type) has no NaN")
        }
        return subject.test(isNaN ? .isNaN : .notNaN)
    }

    func prefix(_ term: Term, _ prefix: String, starts: Bool) throws(IcebergError) -> BoundPredicate {
        let subject = try scalar(term)
        guard subject.type == .string else {
            throw IcebergError(
                .invalid, "the column \"\(term.columnDescription)\" of type \(subject.type) has no prefixes")
        }
        return subject.test(starts ? .startsWith(prefix) : .notStartsWith(prefix))
    }

    private func unfit(_ value: Datum, _ term: Term, _ subject: Subject) -> IcebergError {
        IcebergError(
            .invalid,
            "\(value.json.serializedString().prefix(80)) cannot be compared with \"\(term)\" of type \(subject.type)")
    }
}

extension IcebergType {
    var isFloating: Bool { self == .float || self == .double }
}

extension Datum {
    /// -0 as 0: in comparisons both are the same number.
    var withoutNegativeZero: Datum {
        switch self {
        case .float(let value) where value == 0: .float(0)
        case .double(let value) where value == 0: .double(0)
        default: self
        }
    }
}
