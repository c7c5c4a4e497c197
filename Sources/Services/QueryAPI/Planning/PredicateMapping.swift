import Clocks
import IcebergSpec

/// Conditions of SQL as predicates of Iceberg, where both certainly mean the same. The rest prunes nothing.
enum PredicateMapping {
    static func predicate(_ conditions: [ColumnCondition], schema: Schema) -> Predicate? {
        let predicates = conditions.compactMap { predicate($0, schema) }
        return predicates.isEmpty ? nil : .and(predicates)
    }

    private static func predicate(_ condition: ColumnCondition, _ schema: Schema) -> Predicate? {
        // Names of SQL ignore case; a name within a struct is not a column's.
        guard let field = schema.fields.first(where: { $0.name.lowercased() == condition.column.lowercased() }),
            schema.fields.filter({ $0.name.lowercased() == condition.column.lowercased() }).count == 1
        else { return nil }
        let values = condition.values.compactMap { datum($0, field.type) }
        guard values.count == condition.values.count, let first = values.first else { return nil }
        if condition.comparison == .equal && values.count > 1 { return .isIn(column: field.name, values) }
        guard values.count == 1 else { return nil }
        return .compare(comparison(condition.comparison), column: field.name, first)
    }

    private static func comparison(_ comparison: ColumnCondition.Comparison) -> Comparison {
        switch comparison {
        case .equal: .equal
        case .less: .less
        case .lessOrEqual: .lessOrEqual
        case .greater: .greater
        case .greaterOrEqual: .greaterOrEqual
        }
    }

    private static func datum(_ constant: ConstantEvaluator.Constant, _ type: IcebergType) -> Datum? {
        switch (type, constant) {
        case (.string, .string(let text)): .string(text)
        case (.int, .integer(let number)): Int32(exactly: number).map { .int($0) }
        case (.long, .integer(let number)): .long(number)
        case (.double, .double(let number)): .double(number)
        case (.boolean, .boolean(let flag)): .boolean(flag)
        case (.timestamptz, .timestamp(let time)): .timestamptz(time.microseconds)
        case (.timestamp, .timestamp(let time)): .timestamp(time.microseconds)
        case (.timestamptz, .string(let text)):
            ConstantEvaluator.timestamp(text).map { .timestamptz($0.microseconds) }
        case (.timestamp, .string(let text)):
            ConstantEvaluator.localTimestamp(text).map { .timestamp($0.microseconds) }
        case (.date, .timestamp(let time)): day(time)
        case (.date, .string(let text)) where text.utf8.count == 10:
            Timestamp(rfc3339: text, dateOnly: true).flatMap(day)
        default: nil
        }
    }

    /// Only of a midnight: any other time of day lies between two dates.
    private static func day(_ time: Timestamp) -> Datum? {
        guard time.microseconds % 86_400_000_000 == 0 else { return nil }
        return Int32(exactly: time.days).map { .date($0) }
    }
}
