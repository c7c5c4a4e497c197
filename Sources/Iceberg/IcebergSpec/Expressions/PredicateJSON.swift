import JSONFormat

/// Both JSON grammars of expressions: that of terms, which every REST client and service knows, and that of
/// "Expressions Spec", "Appendix B: JSON serialization".
public enum PredicateGrammar: Sendable, CaseIterable {
    /// `{"type":"eq","term":"id","value":1}`
    case terms
    /// `{"type":"eq","left":{"type":"reference","name":"id"},"right":1}`
    case expressions
}

extension Predicate {
    /// Reads a filter of either grammar, mixed as they come: `{"type":"and","left":…,"right":…}`,
    /// `{"type":"eq","term":"id","value":1}`, `true`. Sides of a comparison may be in either order.
    ///
    /// - Throws: `.malformed`, `.unsupported` for what is no test of a column or its transform with constants (two
    ///   columns, functions of a catalog), `.limitExceeded`.
    public init(json: JSONValue) throws(IcebergError) {
        var reading = PredicateReading()
        self = try reading.predicate(JSONReader(json), depth: 0)
    }
}

/// One filter being read.
private struct PredicateReading {
    private var terms = 0

    mutating func predicate(_ reader: JSONReader, depth: Int) throws(IcebergError) -> Predicate {
        try count(1, reader)
        guard depth <= Limits.expressionDepthMax else {
            throw reader.fail("the filter is deeper than \(Limits.expressionDepthMax) levels", code: .limitExceeded)
        }
        if let constant = reader.value.bool { return constant ? .alwaysTrue : .alwaysFalse }
        let type = try reader.member("type")
        // The Java implementation takes any case, and underscores.
        let name = String(try type.string().lowercased().map { $0 == "_" ? "-" : $0 })
        switch name {
        case "true": return .alwaysTrue
        case "false": return .alwaysFalse
        case "literal": return try reader.member("value").bool() ? .alwaysTrue : .alwaysFalse
        case "not": return .not(try predicate(reader.member("child"), depth: depth + 1))
        case "and", "or":
            let sides = [
                try predicate(reader.member("left"), depth: depth + 1),
                try predicate(reader.member("right"), depth: depth + 1),
            ]
            return name == "and" ? .and(sides) : .or(sides)
        default: return try test(name, type, reader)
        }
    }

    private mutating func count(_ more: Int, _ reader: JSONReader) throws(IcebergError) {
        terms += more
        guard terms <= Limits.expressionTermsMax else {
            throw reader.fail("the filter has more than \(Limits.expressionTermsMax) terms", code: .limitExceeded)
        }
    }

    private static let comparisons: [String: Comparison] = [
        "lt": .less, "lt-eq": .lessOrEqual, "gt": .greater, "gt-eq": .greaterOrEqual, "eq": .equal,
        "not-eq": .notEqual,
    ]

    private mutating func test(
        _ name: String, _ type: JSONReader, _ reader: JSONReader
    ) throws(IcebergError) -> Predicate {
        if let comparison = Self.comparisons[name] { return try self.comparison(comparison, reader) }
        switch name {
        case "is-null": return .isNull(try child(reader))
        case "not-null": return .notNull(try child(reader))
        case "is-nan": return .isNaN(try child(reader))
        case "not-nan": return .notNaN(try child(reader))
        case "starts-with": return .startsWith(try subject(reader), try prefix(reader))
        case "not-starts-with": return .notStartsWith(try subject(reader), try prefix(reader))
        case "in", "not-in":
            let term = try Self.term(reader.member(reader.has("child") ? "child" : "term"))
            let values = try literals(reader.member("values"))
            return name == "in" ? .isIn(term, values) : .notIn(term, values)
        default: throw type.fail("the test \"\(name.prefix(80))\" is not known", code: .unsupported)
        }
    }

    private func child(_ reader: JSONReader) throws(IcebergError) -> Term {
        for key in ["value", "values"] where reader.has(key) {
            throw reader.fail("the member \"\(key)\" has no place in a test of one term")
        }
        return try Self.term(reader.member(reader.has("child") ? "child" : "term"))
    }

    private func subject(_ reader: JSONReader) throws(IcebergError) -> Term {
        try Self.term(reader.member(reader.has("left") ? "left" : "term"))
    }

    private func prefix(_ reader: JSONReader) throws(IcebergError) -> String {
        let side = try reader.member(reader.has("left") ? "right" : "value")
        guard case .string(let text) = try Self.literal(side) else { throw side.fail("expected a string") }
        return text
    }

    private func comparison(_ comparison: Comparison, _ reader: JSONReader) throws(IcebergError) -> Predicate {
        guard reader.has("left") else {
            return .compare(
                comparison, try Self.term(reader.member("term")), try Self.literal(reader.member("value")))
        }
        let left = try reader.member("left")
        let right = try reader.member("right")
        if Self.isLiteral(left) {
            guard !Self.isLiteral(right) else {
                throw reader.fail("a comparison of two constants is not supported", code: .unsupported)
            }
            return .compare(comparison.flipped, try Self.term(right), try Self.literal(left))
        }
        guard Self.isLiteral(right) else {
            throw right.fail("only a constant can be compared with, not another term", code: .unsupported)
        }
        return .compare(comparison, try Self.term(left), try Self.literal(right))
    }

    private mutating func literals(_ reader: JSONReader) throws(IcebergError) -> [Datum] {
        guard reader.value.array == nil else {
            let values = try reader.map(max: Limits.expressionTermsMax) { value throws(IcebergError) in
                try Self.literal(value)
            }
            try count(values.count, reader)
            return values
        }
        let kind = try reader.member("type")
        guard try kind.string() == "literals" else { throw kind.fail("expected literals") }
        let type = try Self.dataType(reader)
        let values = try reader.member("values").map(max: Limits.expressionTermsMax) { value throws(IcebergError) in
            try Self.constant(value, type)
        }
        try count(values.count, reader)
        return values
    }
}

extension PredicateReading {
    /// In a side of a comparison a bare string is a constant; a column is always an object.
    private static func isLiteral(_ reader: JSONReader) -> Bool {
        guard reader.value.object != nil else { return true }
        return reader.value["type"]?.string == "literal"
    }

    private static func literal(_ reader: JSONReader) throws(IcebergError) -> Datum {
        guard reader.value.object != nil else { return try constant(reader, nil) }
        let kind = try reader.member("type")
        guard try kind.string().lowercased() == "literal" else { throw kind.fail("expected a literal") }
        return try constant(reader.member("value"), dataType(reader))
    }

    private static func dataType(_ reader: JSONReader) throws(IcebergError) -> IcebergType? {
        try reader.optional("data-type").map { type throws(IcebergError) in try IcebergType(type, ids: .given) }
    }

    private static func constant(_ reader: JSONReader, _ type: IcebergType?) throws(IcebergError) -> Datum {
        if let type { return try Datum(reader, type: type) }
        switch reader.value {
        case .bool(let value): return .boolean(value)
        case .integer(let value): return .long(value)
        case .double(let value): return .double(value)
        case .string(let value): return .string(value)
        default: throw reader.fail("expected a scalar to compare with, found \(reader.value.kind)")
        }
    }

    private static func term(_ reader: JSONReader) throws(IcebergError) -> Term {
        if let name = reader.value.string { return Term(name) }
        let type = try reader.member("type")
        switch try type.string().lowercased() {
        case "reference":
            if let id = try reader.optional("id") { return Term(.id(try id.int())) }
            return Term(try reader.member(reader.has("name") ? "name" : "term").string())
        case "transform":
            let inner = try column(reader.member("term"))
            return Term(inner.reference, transform: try reader.transform())
        case "apply": return try application(reader)
        case let other:
            throw type.fail(
                "only columns and their transforms can be tested, not \"\(other.prefix(80))\"", code: .unsupported)
        }
    }

    private static func column(_ reader: JSONReader) throws(IcebergError) -> Term {
        let term = try term(reader)
        guard term.transform == .identity else {
            throw reader.fail("a transform of a transform is not supported", code: .unsupported)
        }
        return term
    }

    /// A transform as a function: `bucket(16, id)` of the catalog `iceberg_functions`.
    private static func application(_ reader: JSONReader) throws(IcebergError) -> Term {
        let function = try reader.member("function")
        guard function.value["catalog"]?.string == "iceberg_functions" else {
            throw function.fail("only functions of the catalog iceberg_functions are known", code: .unsupported)
        }
        let parts = try function.member("identifier").map(max: 10) { part throws(IcebergError) in try part.string() }
        let arguments = try reader.member("arguments").elements(max: 10)
        guard parts.count == 1, let last = arguments.last else {
            throw function.fail("\(parts.joined(separator: ".").prefix(80)) is not known", code: .unsupported)
        }
        let numbers = try arguments.dropLast().map { argument throws(IcebergError) in
            guard case .long(let number) = try literal(argument) else { throw argument.fail("expected a number") }
            return number
        }
        let text = parts[0] + (numbers.isEmpty ? "" : "[\(numbers.map { "\($0)" }.joined(separator: ","))]")
        let transform: Transform
        do { transform = try Transform(text) } catch { throw function.fail(error.message, code: error.code) }
        return Term(try column(last).reference, transform: transform)
    }
}
