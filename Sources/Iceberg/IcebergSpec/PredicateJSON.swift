import JSONFormat

/// `Expression` of the REST catalog protocol.
extension Predicate {
    /// Reads a filter: `{"type":"and","left":…,"right":…}`, `{"type":"eq","term":"id","value":1}`, `true`. Columns may
    /// be given as `"id"` or as `{"type":"reference","name":"id"}` (also with `term`), values bare or as
    /// `{"type":"literal","value":…}`, one-sided tests with `term` or `child`, two-sided ones with `term` and `value`
    /// or `left` and `right`.
    ///
    /// - Throws: `.unsupported` for what is no test of a column (such as one of its transform), `.limitExceeded`.
    public init(json: JSONValue) throws(IcebergError) {
        var terms = 0
        self = try Self.read(JSONReader(json), depth: 0, terms: &terms)
    }

    private static func read(_ reader: JSONReader, depth: Int, terms: inout Int) throws(IcebergError) -> Predicate {
        terms += 1
        guard depth <= Limits.expressionDepthMax, terms <= Limits.expressionTermsMax else {
            throw reader.fail("the filter is too deep or has too many terms", code: .limitExceeded)
        }
        if let constant = reader.value.bool { return constant ? .alwaysTrue : .alwaysFalse }
        let type = try reader.member("type")
        switch try type.string() {
        case "true": return .alwaysTrue
        case "false": return .alwaysFalse
        case "literal": return try reader.member("value").bool() ? .alwaysTrue : .alwaysFalse
        case "not": return .not(try read(reader.member("child"), depth: depth + 1, terms: &terms))
        case "and":
            return .and([
                try read(reader.member("left"), depth: depth + 1, terms: &terms),
                try read(reader.member("right"), depth: depth + 1, terms: &terms),
            ])
        case "or":
            return .or([
                try read(reader.member("left"), depth: depth + 1, terms: &terms),
                try read(reader.member("right"), depth: depth + 1, terms: &terms),
            ])
        case let name: return try test(name, type, reader, &terms)
        }
    }

    private static let comparisons: [String: Comparison] = [
        "lt": .less, "lt-eq": .lessOrEqual, "gt": .greater, "gt-eq": .greaterOrEqual, "eq": .equal,
        "not-eq": .notEqual,
    ]

    private static func test(
        _ name: String, _ type: JSONReader, _ reader: JSONReader, _ terms: inout Int
    ) throws(IcebergError) -> Predicate {
        if let comparison = comparisons[name] {
            return .compare(comparison, column: try column(reader, "left"), try literal(reader, "right"))
        }
        switch name {
        case "is-null": return .isNull(column: try column(reader, "child"))
        case "not-null": return .notNull(column: try column(reader, "child"))
        case "is-nan": return .isNaN(column: try column(reader, "child"))
        case "not-nan": return .notNaN(column: try column(reader, "child"))
        case "starts-with": return .startsWith(column: try column(reader, "left"), try text(reader))
        case "not-starts-with": return .notStartsWith(column: try column(reader, "left"), try text(reader))
        case "in", "not-in":
            let key = reader.has("child") ? "child" : "left"
            let values = try reader.member("values").map(max: Limits.expressionTermsMax) { value throws(IcebergError) in
                try datum(value)
            }
            terms += values.count
            let column = try column(reader, key)
            return name == "in" ? .isIn(column: column, values) : .notIn(column: column, values)
        default: throw type.fail("the test \"\(name.prefix(80))\" is not known", code: .unsupported)
        }
    }

    private static func column(_ reader: JSONReader, _ newKey: String) throws(IcebergError) -> String {
        let term = try reader.member(reader.has(newKey) ? newKey : "term")
        if let name = term.value.string { return name }
        let type = try term.member("type")
        guard try type.string() == "reference" else {
            throw type.fail(
                "only columns themselves can be tested, not \"\(try type.string().prefix(80))\"", code: .unsupported)
        }
        return try term.member(term.has("name") ? "name" : "term").string()
    }

    private static func literal(_ reader: JSONReader, _ newKey: String) throws(IcebergError) -> Datum {
        try datum(reader.member(reader.has(newKey) ? newKey : "value"))
    }

    private static func datum(_ reader: JSONReader) throws(IcebergError) -> Datum {
        switch reader.value {
        case .bool(let value): return .boolean(value)
        case .integer(let value): return .long(value)
        case .double(let value): return .double(value)
        case .string(let value): return .string(value)
        case .object where reader.value["type"] == "literal": return try datum(reader.member("value"))
        default: throw reader.fail("expected a scalar to compare with, found \(reader.value.kind)")
        }
    }

    private static func text(_ reader: JSONReader) throws(IcebergError) -> String {
        let value = try reader.member(reader.has("right") ? "right" : "value")
        if let text = value.value.string { return text }
        return try value.member("value").string()
    }
}
