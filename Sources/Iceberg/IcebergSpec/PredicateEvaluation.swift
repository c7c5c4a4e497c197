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
        self.lower = lower?.isNaN == true ? nil : lower?.zeroLowered
        self.upper = upper?.isNaN == true ? nil : upper?.zeroRaised
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

/// Column statistics of one file, by field id, as manifests keep them.
public struct FileMetrics: Sendable {
    public var recordCount: Int64
    public var valueCounts: [Int: Int64]
    public var nullValueCounts: [Int: Int64]
    public var nanValueCounts: [Int: Int64]
    public var lowerBounds: [Int: [UInt8]]
    public var upperBounds: [Int: [UInt8]]

    public init(
        recordCount: Int64, valueCounts: [Int: Int64] = [:], nullValueCounts: [Int: Int64] = [:],
        nanValueCounts: [Int: Int64] = [:], lowerBounds: [Int: [UInt8]] = [:], upperBounds: [Int: [UInt8]] = [:]
    ) {
        self.recordCount = recordCount
        self.valueCounts = valueCounts
        self.nullValueCounts = nullValueCounts
        self.nanValueCounts = nanValueCounts
        self.lowerBounds = lowerBounds
        self.upperBounds = upperBounds
    }

    /// A bound that cannot be read counts as none: it may be of a type the column had before.
    public func range(fieldID: Int, type: IcebergType) -> FieldRange {
        func bound(_ bytes: [UInt8]?) -> Datum? {
            guard let bytes else { return nil }
            do { return try Datum(singleValueBinary: bytes, type: type) } catch { return nil }
        }
        let isFloating = type == .float || type == .double
        let nulls = nullValueCounts[fieldID]
        let nans = isFloating ? nanValueCounts[fieldID] : 0
        let values = valueCounts[fieldID].map { $0 &- (nulls ?? 0) &- (nans ?? 0) }
        return FieldRange(
            lower: bound(lowerBounds[fieldID]), upper: bound(upperBounds[fieldID]), mayHaveNull: nulls != 0,
            mayHaveValue: nulls == nil || values != 0, mayHaveNaN: nans != 0)
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
        case .test(let test): test.mightMatch(range(test.fieldID, test.type))
        }
    }

    public func mightMatch(_ metrics: FileMetrics) -> Bool {
        metrics.recordCount != 0 && mightMatch { metrics.range(fieldID: $0, type: $1) }
    }

    /// Whether every row passes. True is a proof; false is not a promise.
    public func mustMatch(_ range: (Int, IcebergType) -> FieldRange) -> Bool {
        switch self {
        case .alwaysTrue: true
        case .alwaysFalse: false
        case .and(let terms): terms.allSatisfy { $0.mustMatch(range) }
        case .or(let terms): terms.contains { $0.mustMatch(range) }
        case .test(let test): test.mustMatch(range(test.fieldID, test.type))
        }
    }

    public func mustMatch(_ metrics: FileMetrics) -> Bool {
        mustMatch { metrics.range(fieldID: $0, type: $1) }
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
        case .test(let test): test.matches(value(test.fieldID))
        }
    }
}

extension BoundTest {
    func matches(_ value: Datum?) -> Bool {
        guard let value else { return operation == .isNull }
        switch operation {
        case .isNull: return false
        case .notNull: return true
        case .isNaN: return value.isNaN
        case .notNaN: return !value.isNaN
        case .compare(let comparison, let literal): return value.order(to: literal).map(comparison.holds) ?? false
        case .isIn(let literals): return literals.contains(value)
        case .notIn(let literals): return !literals.contains(value)
        case .startsWith(let prefix): return value.string.map { $0.utf8.starts(with: prefix.utf8) } ?? false
        case .notStartsWith(let prefix): return value.string.map { !$0.utf8.starts(with: prefix.utf8) } ?? false
        }
    }

    /// NaN counts as larger than any number, as engines that order it do; others never match it, which is less. Null
    /// counts as unequal to everything, as clients that are not SQL engines may mean it.
    func mightMatch(_ range: FieldRange) -> Bool {
        switch operation {
        case .isNull: return range.mayHaveNull
        case .notNull: return range.mayHaveValue || range.mayHaveNaN
        case .isNaN: return range.mayHaveNaN
        case .notNaN: return range.mayHaveValue
        case .compare(let comparison, let literal):
            if literal.isNaN { return range.mayHaveValue || range.mayHaveNaN }
            if comparison == .notEqual && range.mayHaveNull { return true }
            return range.mightHave(comparison, literal) || isFloating && range.mayHaveNaN && comparison.includesLarger
        case .isIn(let literals):
            return literals.contains { $0.isNaN ? range.mayHaveNaN : range.mightHave(.equal, $0) }
        case .notIn(let literals):
            if range.mayHaveNull || range.mayHaveNaN && isFloating { return true }
            guard range.mayHaveValue else { return false }
            guard let lower = range.lower, lower == range.upper else { return true }
            return !literals.contains(lower)
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
        case .isIn(let literals): return literals.contains { range.mustHave(.equal, $0) }
        case .notIn(let literals): return literals.allSatisfy { range.mustHave(.notEqual, $0) }
        case .startsWith(let prefix): return range.allStart(with: prefix)
        case .notStartsWith(let prefix): return !range.mightStart(with: prefix)
        case .isNull, .notNull, .isNaN, .notNaN: return false
        }
    }

    private var isFloating: Bool { type == .float || type == .double }
}

extension Comparison {
    fileprivate var includesLarger: Bool { self == .greater || self == .greaterOrEqual || self == .notEqual }
}

extension FieldRange {
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
        guard mayHaveValue, !literal.isNaN else { return false }
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

extension Datum {
    /// Zero as -0: engines take both for equal, and writers keep either as bounds.
    fileprivate var zeroLowered: Datum {
        switch self {
        case .float(let value) where value == 0: .float(-0.0)
        case .double(let value) where value == 0: .double(-0.0)
        default: self
        }
    }

    fileprivate var zeroRaised: Datum {
        switch self {
        case .float(let value) where value == 0: .float(0.0)
        case .double(let value) where value == 0: .double(0.0)
        default: self
        }
    }
}
