import Checksums

/// A predicate held against a schema: literals in the form of the column, ready for bounds and for values.
indirect enum CompiledPredicate: Hashable, Sendable {
    case test(CompiledTest)
    case and([CompiledPredicate])
    case or([CompiledPredicate])

    /// - Throws: `.invalidArgument` for leaves that do not exist or repeat, and literals of another type.
    init(_ predicate: ColumnPredicate, _ schema: ParquetSchema) throws(ParquetError) {
        try self.init(predicate, schema, depth: 0)
    }

    private init(_ predicate: ColumnPredicate, _ schema: ParquetSchema, depth: Int) throws(ParquetError) {
        guard depth <= ParquetLimits.predicateDepthMax else {
            throw ParquetError(
                .tooLarge, at: "predicate", "more than \(ParquetLimits.predicateDepthMax) conditions inside each other")
        }
        switch predicate {
        case .test(let leaf, let test):
            guard schema.leaves.indices.contains(leaf) else {
                throw ParquetError(.invalidArgument, at: "predicate", "leaf \(leaf) of \(schema.leaves.count)")
            }
            self = .test(try CompiledTest(schema.leaves[leaf], test))
        case .and(let parts): self = .and(try Self.compile(parts, schema, depth))
        case .or(let parts): self = .or(try Self.compile(parts, schema, depth))
        }
    }

    private static func compile(
        _ parts: [ColumnPredicate], _ schema: ParquetSchema, _ depth: Int
    ) throws(ParquetError) -> [CompiledPredicate] {
        var compiled: [CompiledPredicate] = []
        for part in parts { compiled.append(try CompiledPredicate(part, schema, depth: depth + 1)) }
        return compiled
    }

    /// The tests in it, in the order in which they are written.
    var tests: [CompiledTest] {
        switch self {
        case .test(let test): [test]
        case .and(let parts), .or(let parts): parts.flatMap(\.tests)
        }
    }

    /// The leaves it needs, each once, in the order of the schema.
    var leaves: [Int] { Set(tests.map(\.leaf.index)).sorted() }
}

/// One test of one leaf.
struct CompiledTest: Hashable, Sendable {
    enum Condition: Hashable, Sendable {
        case isNull
        case isNotNull
        case numbers(NumberSet)
        case byteStrings(ByteStringSet)
    }

    let leaf: SchemaLeaf
    let condition: Condition
    /// The hashes of all values that can fulfil it, for bloom filters; nil when these cannot be listed.
    let hashes: [UInt64]?

    init(_ leaf: SchemaLeaf, _ test: ColumnTest) throws(ParquetError) {
        guard leaf.maxRepetitionLevel == 0 else {
            throw ParquetError(.invalidArgument, at: "predicate, column \(leaf.name)", "it lies inside a list or map")
        }
        self.leaf = leaf
        let compiler = LiteralCompiler(leaf)
        condition = try compiler.condition(test)
        switch test {
        case .equal(let literal): hashes = compiler.hashes([literal])
        case .isIn(let literals): hashes = compiler.hashes(literals)
        default: hashes = nil
        }
    }
}

/// Brings literals into the form in which a column's values are compared.
private struct LiteralCompiler {
    let leaf: SchemaLeaf
    let order: ValueOrder

    init(_ leaf: SchemaLeaf) {
        self.leaf = leaf
        order = ValueOrder(leaf)
    }

    func condition(_ test: ColumnTest) throws(ParquetError) -> CompiledTest.Condition {
        switch test {
        case .isNull: return .isNull
        case .isNotNull: return .isNotNull
        case .isNaN, .isNotNaN:
            guard leaf.isFloatingPoint else { throw error("is no number") }
            return .numbers(NumberSet(points: [.max], isNegated: test == .isNotNaN))
        default: break
        }
        guard order != .undefined else { throw error("its values have no order") }
        switch leaf.physicalType {
        case .byteArray, .fixedLengthByteArray: return .byteStrings(try byteStrings(test))
        default: return .numbers(try numbers(test))
        }
    }

    private func numbers(_ test: ColumnTest) throws(ParquetError) -> NumberSet {
        switch test {
        case .less(let literal):
            let key = try key(literal)
            return NumberSet(key == .min ? nil : .min...(key - 1))
        case .lessOrEqual(let literal): return NumberSet(.min...(try key(literal)))
        case .greater(let literal):
            let key = try key(literal)
            return NumberSet(key == .max ? nil : (key + 1) ... .max)
        case .greaterOrEqual(let literal): return NumberSet((try key(literal)) ... .max)
        case .equal(let literal): return NumberSet(points: [try key(literal)], isNegated: false)
        case .notEqual(let literal): return NumberSet(points: [try key(literal)], isNegated: true)
        case .isIn(let literals): return NumberSet(points: try keys(literals), isNegated: false)
        case .isNotIn(let literals): return NumberSet(points: try keys(literals), isNegated: true)
        default: throw error("is no byte array")
        }
    }

    private func byteStrings(_ test: ColumnTest) throws(ParquetError) -> ByteStringSet {
        let isSigned = order == .signedBigEndian
        var set: ByteStringSet
        switch test {
        case .less(let literal), .lessOrEqual(let literal):
            set = ByteStringSet(high: try bytes(literal), isSigned: isSigned)
            if case .less = test { set.isHighIncluded = false }
        case .greater(let literal), .greaterOrEqual(let literal):
            set = ByteStringSet(low: try bytes(literal), isSigned: isSigned)
            if case .greater = test { set.isLowIncluded = false }
        case .equal(let literal):
            set = ByteStringSet(points: [try bytes(literal)], isNegated: false, isSigned: isSigned)
        case .notEqual(let literal):
            set = ByteStringSet(points: [try bytes(literal)], isNegated: true, isSigned: isSigned)
        case .isIn(let literals):
            set = ByteStringSet(points: try strings(literals), isNegated: false, isSigned: isSigned)
        case .isNotIn(let literals):
            set = ByteStringSet(points: try strings(literals), isNegated: true, isSigned: isSigned)
        case .startsWith(let prefix), .doesNotStartWith(let prefix):
            guard !isSigned else { throw error("its values are numbers, which have no prefix") }
            var isNegated = false
            if case .doesNotStartWith = test { isNegated = true }
            set = ByteStringSet(prefix: prefix, isNegated: isNegated)
        default: throw error("is no number")
        }
        return set
    }

    private func keys(_ literals: [ColumnLiteral]) throws(ParquetError) -> [Int64] {
        var keys: [Int64] = []
        for literal in literals { keys.append(try key(literal)) }
        return keys
    }

    private func key(_ literal: ColumnLiteral) throws(ParquetError) -> Int64 {
        switch (leaf.physicalType, literal) {
        case (.boolean, .boolean(let value)): return value ? 1 : 0
        case (.int32, .integer(let value)): return value
        case (.int64, .integer(let value)):
            return order == .unsigned ? NumberKey.of(unsigned: UInt64(bitPattern: value)) : value
        case (.float, .floating(let value)), (.double, .floating(let value)): return NumberKey.of(value)
        default: throw error("is compared with \(literal)")
        }
    }

    private func strings(_ literals: [ColumnLiteral]) throws(ParquetError) -> [[UInt8]] {
        var strings: [[UInt8]] = []
        for literal in literals { strings.append(try bytes(literal)) }
        return strings
    }

    private func bytes(_ literal: ColumnLiteral) throws(ParquetError) -> [UInt8] {
        guard case .bytes(let bytes) = literal else { throw error("is compared with \(literal)") }
        return bytes
    }

    // MARK: - Bloom filters

    /// Nil when a literal equals values of several forms, which have several hashes.
    func hashes(_ literals: [ColumnLiteral]) -> [UInt64]? {
        var hashes: [UInt64] = []
        for literal in literals {
            switch (leaf.physicalType, literal) {
            case (.int32, .integer(let value)):
                let stored =
                    order == .unsigned ? UInt32(exactly: value) : Int32(exactly: value).map(UInt32.init(bitPattern:))
                // Out of range: no value equals it.
                if let stored { hashes.append(withUnsafeBytes(of: stored.littleEndian) { XXH64.hash($0) }) }
            case (.int64, .integer(let value)):
                hashes.append(withUnsafeBytes(of: value.littleEndian) { XXH64.hash($0) })
            case (.float, .floating(let value)):
                guard value != 0, !value.isNaN else { return nil }
                let stored = Float(value)
                if Double(stored) == value {
                    hashes.append(withUnsafeBytes(of: stored.bitPattern.littleEndian) { XXH64.hash($0) })
                }
            case (.double, .floating(let value)):
                guard value != 0, !value.isNaN else { return nil }
                hashes.append(withUnsafeBytes(of: value.bitPattern.littleEndian) { XXH64.hash($0) })
            case (.byteArray, .bytes(let value)), (.fixedLengthByteArray, .bytes(let value)):
                guard order == .lexicographic || leaf.physicalType.plainWidth == value.count else { return nil }
                hashes.append(value.withUnsafeBytes { XXH64.hash($0) })
            default: return nil
            }
        }
        return hashes
    }

    private func error(_ message: String) -> ParquetError {
        ParquetError(.invalidArgument, at: "predicate, column \(leaf.name)", message)
    }
}
