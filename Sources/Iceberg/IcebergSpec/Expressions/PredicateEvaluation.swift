/// What is known of the values of one field in a file, a manifest or a partition.
public struct FieldRange: Hashable, Sendable {
    /// Not above any value; NaN aside.
    public var lower: Datum?
    /// Not below any value; NaN aside.
    public var upper: Datum?
    public var mayHaveNull: Bool
    /// Whether there may be anything but nulls and NaN.
    public var mayHaveValue: Bool
    public var mayHaveNaN: Bool

    public init(
        lower: Datum? = nil, upper: Datum? = nil, mayHaveNull: Bool = true, mayHaveValue: Bool = true,
        mayHaveNaN: Bool = true
    ) {
        self.lower = lower?.isNaN == true ? nil : lower?.withoutNegativeZero
        self.upper = upper?.isNaN == true ? nil : upper?.withoutNegativeZero
        self.mayHaveNull = mayHaveNull
        self.mayHaveValue = mayHaveValue
        self.mayHaveNaN = mayHaveNaN
    }

    /// Nothing is known.
    public static let unknown = FieldRange()

    /// Every row has this one value (or null): a partition value.
    public init(exactly value: Datum?) {
        self.init(
            lower: value, upper: value, mayHaveNull: value == nil, mayHaveValue: value.map { !$0.isNaN } ?? false,
            mayHaveNaN: value?.isNaN ?? false)
    }
}

extension BoundPredicate {
    /// Whether some row may pass. False is a proof that none does; true is not a promise.
    ///
    /// - Parameter range: what is known of a field, by id and type; `.unknown` when nothing is.
    public func mightMatch(_ range: (Int, IcebergType) -> FieldRange) -> Bool {
        switch self {
        case .alwaysTrue: true
        case .alwaysFalse: false
        case .and(let terms): terms.allSatisfy { $0.mightMatch(range) }
        case .or(let terms): terms.contains { $0.mightMatch(range) }
        case .test(let test): test.mightMatch(test.seen(range(test.fieldID, test.sourceType)))
        }
    }

    /// Whether every row passes. True is a proof; false is not a promise.
    public func mustMatch(_ range: (Int, IcebergType) -> FieldRange) -> Bool {
        switch self {
        case .alwaysTrue: true
        case .alwaysFalse: false
        case .and(let terms): terms.allSatisfy { $0.mustMatch(range) }
        case .or(let terms): terms.contains { $0.mustMatch(range) }
        case .test(let test): test.mustMatch(test.seen(range(test.fieldID, test.sourceType)))
        }
    }

    /// Whether a row passes.
    ///
    /// - Parameter value: the row's value of a field; nil for null.
    public func matches(_ value: (Int) -> Datum?) -> Bool {
        switch self {
        case .alwaysTrue: true
        case .alwaysFalse: false
        case .and(let terms): terms.allSatisfy { $0.matches(value) }
        case .or(let terms): terms.contains { $0.matches(value) }
        case .test(let test): test.matches(test.transform.apply(value(test.fieldID)))
        }
    }
}

extension BoundTest {
    /// - Parameter value: of the term. -0 and 0 are the same number, NaN equals nothing and is in no order.
    func matches(_ value: Datum?) -> Bool {
        guard let value = value?.withoutNegativeZero else { return operation == .isNull }
        switch operation {
        case .isNull: return false
        case .notNull: return true
        case .isNaN: return value.isNaN
        case .notNaN: return !value.isNaN
        case .compare(let comparison, let literal):
            if value.isNaN { return comparison == .notEqual }
            return value.order(to: literal).map(comparison.holds) ?? false
        case .isIn(let literals): return literals.containsSorted(value)
        case .notIn(let literals): return !literals.containsSorted(value)
        case .startsWith(let prefix): return value.string.map { $0.utf8.starts(with: prefix.utf8) } ?? false
        case .notStartsWith(let prefix): return value.string.map { !$0.utf8.starts(with: prefix.utf8) } ?? false
        }
    }

    /// What is known of the term, from what is known of the field.
    func seen(_ range: FieldRange) -> FieldRange { transform == .identity ? range : range.transformed(by: transform) }

    /// NaN counts as larger than any number, as engines that order it do; others never match it, which is less. Null
    /// counts as unequal to everything, as clients that are not SQL engines may mean it.
    func mightMatch(_ range: FieldRange) -> Bool {
        switch operation {
        case .isNull: return range.mayHaveNull
        case .notNull: return range.mayHaveValue || range.mayHaveNaN
        case .isNaN: return range.mayHaveNaN
        case .notNaN: return range.mayHaveValue
        case .compare(let comparison, let literal):
            if comparison == .notEqual && range.mayHaveNull { return true }
            return range.mightHave(comparison, literal) || isFloating && range.mayHaveNaN && comparison.includesLarger
        case .isIn(let literals):
            return range.mightHaveAny(of: literals)
        case .notIn(let literals):
            if range.mayHaveNull || range.mayHaveNaN && isFloating { return true }
            guard range.mayHaveValue else { return false }
            guard let lower = range.lower, lower == range.upper else { return true }
            return !literals.containsSorted(lower)
        case .startsWith(let prefix): return range.mightStart(with: prefix)
        case .notStartsWith(let prefix):
            return range.mayHaveNull || range.mayHaveValue && !range.allStart(with: prefix)
        }
    }

    func mustMatch(_ range: FieldRange) -> Bool {
        switch operation {
        case .isNull: return !range.mayHaveValue && !(isFloating && range.mayHaveNaN)
        case .notNull: return !range.mayHaveNull
        case .isNaN: return isFloating && !range.mayHaveNull && !range.mayHaveValue
        case .notNaN: return !range.mayHaveNull && !range.mayHaveNaN
        default: break
        }
        guard !range.mayHaveNull, !(isFloating && range.mayHaveNaN) else { return false }
        switch operation {
        case .compare(let comparison, let literal): return range.mustHave(comparison, literal)
        case .isIn(let literals):
            guard range.mayHaveValue, let lower = range.lower, lower == range.upper else { return false }
            return literals.containsSorted(lower)
        case .notIn(let literals): return range.mayHaveValue && !range.mightHaveAny(of: literals)
        case .startsWith(let prefix): return range.allStart(with: prefix)
        case .notStartsWith(let prefix): return !range.mightStart(with: prefix)
        case .isNull, .notNull, .isNaN, .notNaN: return false
        }
    }

    private var isFloating: Bool { type.isFloating }
}

extension FieldRange {
    /// What is known of a transform of the field.
    func transformed(by transform: Transform) -> FieldRange {
        var result = FieldRange(mayHaveNull: mayHaveNull, mayHaveValue: mayHaveValue, mayHaveNaN: false)
        guard transform.preservesOrder else { return result }
        let low = lower.flatMap { transform.applyInOrder($0) }
        // Below an unknown bound may lie values that truncating wraps around to the largest.
        if low == nil, case .truncate = transform, upper?.integer != nil { return result }
        result.lower = low
        result.upper = upper.flatMap { transform.apply($0) }
        return result
    }
}

extension Comparison {
    fileprivate var includesLarger: Bool { self == .greater || self == .greaterOrEqual || self == .notEqual }
}

extension FieldRange {
    /// Whether one of ascending literals lies within the bounds.
    fileprivate func mightHaveAny(of literals: [Datum]) -> Bool {
        guard mayHaveValue, let first = literals.first else { return false }
        guard let lower else { return upper?.order(to: first) != .less }
        // Bounds of another type say nothing.
        guard lower.order(to: first) != nil else { return true }
        let index = literals.firstIndex(notBelow: lower)
        return index < literals.count && upper?.order(to: literals[index]) != .less
    }

    fileprivate func mightHave(_ comparison: Comparison, _ literal: Datum) -> Bool {
        guard mayHaveValue else { return false }
        let low = lower?.order(to: literal)
        let high = upper?.order(to: literal)
        switch comparison {
        case .less: return low.map { $0 == .less } ?? true
        case .lessOrEqual: return low.map { $0 != .greater } ?? true
        case .greater: return high.map { $0 == .greater } ?? true
        case .greaterOrEqual: return high.map { $0 != .less } ?? true
        case .equal: return low != .greater && high != .less
        case .notEqual: return low != .equal || high != .equal
        }
    }

    fileprivate func mustHave(_ comparison: Comparison, _ literal: Datum) -> Bool {
        guard mayHaveValue else { return false }
        let low = lower?.order(to: literal)
        let high = upper?.order(to: literal)
        switch comparison {
        case .less: return high == .less
        case .lessOrEqual: return high == .less || high == .equal
        case .greater: return low == .greater
        case .greaterOrEqual: return low == .greater || low == .equal
        case .equal: return low == .equal && high == .equal
        case .notEqual: return low == .greater || high == .less
        }
    }

    fileprivate func mightStart(with prefix: String) -> Bool {
        guard mayHaveValue else { return false }
        let wanted = Datum.binary(Array(prefix.utf8))
        func cut(_ bound: Datum?) -> Datum.Order? {
            bound?.string.flatMap { Datum.binary(Array($0.utf8.prefix(prefix.utf8.count))).order(to: wanted) }
        }
        return cut(lower) != .greater && cut(upper) != .less
    }

    fileprivate func allStart(with prefix: String) -> Bool {
        guard let low = lower?.string, let high = upper?.string else { return false }
        return low.utf8.starts(with: prefix.utf8) && high.utf8.starts(with: prefix.utf8)
    }
}
