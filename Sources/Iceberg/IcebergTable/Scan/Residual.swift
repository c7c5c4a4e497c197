import IcebergSpec

/// Finds what of a row filter is left to be tested within a partition (specification: "Scan Planning").
///
/// A test of a column that the spec partitions by is decided where the partition value decides it for every row: an hour
/// that lies within the filter's times needs no test of the time any more.
struct ResidualEvaluator: Sendable {
    let predicate: BoundPredicate
    private let spec: PartitionSpec
    private let sources: [Int: [Int]]

    init(predicate: BoundPredicate, spec: PartitionSpec) {
        self.predicate = predicate
        self.spec = spec
        var sources: [Int: [Int]] = [:]
        for (index, field) in spec.fields.enumerated() where field.sourceIDs.count == 1 {
            sources[field.sourceID, default: []].append(index)
        }
        self.sources = sources
    }

    func residual(of partition: [Datum?]) -> BoundPredicate {
        guard !sources.isEmpty, partition.count == spec.fields.count else { return predicate }
        return rest(predicate, partition)
    }

    private func rest(_ predicate: BoundPredicate, _ partition: [Datum?]) -> BoundPredicate {
        switch predicate {
        case .alwaysTrue, .alwaysFalse: predicate
        case .and(let terms): .all(of: terms.map { rest($0, partition) })
        case .or(let terms): .any(of: terms.map { rest($0, partition) })
        case .test(let test): rest(test, partition)
        }
    }

    private func rest(_ test: BoundTest, _ partition: [Datum?]) -> BoundPredicate {
        for index in sources[test.fieldID] ?? [] {
            if let holds = Self.decided(test, by: spec.fields[index].transform, partition[index]) {
                return holds ? .alwaysTrue : .alwaysFalse
            }
        }
        return .test(test)
    }

    /// What the test gives for every row of the partition; nil where the rows may differ.
    private static func decided(_ test: BoundTest, by transform: Transform, _ value: Datum?) -> Bool? {
        guard let value else { return decidedByNull(test, transform) }
        if transform == .identity { return decided(test, exactly: value) }
        // No row passes what no partition value of passing rows allows; every row passes when none passes the opposite.
        // Partition values are not null only where the column is not.
        if let allowed = transform.project(test), !test.with(allowed).accepts(value) { return false }
        if let opposite = transform.project(test.with(test.operation.negated)),
            !test.with(opposite).accepts(value)
        {
            return true
        }
        return nil
    }

    /// Engines differ in whether zeros of either sign are equal, and where NaN stands: such rows are tested by them.
    private static func decided(_ test: BoundTest, exactly value: Datum) -> Bool? {
        switch (value, test.operation) {
        case (.float, .compare), (.float, .isIn), (.float, .notIn), (.double, .compare), (.double, .isIn),
            (.double, .notIn):
            nil
        default: test.accepts(value)
        }
    }

    /// Every row's value is null, unless the transform says nothing of it. Whether null is unequal to a value is the
    /// reader's to say.
    private static func decidedByNull(_ test: BoundTest, _ transform: Transform) -> Bool? {
        switch transform {
        case .void, .unknown: return nil
        case .identity, .year, .month, .day, .hour, .bucket, .truncate: break
        }
        switch test.operation {
        case .isNull: return true
        case .compare(.notEqual, _), .notIn, .notStartsWith, .notNaN: return nil
        case .compare, .isIn, .startsWith, .notNull, .isNaN: return false
        }
    }
}

extension BoundTest {
    fileprivate func with(_ operation: Operation) -> BoundTest {
        BoundTest(fieldID: fieldID, type: type, operation: operation)
    }

    fileprivate func accepts(_ value: Datum) -> Bool { BoundPredicate.test(self).matches { _ in value } }
}

extension BoundTest.Operation {
    fileprivate var negated: BoundTest.Operation {
        switch self {
        case .compare(let comparison, let value): .compare(comparison.negated, value)
        case .isIn(let values): .notIn(values)
        case .notIn(let values): .isIn(values)
        case .isNull: .notNull
        case .notNull: .isNull
        case .isNaN: .notNaN
        case .notNaN: .isNaN
        case .startsWith(let prefix): .notStartsWith(prefix)
        case .notStartsWith(let prefix): .startsWith(prefix)
        }
    }
}
