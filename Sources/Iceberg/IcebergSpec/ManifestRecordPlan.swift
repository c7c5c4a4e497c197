import AvroFormat

/// How to read a record of any writer: its fields in the writer's order, each with the id it is known by.
///
/// Fields are known by `field-id`; by name only in a record where the writer states no id at all.
struct ManifestRecordPlan {
    struct Column {
        let id: Int32
        let name: String
        /// The type without null.
        let type: AvroSchema
        /// The branch that is null in a union of two; nil where a value always follows.
        let nullBranch: Int?

        /// Reads which branch follows; false when the value is null.
        func isPresent(_ decoder: inout AvroDecoder) throws(AvroError) -> Bool {
            guard let nullBranch else { return type != .null }
            return try decoder.readUnionIndex(of: 2) != nullBranch
        }
    }

    let columns: [Column]

    /// - Parameter idsByName: ids of fields that state none; others are given -1, and skipped.
    init(_ schema: AvroSchema, idsByName: [String: Int32] = [:]) throws(AvroError) {
        guard case .record(let record) = schema else {
            throw AvroError(.corrupt, "a record was expected where the file has another type")
        }
        let hasIDs = record.fields.contains { $0.fieldID != nil }
        var columns: [Column] = []
        for field in record.fields {
            let id = hasIDs ? field.fieldID ?? -1 : idsByName[field.name] ?? -1
            columns.append(try Self.column(id, field.name, field.type))
        }
        self.columns = columns
    }

    private static func column(_ id: Int32, _ name: String, _ type: AvroSchema) throws(AvroError) -> Column {
        guard case .union(let branches) = type else {
            return Column(id: id, name: name, type: type, nullBranch: nil)
        }
        guard branches.count == 2, let nullBranch = branches.firstIndex(of: .null) else {
            throw AvroError(.corrupt, "the field \(name) is a union other than of null and a type")
        }
        return Column(id: id, name: name, type: branches[1 - nullBranch], nullBranch: nullBranch)
    }

    func type(of id: Int32) -> AvroSchema? { columns.first { $0.id == id }?.type }
}

extension AvroDecoder {
    /// Any integer as 64 bits.
    mutating func readInteger(_ type: AvroSchema) throws(AvroError) -> Int64 {
        switch type {
        case .int, .long: return try readLong()
        default: throw corrupt("an integer was expected where the file has another type")
        }
    }

    mutating func readInteger32(_ type: AvroSchema) throws(AvroError) -> Int32 {
        guard let value = Int32(exactly: try readInteger(type)) else { throw corrupt("a number is outside 32 bits") }
        return value
    }

    mutating func readText(_ type: AvroSchema) throws(AvroError) -> String {
        guard case .string = type else { throw corrupt("a string was expected where the file has another type") }
        return try readString()
    }

    mutating func readBinary(_ type: AvroSchema) throws(AvroError) -> [UInt8] {
        switch type {
        case .bytes, .string: return Array(try readBytes())
        case .fixed(_, let size, _): return Array(try readFixed(size))
        default: throw corrupt("bytes were expected where the file has another type")
        }
    }

    /// An array whose items `body` reads.
    mutating func readArray(
        of element: AvroSchema, _ body: (inout AvroDecoder) throws(AvroError) -> Void
    ) throws(AvroError) {
        while true {
            let count = try readItemCount(of: element)
            if count == 0 { return }
            for _ in 0..<count { try body(&self) }
        }
    }

    mutating func readIntegers(_ type: AvroSchema) throws(AvroError) -> [Int64] {
        guard case .array(let array) = type else { throw corrupt("a list was expected") }
        var values: [Int64] = []
        let column = try ManifestRecordPlan(
            .record(AvroRecordSchema(name: "", fields: [AvroField("element", array.element, id: 0)]))
        ).columns[0]
        try readArray(of: array.element) { (decoder) throws(AvroError) in
            if try column.isPresent(&decoder) { values.append(try decoder.readInteger(column.type)) }
        }
        return values
    }
}

/// How to read a map with integer keys: an array of records of a key and a value, in either order.
struct ManifestMapPlan {
    let element: AvroSchema
    let columns: [ManifestRecordPlan.Column]
    let keyIndex: Int

    init(_ type: AvroSchema) throws(AvroError) {
        guard case .array(let array) = type else { throw AvroError(.corrupt, "a map was expected") }
        element = array.element
        columns = try ManifestRecordPlan(element).columns
        guard columns.count == 2, let key = columns.firstIndex(where: { $0.name == "key" }),
            columns[key].nullBranch == nil
        else { throw AvroError(.corrupt, "the records of a map are not of a key and a value") }
        keyIndex = key
    }

    /// Whether it is of keys and then values, neither optional: bytes or numbers.
    func isPlain(bytes: Bool) -> Bool {
        guard keyIndex == 0, columns[1].nullBranch == nil else { return false }
        switch (columns[0].type, columns[1].type) {
        case (.int, .bytes), (.int, .string): return bytes
        case (.int, .int), (.int, .long): return !bytes
        default: return false
        }
    }

    func read<Value: FieldMapValue>(
        _ decoder: inout AvroDecoder, _ body: (inout AvroDecoder, AvroSchema) throws(AvroError) -> Value
    ) throws(AvroError) -> FieldMap<Value> {
        var map = FieldMap<Value>()
        try decoder.readArray(of: element) { (decoder) throws(AvroError) in
            var key: Int32 = 0
            var value: Value?
            for (index, column) in columns.enumerated() {
                if index == keyIndex {
                    key = try decoder.readInteger32(column.type)
                } else if try column.isPresent(&decoder) {
                    value = try body(&decoder, column.type)
                }
            }
            if let value { map[Int(key)] = value }
        }
        return map
    }
}
