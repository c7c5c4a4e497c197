import ParquetFormat

/// SplitMix64: the same columns for the same seed, on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Every physical type, flat and nested, required and optional.
func everyTypeSchema() throws -> ParquetSchema {
    try ParquetSchema(fields: [
        .primitive("flag", .boolean, .optional, fieldID: 1),
        .primitive("small", .int32, .required, logical: .integer(bitWidth: 16, isSigned: true), fieldID: 2),
        .primitive("unsigned", .int32, .optional, logical: .integer(bitWidth: 32, isSigned: false), fieldID: 3),
        .primitive(
            "time", .int64, .optional, logical: .timestamp(unit: .microseconds, isAdjustedToUTC: true), fieldID: 4),
        .primitive("old", .int96, .optional, fieldID: 5),
        .primitive("ratio", .float, .optional, fieldID: 6),
        .primitive("amount", .double, .required, fieldID: 7),
        .string("text", .optional, fieldID: 8),
        .string("name", .required, fieldID: 9),
        .primitive("uuid", .fixedLengthByteArray(width: 16), .optional, logical: .uuid, fieldID: 10),
        .primitive(
            "price", .fixedLengthByteArray(width: 5), .required, logical: .decimal(precision: 10, scale: 2),
            fieldID: 11),
        .map(
            "extensions", .optional, fieldID: 12, key: .string("key", .required, fieldID: 13),
            value: .string("value", .optional, fieldID: 14)),
        .list(
            "lists", .optional, fieldID: 15,
            element: .list("element", .optional, fieldID: 16, element: .primitive("element", .int64, fieldID: 17))),
    ])
}

/// Columns that fit a schema, row by row from a walk over its tree.
struct RandomRows {
    var generator: SeededGenerator
    /// Values come from this many candidates: few make dictionaries, many make PLAIN.
    var variety: UInt64
    var nullChance = 0.2

    mutating func rows(_ schema: ParquetSchema, count: Int) -> RowGroup {
        var columns = schema.leaves.map(LeafColumn.init)
        for _ in 0..<count {
            var leaf = 0
            for field in schema.fields { add(field, &columns, &leaf, definition: 0, repetition: 0, depth: 0) }
        }
        do {
            return try RowGroup(columns: columns, rowCount: count)
        } catch {
            preconditionFailure("\(error)")
        }
    }

    private func leafCount(_ node: SchemaNode) -> Int {
        guard case .group(let fields) = node.content else { return 1 }
        return fields.reduce(0) { $0 + leafCount($1) }
    }

    /// `depth` is the number of repeated fields above.
    private mutating func add(
        _ node: SchemaNode, _ columns: inout [LeafColumn], _ leaf: inout Int, definition: UInt8, repetition: UInt8,
        depth: UInt8
    ) {
        switch node.repetition {
        case .required:
            addContent(node, &columns, &leaf, definition: definition, repetition: repetition, depth: depth)
        case .optional:
            if Double.random(in: 0..<1, using: &generator) < nullChance {
                addMissing(node, &columns, &leaf, definition: definition, repetition: repetition)
            } else {
                addContent(node, &columns, &leaf, definition: definition + 1, repetition: repetition, depth: depth)
            }
        case .repeated:
            let count = Int.random(in: 0...3, using: &generator)
            if count == 0 { addMissing(node, &columns, &leaf, definition: definition, repetition: repetition) }
            let first = leaf
            for index in 0..<count {
                leaf = first
                addContent(
                    node, &columns, &leaf, definition: definition + 1,
                    repetition: index == 0 ? repetition : depth + 1, depth: depth + 1)
            }
        }
    }

    private mutating func addMissing(
        _ node: SchemaNode, _ columns: inout [LeafColumn], _ leaf: inout Int, definition: UInt8, repetition: UInt8
    ) {
        for _ in 0..<leafCount(node) {
            columns[leaf].appendMissing(definition: definition, repetition: repetition)
            leaf += 1
        }
    }

    private mutating func addContent(
        _ node: SchemaNode, _ columns: inout [LeafColumn], _ leaf: inout Int, definition: UInt8, repetition: UInt8,
        depth: UInt8
    ) {
        switch node.content {
        case .group(let fields):
            for field in fields {
                add(field, &columns, &leaf, definition: definition, repetition: repetition, depth: depth)
            }
        case .primitive(let type):
            addValue(type, &columns[leaf], repetition)
            leaf += 1
        }
    }

    private mutating func addValue(_ type: PhysicalType, _ column: inout LeafColumn, _ repetition: UInt8) {
        let seed = UInt64.random(in: 0..<variety, using: &generator)
        var derived = SeededGenerator(seed: seed)
        let bits = derived.next()
        switch type {
        case .boolean: column.append(bits & 1 == 1, repetition: repetition)
        case .int32: column.append(Int32(truncatingIfNeeded: bits), repetition: repetition)
        case .int64: column.append(Int64(bitPattern: bits), repetition: repetition)
        case .int96:
            // There is no appending of a single one: the type only lives on in files of others.
            guard case .int96(var values) = column.values else { return }
            values.append(Int96(low: UInt32(truncatingIfNeeded: bits), middle: 7, high: 2_440_588))
            column.values = .int96(values)
            column.definitionLevels.append(1)
        case .float: column.append(Float(Int32(truncatingIfNeeded: bits)), repetition: repetition)
        case .double: column.append(Double(Int64(bitPattern: bits)), repetition: repetition)
        case .byteArray:
            let length = Int(bits % 40)
            column.append((0..<length).map { _ in UInt8(97 + derived.next() % 26) }, repetition: repetition)
        case .fixedLengthByteArray(let width):
            column.append((0..<width).map { _ in UInt8(truncatingIfNeeded: derived.next()) }, repetition: repetition)
        }
    }
}

/// Writes row groups and returns the file.
func write(
    _ groups: [RowGroup], _ schema: ParquetSchema, _ options: ParquetWriterOptions = ParquetWriterOptions()
) throws -> ParquetFile {
    var writer = try ParquetWriter(schema: schema, options: options)
    for group in groups { try writer.appendRowGroup(group.columns, rowCount: group.rowCount) }
    return try writer.finish()
}
