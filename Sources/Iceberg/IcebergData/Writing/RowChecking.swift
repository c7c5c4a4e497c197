import IcebergSpec

extension RowValue {
    struct Problem {
        /// Names of the nested fields that lead to the value.
        var path: [String]
        let message: String
    }

    /// Why this cannot be the value of a field, if it cannot.
    func problem(as field: NestedField) -> Problem? {
        if isNull {
            return field.required ? Problem(path: [], message: "a required value is missing") : nil
        }
        switch (field.type, self) {
        case (.variant, _): return Problem(path: [], message: "variants are written from columns, not from rows")
        case (.structure(let fields), .structure(let values)):
            guard fields.count == values.count else {
                return Problem(path: [], message: "\(values.count) values for a struct of \(fields.count) fields")
            }
            for (child, value) in zip(fields, values) {
                if let problem = value.problem(as: child) { return problem.within(child.name) }
            }
            return nil
        case (.list(let list), .list(let values)):
            let element = list.elementField
            for value in values {
                if let problem = value.problem(as: element) { return problem.within(element.name) }
            }
            return nil
        case (.map(let map), .map(let entries)):
            let (key, value) = (map.keyField, map.valueField)
            for entry in entries {
                if let problem = entry.key.problem(as: key) { return problem.within(key.name) }
                if let problem = entry.value.problem(as: value) { return problem.within(value.name) }
            }
            return nil
        case (_, .primitive(let datum)): return datum.problem(as: field.type)
        default: return Problem(path: [], message: "\(kind) where the column is of type \(field.type)")
        }
    }

    private var kind: String {
        switch self {
        case .null: "null"
        case .primitive: "a primitive value"
        case .structure: "a struct"
        case .list: "a list"
        case .map: "a map"
        }
    }
}

extension RowValue.Problem {
    fileprivate func within(_ name: String) -> RowValue.Problem {
        RowValue.Problem(path: [name] + path, message: message)
    }
}

extension Datum {
    private static let microsecondsPerDay: Int64 = 86_400_000_000

    fileprivate func problem(as type: IcebergType) -> RowValue.Problem? {
        guard isValue(of: type) else {
            return RowValue.Problem(path: [], message: "\(humanString.prefix(80)) is no value of type \(type)")
        }
        if case .time(let value) = self, !(0..<Self.microsecondsPerDay).contains(value) {
            return RowValue.Problem(path: [], message: "\(value) µs is no time of day")
        }
        return nil
    }
}
