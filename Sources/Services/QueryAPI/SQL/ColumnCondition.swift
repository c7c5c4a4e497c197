import Clocks
import JSONFormat

/// `column op constant`: what every row that matters to a query meets.
struct ColumnCondition: Hashable, Sendable {
    enum Comparison: Hashable, Sendable {
        case equal
        case less
        case lessOrEqual
        case greater
        case greaterOrEqual
    }

    let column: String
    let comparison: Comparison
    /// Several for `IN`: any of them.
    let values: [ConstantEvaluator.Constant]

    /// The conditions among the conjuncts of a SELECT's WHERE clause.
    ///
    /// - Parameter select: a node whose FROM is `table` alone.
    static func derive(
        from select: JSONValue, table: TableReference, evaluator: ConstantEvaluator
    ) -> [ColumnCondition] {
        guard let filter = select["where_clause"] else { return [] }
        let alias = select["from_table"]?["alias"]?.string
        let names = Set([alias.flatMap { $0.isEmpty ? nil : $0 } ?? table.name].map { $0.lowercased() })
        return conjuncts(of: filter).flatMap { condition($0, names: names, evaluator) }
    }

    private static func conjuncts(of node: JSONValue) -> [JSONValue] {
        guard node["type"]?.string == "CONJUNCTION_AND" else { return [node] }
        return (node["children"]?.array ?? []).flatMap(conjuncts)
    }

    private static func condition(
        _ node: JSONValue, names: Set<String>, _ evaluator: ConstantEvaluator
    ) -> [ColumnCondition] {
        switch node["class"]?.string {
        case "COMPARISON":
            guard let type = node["type"]?.string, let comparison = comparisons[type], let left = node["left"],
                let right = node["right"]
            else { return [] }
            if let column = column(left, names), let value = evaluator.constant(right) {
                return make(column, comparison, [value])
            }
            if let column = column(right, names), let value = evaluator.constant(left) {
                return make(column, mirrored(comparison), [value])
            }
            return []
        case "BETWEEN":
            guard let column = node["input"].flatMap({ Self.column($0, names) }) else { return [] }
            let lower = node["lower"].flatMap(evaluator.constant).map { make(column, .greaterOrEqual, [$0]) }
            let upper = node["upper"].flatMap(evaluator.constant).map { make(column, .lessOrEqual, [$0]) }
            return (lower ?? []) + (upper ?? [])
        case "OPERATOR" where node["type"]?.string == "COMPARE_IN":
            let children = node["children"]?.array ?? []
            guard let column = children.first.flatMap({ Self.column($0, names) }) else { return [] }
            let values = children.dropFirst().compactMap(evaluator.constant)
            return values.count == children.count - 1 && !values.isEmpty ? make(column, .equal, values) : []
        default: return []
        }
    }

    private static func make(
        _ column: String, _ comparison: Comparison, _ values: [ConstantEvaluator.Constant]
    ) -> [ColumnCondition] {
        var fixed: [ConstantEvaluator.Constant] = []
        for value in values {
            guard case .relative(let time) = value else {
                fixed.append(value)
                continue
            }
            // The query's own now() is later than ours: only a lower bound of ours is one of its.
            guard comparison == .greater || comparison == .greaterOrEqual else { return [] }
            fixed.append(.timestamp(time))
        }
        return [ColumnCondition(column: column, comparison: comparison, values: fixed)]
    }

    private static func column(_ node: JSONValue, _ names: Set<String>) -> String? {
        guard node["class"]?.string == "COLUMN_REF",
            let parts = node["column_names"]?.array?.compactMap(\.string)
        else { return nil }
        switch parts.count {
        case 1: return parts[0]
        case 2 where names.contains(parts[0].lowercased()): return parts[1]
        default: return nil
        }
    }

    private static let comparisons: [String: Comparison] = [
        "COMPARE_EQUAL": .equal, "COMPARE_LESSTHAN": .less, "COMPARE_LESSTHANOREQUALTO": .lessOrEqual,
        "COMPARE_GREATERTHAN": .greater, "COMPARE_GREATERTHANOREQUALTO": .greaterOrEqual,
    ]

    private static func mirrored(_ comparison: Comparison) -> Comparison {
        switch comparison {
        case .equal: .equal
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        }
    }
}
