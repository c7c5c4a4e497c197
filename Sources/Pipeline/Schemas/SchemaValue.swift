import JSONFormat

/// Values as JSON Schema compares them: numbers by what they are worth, objects without order.
package enum SchemaValue {
    package static func number(_ value: JSONValue) -> JSONNumber? {
        switch value {
        case .integer(let value): .integer(value)
        case .unsigned(let value): .double(Double(value))
        case .double(let value): .double(value)
        default: nil
        }
    }

    package static func isEqual(_ left: JSONValue, _ right: JSONValue) -> Bool {
        if let left = number(left), let right = number(right) { return left.isEqual(to: right) }
        switch (left, right) {
        case (.array(let left), .array(let right)):
            return left.count == right.count && zip(left, right).allSatisfy { isEqual($0, $1) }
        case (.object(let left), .object(let right)):
            guard left.count == right.count else { return false }
            return left.members.allSatisfy { member in right[member.key].map { isEqual($0, member.value) } ?? false }
        default: return left == right
        }
    }
}
