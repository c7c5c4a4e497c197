import Clocks
import JSONFormat

/// Works out constants of the syntax tree that need no data: literals, casts of text to times, `now() - INTERVAL …`.
struct ConstantEvaluator: Sendable {
    /// What `now()` is. The query itself runs a little later.
    let now: Timestamp

    enum Constant: Hashable, Sendable {
        case string(String)
        case integer(Int64)
        case double(Double)
        case boolean(Bool)
        case timestamp(Timestamp)
        /// A time that depends on now: a lower bound only.
        case relative(Timestamp)
    }

    private static let units: [String: Int64] = [
        "to_weeks": 604_800_000_000, "to_days": 86_400_000_000, "to_hours": 3_600_000_000, "to_minutes": 60_000_000,
        "to_seconds": 1_000_000, "to_milliseconds": 1000, "to_microseconds": 1,
    ]

    /// Nil for anything that is not certainly this constant.
    func constant(_ node: JSONValue) -> Constant? {
        switch node["class"]?.string {
        case "CONSTANT": literal(node)
        case "CAST": cast(node)
        case "FUNCTION": function(node)
        default: nil
        }
    }

    private func literal(_ node: JSONValue) -> Constant? {
        guard let value = node["value"], value["is_null"]?.bool == false, let content = value["value"] else {
            return nil
        }
        switch (value["type"]?["id"]?.string, content) {
        case ("VARCHAR", .string(let text)): return .string(text)
        case ("BOOLEAN", .bool(let flag)): return .boolean(flag)
        case ("INTEGER", .integer(let number)), ("BIGINT", .integer(let number)): return .integer(number)
        case ("DOUBLE", .double(let number)): return .double(number)
        default: return nil
        }
    }

    private func cast(_ node: JSONValue) -> Constant? {
        guard let child = node["child"].flatMap(constant), let type = node["cast_type"]?["id"]?.string else {
            return nil
        }
        switch (type, child) {
        case ("TIMESTAMP", .string(let text)): return Self.localTimestamp(text).map { .timestamp($0) }
        case ("TIMESTAMP WITH TIME ZONE", .string(let text)): return Self.timestamp(text).map { .timestamp($0) }
        case ("TIMESTAMP", .timestamp), ("TIMESTAMP WITH TIME ZONE", .timestamp), ("TIMESTAMP", .relative),
            ("TIMESTAMP WITH TIME ZONE", .relative):
            return child
        case ("DATE", .string(let text)):
            let time = text.utf8.count == 10 ? Timestamp(rfc3339: text, dateOnly: true) : nil
            return time.map { .timestamp($0) }
        case ("VARCHAR", .string): return child
        default: return nil
        }
    }

    private func function(_ node: JSONValue) -> Constant? {
        let children = node["children"]?.array ?? []
        switch node["function_name"]?.string {
        case "now", "get_current_timestamp", "current_timestamp", "transaction_timestamp":
            return children.isEmpty ? .relative(now) : nil
        case "-", "+":
            guard children.count == 2, let left = constant(children[0]), let span = interval(children[1]) else {
                return nil
            }
            let sign: Int64 = node["function_name"]?.string == "-" ? -1 : 1
            func shifted(_ time: Timestamp) -> Timestamp? {
                let (sum, overflow) = time.microseconds.addingReportingOverflow(sign * span)
                return overflow ? nil : Timestamp(microseconds: sum)
            }
            switch left {
            case .timestamp(let time): return shifted(time).map { .timestamp($0) }
            case .relative(let time): return shifted(time).map { .relative($0) }
            default: return nil
            }
        default: return nil
        }
    }

    /// Microseconds of an interval that has a fixed length.
    private func interval(_ node: JSONValue) -> Int64? {
        guard let unit = Self.units[node["function_name"]?.string ?? ""], let argument = node["children"]?.array?.first,
            let count = wholeNumber(argument)
        else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: unit)
        return overflow ? nil : product
    }

    /// The parser writes `INTERVAL 1 HOUR` as `to_hours(CAST(trunc(CAST(1 AS DOUBLE)) AS BIGINT))`.
    private func wholeNumber(_ node: JSONValue) -> Int64? {
        switch node["class"]?.string {
        case "CONSTANT":
            if case .integer(let number) = literal(node) { return number }
            if case .string(let text) = literal(node) { return Int64(text) }
            return nil
        case "CAST": return node["child"].flatMap(wholeNumber)
        case "FUNCTION" where node["function_name"]?.string == "trunc":
            return node["children"]?.array?.first.flatMap(wholeNumber)
        default: return nil
        }
    }

    /// Text as DuckDB reads it for a TIMESTAMP, which ignores an offset; nil for a text with one but `Z`.
    static func localTimestamp(_ text: String) -> Timestamp? {
        if text.utf8.count == 10 { return Timestamp(rfc3339: text, dateOnly: true) }
        return Timestamp(rfc3339: text.hasSuffix("Z") ? text : text + "Z")
    }

    /// Text as DuckDB reads it for a TIMESTAMPTZ in a session whose time zone is UTC; nil for forms this does not know.
    static func timestamp(_ text: String) -> Timestamp? {
        Timestamp(rfc3339: text, dateOnly: true) ?? Timestamp(rfc3339: text + "Z")
    }
}
