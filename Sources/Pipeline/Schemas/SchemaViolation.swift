import JSONFormat

/// Where and how a value does not fit its schema.
package struct SchemaViolation: Error, Hashable, Sendable, CustomStringConvertible {
    /// JSON pointer into the value.
    package let pointer: String
    package let message: String
    /// It was not judged to the end.
    package let isTooCostly: Bool

    package init(pointer: String, message: String, isTooCostly: Bool = false) {
        self.pointer = pointer
        self.message = message
        self.isTooCostly = isTooCostly
    }

    package var description: String { pointer.isEmpty ? "data \(message)" : "data\(pointer) \(message)" }
}

/// The same, as it is noted while validating: no text is made before it is wanted.
enum SchemaFailure {
    case type
    case missing(property: Int)
    case notDeclared
    case count
    case length
    case format(StringFormat)
    case pattern
    case bound
    case multiple
    case values
    case all
    case any
    case one(Int)
    case not
    case tooMuch
    case notJSON
}

extension SchemaProgram {
    /// What `failure` of `rule` says.
    func message(_ failure: SchemaFailure, rule index: Int) -> String {
        let rule = rules[index]
        switch failure {
        case .type: return rule.types.isEmpty ? "is not allowed" : "must be \(rule.types.names)"
        case .missing(let property): return "lacks the required member \"\(name(of: property))\""
        case .notDeclared: return "is not one of the members that are allowed"
        case .count: return countMessage(rule)
        case .length: return lengthMessage(rule)
        case .format(let format): return "must be a \(format.rawValue)"
        case .pattern: return "must match the pattern \(keyword("pattern", of: index))"
        case .bound: return boundMessage(rule)
        case .multiple: return "must be a multiple of \(keyword("multipleOf", of: index))"
        case .values: return "must be one of the values that are allowed: \(valuesMessage(rule))"
        case .all: return "does not fit the schema"
        case .any: return "fits none of the alternatives"
        case .one(let count):
            return count == 0 ? "fits none of the alternatives" : "fits more than one of the alternatives"
        case .not: return "fits a schema that it must not fit"
        case .tooMuch: return "takes too much work to be validated"
        case .notJSON: return "is not JSON"
        }
    }

    func name(of property: Int) -> String {
        let start = Int(properties[property].start)
        return String(decoding: bytes[start..<start + properties[property].key.count], as: UTF8.self)
    }

    private func keyword(_ name: String, of index: Int) -> String {
        var place = schema
        for step in pointers[index].split(separator: "/") {
            let key = JSONPointer.unescape(step)
            if let array = place.array, let position = Int(key), array.indices.contains(position) {
                place = array[position]
            } else {
                place = place[key] ?? .null
            }
        }
        return (place[name] ?? .null).serializedString()
    }

    private func countMessage(_ rule: Rule) -> String {
        if rule.object >= 0 {
            let object = objects[Int(rule.object)]
            return "must have \(Self.range(object.countMin, object.countMax)) members"
        }
        let array = arrays[Int(rule.array)]
        return "must have \(Self.range(array.countMin, array.countMax)) elements"
    }

    private func lengthMessage(_ rule: Rule) -> String {
        let string = strings[Int(rule.string)]
        return "must have \(Self.range(string.lengthMin, string.lengthMax)) characters"
    }

    private static func range(_ least: Int32, _ most: Int32) -> String {
        most == .max ? "at least \(least)" : least == 0 ? "at most \(most)" : "\(least) to \(most)"
    }

    private func boundMessage(_ rule: Rule) -> String {
        let number = numbers[Int(rule.number)]
        var parts: [String] = []
        if let least = number.least { parts.append("\(number.isLeastExcluded ? "above" : "at least") \(least)") }
        if let most = number.most { parts.append("\(number.isMostExcluded ? "below" : "at most") \(most)") }
        return "must be " + parts.joined(separator: " and ")
    }

    private func valuesMessage(_ rule: Rule) -> String {
        let shown = rule.values.prefix(20).map { index in
            switch values[Int(index)] {
            case .null: "null"
            case .bool(let value): String(value)
            case .number(let number): "\(number)"
            case .string(let start, let count):
                "\"" + String(decoding: bytes[Int(start)..<Int(start + count)], as: UTF8.self) + "\""
            case .structure(let index): String(structures[Int(index)].serializedString().prefix(100))
            }
        }
        return shown.joined(separator: ", ") + (rule.values.count > 20 ? ", …" : "")
    }
}

extension SchemaProgram.Types {
    var names: String {
        var names: [String] = []
        if contains(.null) { names.append("null") }
        if contains(.boolean) { names.append("a boolean") }
        if contains(.fraction) { names.append("a number") } else if contains(.integer) { names.append("an integer") }
        if contains(.string) { names.append("a string") }
        if contains(.array) { names.append("an array") }
        if contains(.object) { names.append("an object") }
        return names.joined(separator: " or ")
    }
}

extension JSONNumber: CustomStringConvertible {
    package var description: String {
        switch self {
        case .integer(let value): String(value)
        case .double(let value): String(value)
        }
    }
}
