extension Transform {
    /// What a value of this transform must fulfil so that every column value it comes from passes the test; nil when
    /// nothing is enough.
    func projectStrictly(_ test: BoundTest) -> BoundTest.Operation? {
        switch self {
        case .void, .unknown: return nil
        case .identity: return test.operation
        case .bucket, .truncate, .year, .month, .day, .hour: break
        }
        switch test.operation {
        case .isNull, .notNull: return test.operation
        case .isNaN, .notNaN, .isIn, .compare(.equal, _): return nil
        case .compare(.notEqual, let literal): return projectStrictly(notIn: [literal])
        case .notIn(let literals): return projectStrictly(notIn: literals)
        case .compare(let comparison, let literal): return projectStrictly(comparison, literal)
        case .startsWith(let prefix):
            guard case .truncate(let width) = self else { return nil }
            let length = prefix.unicodeScalars.count
            if length > width { return nil }
            return length == width ? .compare(.equal, .string(prefix)) : .startsWith(prefix)
        case .notStartsWith(let prefix):
            guard case .truncate(let width) = self else { return nil }
            if prefix.unicodeScalars.count < width { return .notStartsWith(prefix) }
            return apply(.string(prefix)).map { .compare(.notEqual, $0) }
        }
    }

    private func projectStrictly(notIn literals: [Datum]) -> BoundTest.Operation? {
        guard case .isIn(let values)? = project(in: literals) else {
            guard case .compare(.equal, let value)? = project(in: literals) else { return nil }
            return .compare(.notEqual, value)
        }
        return .notIn(values)
    }

    /// Every value of a unit below that of the first value that fails passes; so does every value of a unit above that
    /// of the last that fails.
    private func projectStrictly(_ comparison: Comparison, _ literal: Datum) -> BoundTest.Operation? {
        guard preservesOrder else { return nil }
        switch comparison {
        case .less: return applyInOrder(literal).map { .compare(.less, $0) }
        case .lessOrEqual:
            guard literal.isDiscrete else { return apply(literal).map { .compare(.less, $0) } }
            guard let first = literal.stepped(by: 1) else { return .notNull }
            return applyInOrder(first).map { .compare(.less, $0) }
        case .greater: return apply(literal).map { .compare(.greater, $0) }
        case .greaterOrEqual:
            guard literal.isDiscrete else { return apply(literal).map { .compare(.greater, $0) } }
            guard let last = literal.stepped(by: -1) else { return .notNull }
            return apply(last).map { .compare(.greater, $0) }
        case .equal, .notEqual: return nil
        }
    }
}

extension Datum {
    /// Whether every value but the last has a next one.
    fileprivate var isDiscrete: Bool {
        if case .decimal = self { return true }
        return integer != nil
    }
}
