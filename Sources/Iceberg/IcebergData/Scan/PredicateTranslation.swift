import Clocks
import IcebergSpec
import ParquetFormat

/// Turns a filter on a table's columns into one on the stored values of a file, for pages and row groups to be left out.
///
/// The result lets every row pass that the filter lets pass, and may let others pass: what cannot be said of stored
/// values is left out. The rows that are read have to be tested still.
struct PredicateTranslation {
    private indirect enum Partial {
        case all
        case none
        case some(ColumnPredicate)
    }

    let reader: BatchReader

    /// Nil when nothing can be left out.
    func translate(_ predicate: BoundPredicate) -> ColumnPredicate? {
        switch partial(predicate) {
        case .all: nil
        case .none: .or([])
        case .some(let translated): translated
        }
    }

    private func partial(_ predicate: BoundPredicate) -> Partial {
        switch predicate {
        case .alwaysTrue: return .all
        case .alwaysFalse: return .none
        case .and(let terms):
            var parts: [ColumnPredicate] = []
            for term in terms {
                switch partial(term) {
                case .all: continue
                case .none: return .none
                case .some(let part): parts.append(part)
                }
            }
            return parts.isEmpty ? .all : .some(.and(parts))
        case .or(let terms):
            var parts: [ColumnPredicate] = []
            for term in terms {
                switch partial(term) {
                case .all: return .all
                case .none: continue
                case .some(let part): parts.append(part)
                }
            }
            return parts.isEmpty ? .none : .some(.or(parts))
        case .test(let test): return partial(test)
        }
    }

    private func partial(_ test: BoundTest) -> Partial {
        switch reader.source(of: test.fieldID) {
        case .partition(let value): return BoundPredicate.test(test).matches { _ in value } ? .all : .none
        case .leaf(let leaf, _, let conversion) where leaf.maxRepetitionLevel == 0 && test.transform == .identity:
            guard conversion.keepsOrder, let form = Self.form(test, leaf) else { return .all }
            return .some(.test(leaf: leaf.index, form))
        default: return .all
        }
    }

    private static func form(_ test: BoundTest, _ leaf: SchemaLeaf) -> ColumnTest? {
        switch test.operation {
        case .isNull: return .isNull
        case .notNull: return .isNotNull
        case .isNaN: return .isNaN
        case .notNaN: return .isNotNaN
        case .startsWith(let prefix): return .startsWith(Array(prefix.utf8))
        case .notStartsWith(let prefix): return .doesNotStartWith(Array(prefix.utf8))
        case .compare(let comparison, let value): return compare(comparison, value, leaf)
        case .isIn(let values):
            let literals = values.compactMap { literal($0, leaf) }
            return literals.count == values.count ? .isIn(literals) : nil
        case .notIn(let values):
            guard !values.contains(where: \.isZero) else { return nil }
            let literals = values.compactMap { literal($0, leaf) }
            return literals.count == values.count ? .isNotIn(literals) : nil
        }
    }

    /// Zeros of both signs are one value to the file's reader, and two to Iceberg: a bound of zero lets both pass.
    private static func compare(_ comparison: Comparison, _ value: Datum, _ leaf: SchemaLeaf) -> ColumnTest? {
        guard let literal = literal(value, leaf) else { return nil }
        switch comparison {
        case .less: return value.isZero ? .lessOrEqual(literal) : .less(literal)
        case .lessOrEqual: return .lessOrEqual(literal)
        case .greater: return value.isZero ? .greaterOrEqual(literal) : .greater(literal)
        case .greaterOrEqual: return .greaterOrEqual(literal)
        case .equal: return .equal(literal)
        case .notEqual: return value.isZero ? nil : .notEqual(literal)
        }
    }

    private static func literal(_ value: Datum, _ leaf: SchemaLeaf) -> ColumnLiteral? {
        switch (value, leaf.physicalType) {
        case (.boolean(let value), .boolean): return .boolean(value)
        case (.float(let value), .float): return .floating(Double(value))
        case (.double(let value), .float), (.double(let value), .double): return .floating(value)
        case (.string(let text), .byteArray): return .bytes(Array(text.utf8))
        case (.binary(let bytes), .byteArray): return .bytes(bytes)
        case (.fixed(let bytes), .fixedLengthByteArray(let width)): return bytes.count == width ? .bytes(bytes) : nil
        case (.uuid(let value), .fixedLengthByteArray): return .bytes(value.bytes)
        case (.decimal(let unscaled, _), .int32), (.decimal(let unscaled, _), .int64):
            return Int64(exactly: unscaled).map { .integer($0) }
        case (.decimal(let unscaled, _), .fixedLengthByteArray(let width)):
            return Datum.bigEndian(unscaled, count: width).map { .bytes($0) }
        case (_, .int32), (_, .int64): return value.integer.map { .integer($0) }
        default: return nil
        }
    }
}

extension Datum {
    fileprivate var isZero: Bool {
        switch self {
        case .float(let value): value == 0
        case .double(let value): value == 0
        default: false
        }
    }
}

extension LeafConversion {
    /// Whether a stored value compares with a literal as the table's value does.
    fileprivate var keepsOrder: Bool {
        switch self {
        case .asStored, .intToLong, .floatToDouble, .decimal: true
        case .unsignedToLong, .multiplied, .divided, .int96ToMicroseconds, .int96ToNanoseconds, .fixedToBytes: false
        }
    }
}
