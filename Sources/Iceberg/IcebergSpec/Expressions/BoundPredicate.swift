/// A filter over fields by id, with literals of their types and without negation.
public indirect enum BoundPredicate: Hashable, Sendable {
    case alwaysTrue
    case alwaysFalse
    case and([BoundPredicate])
    case or([BoundPredicate])
    case test(BoundTest)
}

/// One test of one field, or of a transform of it.
public struct BoundTest: Hashable, Sendable {
    public enum Operation: Hashable, Sendable {
        case compare(Comparison, Datum)
        /// Literals of a test are in ascending order, so that long lists are searched fast.
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
    /// Of the field.
    public let sourceType: IcebergType
    /// What is tested of the field's value; `.identity` for the value itself.
    public let transform: Transform
    /// Of what is tested, and of the literals.
    public let type: IcebergType
    public let operation: Operation

    /// A test of the field itself.
    public init(fieldID: Int, type: IcebergType, operation: Operation) {
        self.init(fieldID: fieldID, sourceType: type, transform: .identity, operation: operation)
    }

    public init(fieldID: Int, sourceType: IcebergType, transform: Transform, operation: Operation) {
        self.fieldID = fieldID
        self.sourceType = sourceType
        self.transform = transform
        type = transform.resultType(of: sourceType)
        switch operation {
        case .isIn(let literals): self.operation = .isIn(literals.sortedForSearch)
        case .notIn(let literals): self.operation = .notIn(literals.sortedForSearch)
        default: self.operation = operation
        }
    }
}

extension [Datum] {
    /// In ascending order; the array itself where it is already.
    fileprivate var sortedForSearch: [Datum] {
        zip(self, dropFirst()).allSatisfy { $0.order(to: $1) == .less } ? self : sorted { $0.order(to: $1) == .less }
    }

    /// The first of ascending values that is not below `value`.
    func firstIndex(notBelow value: Datum) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].order(to: value) == .less { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Whether one of ascending values is equal.
    func containsSorted(_ value: Datum) -> Bool {
        let index = firstIndex(notBelow: value)
        return index < count && self[index] == value
    }
}

extension BoundPredicate {
    /// All of them, without constants, repetitions and conjunctions within the conjunction.
    public static func all(of terms: [BoundPredicate]) -> BoundPredicate {
        var kept = Distinct()
        for term in terms {
            switch term {
            case .alwaysFalse: return .alwaysFalse
            case .alwaysTrue: continue
            case .and(let inner): inner.forEach { kept.add($0) }
            default: kept.add(term)
            }
        }
        return kept.terms.isEmpty ? .alwaysTrue : kept.terms.count == 1 ? kept.terms[0] : .and(kept.terms)
    }

    /// Any of them, without constants, repetitions and disjunctions within the disjunction.
    public static func any(of terms: [BoundPredicate]) -> BoundPredicate {
        var kept = Distinct()
        for term in terms {
            switch term {
            case .alwaysTrue: return .alwaysTrue
            case .alwaysFalse: continue
            case .or(let inner): inner.forEach { kept.add($0) }
            default: kept.add(term)
            }
        }
        return kept.terms.isEmpty ? .alwaysFalse : kept.terms.count == 1 ? kept.terms[0] : .or(kept.terms)
    }

    /// Terms in their order, each once.
    private struct Distinct {
        private(set) var terms: [BoundPredicate] = []
        private var seen: Set<BoundPredicate> = []

        mutating func add(_ term: BoundPredicate) {
            if seen.insert(term).inserted { terms.append(term) }
        }
    }

    /// Ids of the fields that are tested.
    public var fieldIDs: Set<Int> {
        switch self {
        case .alwaysTrue, .alwaysFalse: []
        case .and(let terms), .or(let terms): terms.reduce(into: Set<Int>()) { $0.formUnion($1.fieldIDs) }
        case .test(let test): [test.fieldID]
        }
    }

    /// The same filter by names, for other readers.
    ///
    /// - Throws: `.invalid` when a field is not of the schema.
    public func unbound(in schema: Schema) throws(IcebergError) -> Predicate {
        switch self {
        case .alwaysTrue: return .alwaysTrue
        case .alwaysFalse: return .alwaysFalse
        case .and(let terms), .or(let terms):
            var parts: [Predicate] = []
            for term in terms { parts.append(try term.unbound(in: schema)) }
            if case .and = self { return .and(parts) }
            return .or(parts)
        case .test(let test):
            guard let name = schema.fullName(id: test.fieldID) else {
                throw IcebergError(.invalid, "there is no column with id \(test.fieldID)")
            }
            let term = Term(name, transform: test.transform)
            switch test.operation {
            case .compare(let comparison, let literal): return .compare(comparison, term, literal)
            case .isIn(let literals): return .isIn(term, literals)
            case .notIn(let literals): return .notIn(term, literals)
            case .isNull: return .isNull(term)
            case .notNull: return .notNull(term)
            case .isNaN: return .isNaN(term)
            case .notNaN: return .notNaN(term)
            case .startsWith(let prefix): return .startsWith(term, prefix)
            case .notStartsWith(let prefix): return .notStartsWith(term, prefix)
            }
        }
    }
}
