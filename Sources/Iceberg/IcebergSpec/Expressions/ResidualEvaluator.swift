/// Finds what of a row filter is left to be tested within a partition (specification: "Scan Planning"), with the
/// filter projected onto the spec beforehand.
///
/// A test that the partition's values decide for every row is gone: an hour that lies within the filter's times needs
/// no test of the time any more.
public struct ResidualEvaluator: Sendable {
    private indirect enum Node: Sendable {
        case constant(BoundPredicate)
        case all([Node])
        case any([Node])
        case test(BoundTest, [Projection])
    }

    private struct Projection: Sendable {
        let index: Int
        let inclusive: BoundPredicate
        let strict: BoundPredicate
    }

    public let predicate: BoundPredicate
    private let root: Node
    private let fieldCount: Int

    public init(predicate: BoundPredicate, spec: PartitionSpec) {
        self.predicate = predicate
        fieldCount = spec.fields.count
        root = Self.compile(predicate, spec)
    }

    private static func compile(_ predicate: BoundPredicate, _ spec: PartitionSpec) -> Node {
        switch predicate {
        case .alwaysTrue, .alwaysFalse: return .constant(predicate)
        case .and(let terms): return .all(terms.map { compile($0, spec) })
        case .or(let terms): return .any(terms.map { compile($0, spec) })
        case .test(let test):
            let projections = spec.fields.enumerated().filter { $0.element.sourceIDs == [test.fieldID] }.map {
                Projection(
                    index: $0.offset, inclusive: test.projected(onto: $0.element),
                    strict: test.strictlyProjected(onto: $0.element))
            }
            return projections.isEmpty ? .constant(predicate) : .test(test, projections)
        }
    }

    /// - Parameter partition: one value per field of the spec, in order; of any other number nothing is concluded.
    public func residual(of partition: [Datum?]) -> BoundPredicate {
        partition.count == fieldCount ? Self.rest(root, partition) : predicate
    }

    private static func rest(_ node: Node, _ partition: [Datum?]) -> BoundPredicate {
        switch node {
        case .constant(let predicate): return predicate
        case .all(let nodes): return .all(of: nodes.map { rest($0, partition) })
        case .any(let nodes): return .any(of: nodes.map { rest($0, partition) })
        case .test(let test, let projections):
            for projection in projections where !isUnsure(partition[projection.index]) {
                let range = FieldRange(exactly: partition[projection.index])
                if projection.strict.mustMatch({ _, _ in range }) { return .alwaysTrue }
                if !projection.inclusive.mightMatch({ _, _ in range }) { return .alwaysFalse }
            }
            return .test(test)
        }
    }

    /// Engines differ in whether zeros of either sign are equal, and where NaN stands: such rows are tested by them.
    private static func isUnsure(_ value: Datum?) -> Bool {
        switch value {
        case .float(let number): number == 0 || number.isNaN
        case .double(let number): number == 0 || number.isNaN
        default: false
        }
    }
}

extension BoundPredicate {
    /// What is left to test of the rows of one partition. For many partitions, make one `ResidualEvaluator`.
    ///
    /// - Parameter partition: one value per field of the spec, in order.
    public func residual(partition: [Datum?], spec: PartitionSpec) -> BoundPredicate {
        ResidualEvaluator(predicate: self, spec: spec).residual(of: partition)
    }
}
