import JSONFormat

/// A registered schema, ready to judge events.
///
/// Members of bare events that became attributes (`event_id`, `event_type`, `timestamp`, `user_id`) count as there for
/// `required`, since the event has them elsewhere; `user_id` only when the event has a subject.
package final class CompiledEventSchema: Sendable {
    package let schema: EventSchema
    package let program: SchemaProgram
    private let requiresSubject: Bool

    /// - Throws: as `SchemaProgram`.
    package init(_ schema: EventSchema) throws(SchemaError) {
        self.schema = schema
        let required = schema.schema["required"]?.array ?? []
        let left = required.filter { $0.string.flatMap { TypedColumn.Attribute(bareName: $0) } == nil }
        requiresSubject = required.contains(.string(TypedColumn.Attribute.subject.bareName))
        program = try SchemaProgram(Self.requiring(left, schema.schema))
    }

    private static func requiring(_ names: [JSONValue], _ schema: JSONValue) -> JSONValue {
        guard var object = schema.object, object["required"] != nil else { return schema }
        object["required"] = names.isEmpty ? nil : .array(names)
        return .object(object)
    }

    /// The schema that evolution made of the program's, with the attributes that the registered one requires.
    package func registered(_ evolved: JSONValue) -> JSONValue {
        guard var object = evolved.object else { return evolved }
        let left = Set((object["required"]?.array ?? []).compactMap(\.string))
        let required = (schema.schema["required"]?.array ?? []).filter { name in
            name.string.map { left.contains($0) || TypedColumn.Attribute(bareName: $0) != nil } ?? false
        }
        object["required"] = required.isEmpty ? nil : .array(required)
        return .object(object)
    }

    /// What is wrong with an event; nil when it fits. Data that is missing counts as an empty object.
    package func violation(
        _ validator: inout SchemaValidator, data: UnsafeRawBufferPointer, hasSubject: Bool
    ) -> SchemaViolation? {
        if let violation = validator.violation(of: program, in: data) { return violation }
        guard requiresSubject, !hasSubject else { return nil }
        var isThere = false
        let name = Array(TypedColumn.Attribute.subject.bareName.utf8)
        validator.forEachMember(data) { member, _ in isThere = isThere || member == name }
        return isThere
            ? nil
            : SchemaViolation(pointer: "", message: "lacks the required member \"user_id\", and there is no subject")
    }
}
