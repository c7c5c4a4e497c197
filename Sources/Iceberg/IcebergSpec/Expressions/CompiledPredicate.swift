/// A filter made ready to test the bounds of many files. Literals are kept in the form of bounds, so that most tests
/// compare bytes with bytes: nothing is decoded, nothing allocated.
///
/// It answers as `BoundPredicate.mightMatch` and `mustMatch` do.
public struct CompiledPredicate: Sendable {
    private indirect enum Node: Sendable {
        case constant(Bool)
        case all([Node])
        case any([Node])
        case test(CompiledTest)
    }

    private let root: Node

    public init(_ predicate: BoundPredicate) { root = Self.compile(predicate) }

    private static func compile(_ predicate: BoundPredicate) -> Node {
        switch predicate {
        case .alwaysTrue: .constant(true)
        case .alwaysFalse: .constant(false)
        case .and(let terms): .all(terms.map(compile))
        case .or(let terms): .any(terms.map(compile))
        case .test(let test): .test(CompiledTest(test))
        }
    }

    /// Whether some row of the file may pass, by its counts and bounds. False is a proof that none does.
    public func mightMatch(_ file: DataFile) -> Bool { file.recordCount != 0 && Self.might(root, file) }

    /// Whether every row of the file passes, by its counts and bounds. True is a proof.
    public func mustMatch(_ file: DataFile) -> Bool { Self.must(root, file) }

    private static func might(_ node: Node, _ file: DataFile) -> Bool {
        switch node {
        case .constant(let value): value
        case .all(let nodes): nodes.allSatisfy { might($0, file) }
        case .any(let nodes): nodes.contains { might($0, file) }
        case .test(let test): test.mightMatch(file)
        }
    }

    private static func must(_ node: Node, _ file: DataFile) -> Bool {
        switch node {
        case .constant(let value): value
        case .all(let nodes): nodes.allSatisfy { must($0, file) }
        case .any(let nodes): nodes.contains { must($0, file) }
        case .test(let test): test.test.mustMatch(test.test.seen(file.range(of: test.test)))
        }
    }
}

/// A filter over the partition values of one spec, with the places of its fields found beforehand.
public struct CompiledPartitionPredicate: Sendable {
    private indirect enum Node: Sendable {
        case constant(Bool)
        case all([Node])
        case any([Node])
        case test(BoundTest, index: Int)
    }

    /// The filter itself, by partition field ids.
    public let predicate: BoundPredicate
    private let root: Node

    /// - Parameter predicate: of columns; it is projected onto the spec, so that every partition passes that may hold
    ///   a row passing it.
    public init(_ predicate: BoundPredicate, spec: PartitionSpec) {
        self.init(projected: predicate.projected(onto: spec), spec: spec)
    }

    /// - Parameter projected: of partition fields. For one that is not of the spec every value is thought possible.
    public init(projected: BoundPredicate, spec: PartitionSpec) {
        predicate = projected
        root = Self.compile(projected, spec)
    }

    private static func compile(_ predicate: BoundPredicate, _ spec: PartitionSpec) -> Node {
        switch predicate {
        case .alwaysTrue: .constant(true)
        case .alwaysFalse: .constant(false)
        case .and(let terms): .all(terms.map { compile($0, spec) })
        case .or(let terms): .any(terms.map { compile($0, spec) })
        case .test(let test):
            .test(test, index: spec.fields.firstIndex { $0.fieldID == test.fieldID } ?? Int.max)
        }
    }

    /// By the values of one partition. False is a proof that no row passes.
    public func mightMatch(_ partition: [Datum?]) -> Bool { Self.might(root, partition) }

    private static func might(_ node: Node, _ partition: [Datum?]) -> Bool {
        switch node {
        case .constant(let value): value
        case .all(let nodes): nodes.allSatisfy { might($0, partition) }
        case .any(let nodes): nodes.contains { might($0, partition) }
        case .test(let test, let index): index >= partition.count || test.mightMatch(exactly: partition[index])
        }
    }

    /// By what a manifest list says of the partitions of a manifest. False is a proof that no row passes.
    public func mightMatch(_ summaries: [ManifestFile.FieldSummary]) -> Bool { Self.might(root, summaries) }

    private static func might(_ node: Node, _ summaries: [ManifestFile.FieldSummary]) -> Bool {
        switch node {
        case .constant(let value): value
        case .all(let nodes): nodes.allSatisfy { might($0, summaries) }
        case .any(let nodes): nodes.contains { might($0, summaries) }
        case .test(let test, let index):
            index >= summaries.count || test.mightMatch(test.seen(summaries[index].range(type: test.sourceType)))
        }
    }
}

extension ManifestFile.FieldSummary {
    /// What is known of a partition field in a manifest.
    func range(type: IcebergType) -> FieldRange {
        FieldRange(
            lower: Datum.bound(lowerBound, type), upper: Datum.bound(upperBound, type), mayHaveNull: containsNull,
            mayHaveValue: lowerBound != nil || upperBound != nil || !containsNull, mayHaveNaN: containsNaN ?? true)
    }
}

extension BoundTest {
    /// Whether the test passes where every row has this one value; also where it could be meant to.
    fileprivate func mightMatch(exactly value: Datum?) -> Bool {
        guard let value else {
            switch operation {
            case .isNull, .compare(.notEqual, _), .notIn, .notStartsWith: return true
            default: return false
            }
        }
        // A value from before or after a change of the type is no such value: nothing is concluded from it.
        guard transform == .identity, !value.isNaN, value.isValue(of: type) else {
            return mightMatch(seen(FieldRange(exactly: value)))
        }
        return matches(value)
    }
}

/// One test with its literal in the form of bounds.
struct CompiledTest: Sendable {
    private enum Form: Sendable {
        /// Bounds are little-endian integers, compared with this one.
        case integer(Comparison, Int64)
        /// Bounds are compared byte by byte with these.
        case bytes(Comparison, [UInt8])
        case decoded
    }

    let test: BoundTest
    private let form: Form

    init(_ test: BoundTest) {
        self.test = test
        form = Self.form(test)
    }

    private static func form(_ test: BoundTest) -> Form {
        guard test.transform == .identity, case .compare(let comparison, let literal) = test.operation else {
            return .decoded
        }
        switch literal {
        case .int(let value): return .integer(comparison, Int64(value))
        case .date(let value): return .integer(comparison, Int64(value))
        case .long(let value), .time(let value), .timestamp(let value), .timestamptz(let value),
            .timestampNanos(let value), .timestamptzNanos(let value):
            return .integer(comparison, value)
        case .string(let text): return .bytes(comparison, Array(text.utf8))
        case .binary(let bytes), .fixed(let bytes): return .bytes(comparison, bytes)
        default: return .decoded
        }
    }

    func mightMatch(_ file: DataFile) -> Bool {
        guard case .decoded = form else { return mightMatchBytes(file) }
        return test.mightMatch(test.seen(file.range(of: test)))
    }

    private func mightMatchBytes(_ file: DataFile) -> Bool {
        let nulls = file.nullValueCounts[test.fieldID]
        let mayHaveNull = nulls != 0
        if let nulls, let values = file.valueCounts[test.fieldID], values == nulls {
            return mayHaveNull && isNotEqual
        }
        if mayHaveNull && isNotEqual { return true }
        let lower = file.lowerBounds[test.fieldID]
        let upper = file.upperBounds[test.fieldID]
        switch form {
        case .decoded: return true
        case .integer(let comparison, let literal):
            return Self.might(
                comparison, lower: lower.flatMap { integer($0) }.map { Self.order($0, literal) },
                upper: upper.flatMap { integer($0) }.map { Self.order($0, literal) })
        case .bytes(let comparison, let literal):
            return Self.might(
                comparison, lower: lower.flatMap { isReadable($0) ? Datum.order(bytes: $0, literal) : nil },
                upper: upper.flatMap { isReadable($0) ? Datum.order(bytes: $0, literal) : nil })
        }
    }

    private var isNotEqual: Bool { if case .compare(.notEqual, _) = test.operation { true } else { false } }

    /// A bound of another length is one of no such type, and counts as none.
    private func integer(_ bytes: [UInt8]) -> Int64? {
        switch (test.type, bytes.count) {
        case (.int, 4), (.date, 4), (.long, 4):
            return bytes.withUnsafeBytes { Int64(Int32(littleEndian: $0.loadUnaligned(as: Int32.self))) }
        case (.int, _), (.date, _): return nil
        case (_, 8): return bytes.withUnsafeBytes { Int64(littleEndian: $0.loadUnaligned(as: Int64.self)) }
        case (.timestamp, 4), (.timestampNanos, 4): return Datum.bound(bytes, test.type)?.integer
        default: return nil
        }
    }

    private func isReadable(_ bytes: [UInt8]) -> Bool {
        if case .fixed(let length) = test.type { return bytes.count == length }
        return true
    }

    private static func order(_ left: Int64, _ right: Int64) -> Datum.Order {
        left < right ? .less : left == right ? .equal : .greater
    }

    private static func might(_ comparison: Comparison, lower: Datum.Order?, upper: Datum.Order?) -> Bool {
        switch comparison {
        case .less: lower.map { $0 == .less } ?? true
        case .lessOrEqual: lower != .greater
        case .greater: upper.map { $0 == .greater } ?? true
        case .greaterOrEqual: upper != .less
        case .equal: lower != .greater && upper != .less
        case .notEqual: lower != .equal || upper != .equal
        }
    }
}

extension DataFile {
    /// What counts and bounds say of the field of a test.
    func range(of test: BoundTest) -> FieldRange {
        range(fieldID: test.fieldID, type: test.sourceType)
    }

    /// What the counts and bounds of the file say of a column. A bound that cannot be read counts as none: the column
    /// may have been of another type.
    public func range(fieldID id: Int, type: IcebergType) -> FieldRange {
        let nulls = nullValueCounts[id]
        let nans = type.isFloating ? nanValueCounts[id] : 0
        let present = nulls.flatMap { nulls in valueCounts[id].map { $0 &- nulls } }
        return FieldRange(
            lower: Datum.bound(lowerBounds[id], type), upper: Datum.bound(upperBounds[id], type),
            mayHaveNull: nulls != 0, mayHaveValue: present.map { $0 != (nans ?? 0) } ?? true,
            mayHaveNaN: nans != 0 && present != 0)
    }
}

extension Datum {
    /// A bound, or nil when there is none that can be read.
    static func bound(_ bytes: [UInt8]?, _ type: IcebergType) -> Datum? {
        guard let bytes else { return nil }
        do { return try Datum(singleValueBinary: bytes, type: type) } catch { return nil }
    }
}
