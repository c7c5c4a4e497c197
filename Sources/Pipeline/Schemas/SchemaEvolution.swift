import JSONFormat

/// What an event means for the schema of its type.
package enum SchemaEvolution: Hashable, Sendable {
    /// It fits, and has no member that the schema does not declare.
    case conforms
    /// It fits `schema`, which is the present one with new optional fields, wider types or less that is required.
    case evolved(schema: JSONValue, changes: [Change])
    /// It fits neither the schema nor one that is only wider.
    case breaking(SchemaViolation)

    package enum Change: Hashable, Sendable, CustomStringConvertible {
        /// A member that is not declared yet; it becomes an optional one.
        case newField(String)
        /// Where in the schema, and what it is besides now: integers become numbers, optional members may be null.
        case widening(pointer: String, to: String)
        /// A member that was required, and the object in the schema it is a member of.
        case optional(pointer: String, field: String)

        package var description: String {
            switch self {
            case .newField(let name): "new optional field \"\(name)\""
            case .widening(let pointer, let type): "\(pointer) widened to \(type)"
            case .optional(let pointer, let name): "\(pointer)/required without \"\(name)\""
            }
        }
    }

    /// Repairs tried for one event.
    private static let repairsMax = 32
    /// Longest name of a field that becomes a column on its own.
    private static let nameBytesMax = SchemaLimits.columnNameBytesMax
    /// Longest schema that evolution makes, below what the registry takes.
    private static let schemaBytesMax = SchemaLimits.schemaBytesMax / 2

    /// Judges `text`, the data of an event, by `program`.
    ///
    /// Cost: validation alone where it conforms; else a compilation for each change, so for rare events only.
    package static func of(_ text: [UInt8], _ program: SchemaProgram) -> SchemaEvolution {
        do throws(SchemaViolation) {
            return try evolve(text, program)
        } catch {
            return .breaking(error)
        }
    }

    private static func evolve(
        _ text: [UInt8], _ program: SchemaProgram
    ) throws(SchemaViolation) -> SchemaEvolution {
        var validator = SchemaValidator()
        var program = program
        var changes: [Change] = []
        while let violation = validator.violation(of: program, in: text) {
            let failure = text.withUnsafeBytes { validator.failureOfRead(program, in: $0) }
            guard let failure, changes.count < repairsMax,
                let repair = repair(failure, of: program, text), let next = compile(repair.schema)
            else { throw violation }
            changes.append(repair.change)
            program = next
        }
        let added = text.withUnsafeBytes { raw in
            validator.hasUndeclaredMember(program, in: raw) ? newFields(&validator, raw, program.schema) : nil
        }
        if let added, let next = compile(added.schema) {
            changes += added.changes
            program = next
        }
        return changes.isEmpty ? .conforms : .evolved(schema: program.schema, changes: changes)
    }

    private static func compile(_ schema: JSONValue) -> SchemaProgram? {
        guard schema.serialized().count <= schemaBytesMax else { return nil }
        do { return try SchemaProgram(schema) } catch { return nil }
    }

    // MARK: - New fields

    /// Of the text that `validator` read last: its numbers may be of any size.
    private static func newFields(
        _ validator: inout SchemaValidator, _ text: UnsafeRawBufferPointer, _ schema: JSONValue
    ) -> (schema: JSONValue, changes: [Change])? {
        guard var root = schema.object else { return nil }
        var properties = root["properties"]?.object ?? JSONObject()
        var changes: [Change] = []
        let declared = Set(properties.keys)
        validator.forEachMember(text) { bytes, value in
            guard properties.count < SchemaLimits.columnsMax, value.kind != .null, !bytes.isEmpty,
                bytes.count <= nameBytesMax
            else { return }
            let name = String(decoding: bytes, as: UTF8.self)
            guard !declared.contains(name), properties[name] == nil else { return }
            properties[name] = SchemaInference.schema(of: value, in: text)
            changes.append(.newField(name))
        }
        guard !changes.isEmpty else { return nil }
        root["properties"] = .object(properties)
        return (.object(root), changes)
    }

    // MARK: - Widenings

    private static func repair(
        _ failure: SchemaValidator.Failure, of program: SchemaProgram, _ text: [UInt8]
    ) -> (schema: JSONValue, change: Change)? {
        let value: JSONValue
        do { value = try JSONValue.parse(Array(text[failure.value])) } catch { return nil }
        let place = failure.rulePointer
        switch failure.kind {
        case .type:
            if SchemaValue.number(value) != nil {
                return change(program.schema, at: place, to: "number") { rule in
                    guard let names = typeNames(rule), names.contains("integer"), !names.contains("number") else {
                        return nil
                    }
                    return setting(rule, names.map { $0 == "integer" ? "number" : $0 })
                }
            }
            guard value.isNull, isOptional(place, program.schema) else { return nil }
            return change(program.schema, at: place, to: "null") { rule in
                typeNames(rule).map { setting(rule, $0 + ["null"]) }
            }
        case .values:
            guard value.isNull, isOptional(place, program.schema) else { return nil }
            return change(program.schema, at: place, to: "null") { rule in
                guard var rule = rule.object, let values = rule["enum"]?.array else { return nil }
                rule["enum"] = .array(values + [.null])
                return .object(rule)
            }
        case .notDeclared:
            guard !value.isNull, let name = failure.memberName, name.utf8.count <= nameBytesMax else { return nil }
            let field = SchemaInference.schema(of: value)
            return change(program.schema, at: place, .newField(name)) { rule in
                guard var rule = rule.object else { return nil }
                var properties = rule["properties"]?.object ?? JSONObject()
                guard properties.count < SchemaLimits.columnsMax else { return nil }
                properties[name] = field
                rule["properties"] = .object(properties)
                return .object(rule)
            }
        case .missing:
            guard let name = failure.memberName else { return nil }
            return change(program.schema, at: place, .optional(pointer: place, field: name)) { rule in
                guard var rule = rule.object else { return nil }
                let left = (rule["required"]?.array ?? []).filter { $0.string != name }
                rule["required"] = left.isEmpty ? nil : .array(left)
                return .object(rule)
            }
        default: return nil
        }
    }

    private static func typeNames(_ rule: JSONValue) -> [String]? {
        rule["type"].map { ($0.array ?? [$0]).compactMap(\.string) }
    }

    private static func setting(_ rule: JSONValue, _ names: [String]) -> JSONValue {
        guard var object = rule.object else { return rule }
        object["type"] = names.count == 1 ? .string(names[0]) : .array(names.map { .string($0) })
        return .object(object)
    }

    /// Whether `pointer` is a member that its object does not require.
    private static func isOptional(_ pointer: String, _ schema: JSONValue) -> Bool {
        var steps = pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard let name = steps.popLast(), steps.popLast() == "properties" else { return false }
        guard let owner = find(schema, steps.map { JSONPointer.unescape($0) }) else { return false }
        return !(owner["required"]?.array ?? []).contains(.string(JSONPointer.unescape(name)))
    }

    private static func find(_ schema: JSONValue, _ steps: [String]) -> JSONValue? {
        var place: JSONValue? = schema
        for step in steps {
            place =
                place?.array.flatMap { array in Int(step).flatMap { array.indices.contains($0) ? array[$0] : nil } }
                ?? place?[step]
        }
        return place
    }

    private static func change(
        _ schema: JSONValue, at pointer: String, to type: String, _ edit: (JSONValue) -> JSONValue?
    ) -> (schema: JSONValue, change: Change)? {
        change(schema, at: pointer, .widening(pointer: pointer, to: type), edit)
    }

    private static func change(
        _ schema: JSONValue, at pointer: String, _ change: Change, _ edit: (JSONValue) -> JSONValue?
    ) -> (schema: JSONValue, change: Change)? {
        let steps = pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        return replace(schema, steps.map { JSONPointer.unescape($0) }[...], edit).map { ($0, change) }
    }

    private static func replace(
        _ schema: JSONValue, _ steps: ArraySlice<String>, _ edit: (JSONValue) -> JSONValue?
    ) -> JSONValue? {
        guard let step = steps.first else { return edit(schema) }
        if var array = schema.array {
            guard let index = Int(step), array.indices.contains(index),
                let changed = replace(array[index], steps.dropFirst(), edit)
            else { return nil }
            array[index] = changed
            return .array(array)
        }
        guard var object = schema.object, let inner = object[step],
            let changed = replace(inner, steps.dropFirst(), edit)
        else { return nil }
        object[step] = changed
        return .object(object)
    }
}
