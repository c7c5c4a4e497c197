/// What a schema, and the registry, may hold.
package enum SchemaLimits {
    /// The JSON text of one schema.
    package static let schemaBytesMax = 64 << 10
    /// Nesting of a schema's JSON, which bounds the compiler's recursion.
    package static let depthMax = 32
    /// Subschemas of one schema.
    package static let rulesMax = 2_000
    /// Members of one `properties`.
    package static let propertiesMax = 1_000
    /// Values of one `enum`.
    package static let enumValuesMax = 1_000
    /// Branches of one `anyOf`, `oneOf` or `allOf`.
    package static let branchesMax = 64
    /// Subschemas evaluated for one event, over all branches and references: what makes a hostile pair of schema and
    /// event end.
    package static let stepsMax = 100_000
    /// The same for all events of a request together, besides `stepsOfEvent` for each.
    package static let requestStepsMax = 1_000_000
    /// What an event adds to what its request may take.
    package static let stepsOfEvent = 1_000
    /// Steps, too, that come with each value of an event.
    package static let stepsOfValue = 10
    /// Characters of one pattern.
    package static let patternLengthMax = 500
    /// Instructions of a compiled pattern, its repetitions written out. Classes of letters have a thousand.
    package static let patternInstructionsMax: Int32 = 10_000
    /// Instructions of a pattern, times bytes of a text, that count as one step: all steps are at worst seconds.
    package static let patternWorkOfStep = 2_000
    /// Memory of a compiled pattern, in bytes.
    package static let patternMemoryMax: Int64 = 1 << 20
    /// Columns of one typed table, besides the base columns; what is beyond stays in `data`.
    package static let columnsMax = 500
    /// A column's name.
    package static let columnNameBytesMax = 128
    package static let columnDocBytesMax = 1_000
    /// Versions of one subject.
    package static let versionsMax = 1_000
    /// Subject, which is an event type.
    package static let subjectBytesMax = 200
}
