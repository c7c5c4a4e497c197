import Bytes
import Clocks
import JSONFormat
import ParquetFormat

/// Takes rows of JSON apart into columns: the reverse of `RecordReader`.
struct RecordShredder {
    private let schema: ParquetSchema
    private let fields: [Node]
    private var columns: [LeafColumn]
    private(set) var rowCount = 0

    init(_ schema: ParquetSchema) {
        self.schema = schema
        var leaf = 0
        fields = schema.fields.map { Node($0, leaf: &leaf, definition: 0, repetition: 0) }
        columns = schema.leaves.map(LeafColumn.init)
    }

    mutating func append(_ row: JSONCursor) throws {
        for field in fields { try append(field, row.value[field.name] ?? .null, repetition: 0) }
        rowCount += 1
    }

    mutating func take() throws -> RowGroup {
        defer {
            columns = schema.leaves.map(LeafColumn.init)
            rowCount = 0
        }
        return try RowGroup(columns: columns, rowCount: rowCount)
    }

    // MARK: - Nodes

    private mutating func append(_ node: Node, _ value: JSONValue, repetition: UInt8) throws {
        switch node.repetition {
        case .required: try appendContent(node, value, repetition: repetition)
        case .optional:
            if value.isNull {
                appendMissing(node, definition: node.definition - 1, repetition: repetition)
            } else {
                try appendContent(node, value, repetition: repetition)
            }
        case .repeated:
            try appendElements(node, value, repetition: repetition) { shredder, element, repetition in
                try shredder.appendContent(node, element, repetition: repetition)
            }
        }
    }

    private mutating func appendContent(_ node: Node, _ value: JSONValue, repetition: UInt8) throws {
        switch node.kind {
        case .leaf: try appendValue(node, value, repetition: repetition)
        case .group:
            guard let object = value.object else { throw DriverError("\(node.name): \(value.kind) for a group") }
            for child in node.children { try append(child, object[child.name] ?? .null, repetition: repetition) }
        case .list(let element):
            try appendElements(node.children[0], value, repetition: repetition) { shredder, value, repetition in
                switch element {
                case .itself(let node): try shredder.appendContent(node, value, repetition: repetition)
                case .child(let node): try shredder.append(node, value, repetition: repetition)
                }
            }
        case .map:
            let entry = node.children[0]
            try appendElements(entry, value, repetition: repetition) { shredder, value, repetition in
                guard let pair = value.array, pair.count == entry.children.count else {
                    throw DriverError("\(node.name): an entry of a map is an array of its key and value")
                }
                for (child, value) in zip(entry.children, pair) {
                    try shredder.append(child, value, repetition: repetition)
                }
            }
        }
    }

    private mutating func appendElements(
        _ repeated: Node, _ value: JSONValue, repetition: UInt8,
        element: (inout RecordShredder, JSONValue, UInt8) throws -> Void
    ) throws {
        guard let elements = value.array else { throw DriverError("\(repeated.name): \(value.kind) for a list") }
        if elements.isEmpty {
            appendMissing(repeated, definition: repeated.definition - 1, repetition: repetition)
        }
        for (index, value) in elements.enumerated() {
            try element(&self, value, index == 0 ? repetition : repeated.repetitionLevel)
        }
    }

    private mutating func appendMissing(_ node: Node, definition: UInt8, repetition: UInt8) {
        for leaf in node.leaves { columns[leaf].appendMissing(definition: definition, repetition: repetition) }
    }

    // MARK: - Values

    private mutating func appendValue(_ node: Node, _ value: JSONValue, repetition: UInt8) throws {
        let index = node.leaves.lowerBound
        let leaf = schema.leaves[index]
        func refuse() -> DriverError { DriverError("\(leaf.name): \(value.serializedString()) is no value of it") }
        switch leaf.physicalType {
        case .boolean:
            guard let value = value.bool else { throw refuse() }
            columns[index].append(value, repetition: repetition)
        case .int32:
            guard let number = integer(leaf, value),
                let bits = UInt32(exactly: number) ?? Int32(exactly: number).map(UInt32.init(bitPattern:))
            else { throw refuse() }
            columns[index].append(Int32(bitPattern: bits), repetition: repetition)
        case .int64:
            guard let number = integer(leaf, value),
                let bits = UInt64(exactly: number) ?? Int64(exactly: number).map(UInt64.init(bitPattern:))
            else { throw refuse() }
            columns[index].append(Int64(bitPattern: bits), repetition: repetition)
        case .float:
            guard let value = Self.number(value) else { throw refuse() }
            columns[index].append(Float(value), repetition: repetition)
        case .double:
            guard let value = Self.number(value) else { throw refuse() }
            columns[index].append(value, repetition: repetition)
        case .byteArray, .fixedLengthByteArray:
            guard let bytes = bytes(leaf, value) else { throw refuse() }
            columns[index].append(bytes, repetition: repetition)
        case .int96: throw DriverError("\(leaf.name): int96 is only read")
        }
    }

    private func integer(_ leaf: SchemaLeaf, _ value: JSONValue) -> Int128? {
        if case .decimal(_, let scale) = leaf.logicalType { return Self.unscaled(value, scale: Int(scale)) }
        if case .unsigned(let value) = value { return Int128(value) }
        return value.integer.map { Int128($0) }
    }

    private static func number(_ value: JSONValue) -> Double? {
        switch value.string {
        case "NaN": .nan
        case "Infinity": .infinity
        case "-Infinity": -.infinity
        default: value.double
        }
    }

    private func bytes(_ leaf: SchemaLeaf, _ value: JSONValue) -> [UInt8]? {
        if leaf.logicalType == .float16, let bits = Self.number(value).map({ Float16($0).bitPattern }) {
            return [UInt8(truncatingIfNeeded: bits), UInt8(bits >> 8)]
        }
        guard let text = value.string else { return value["bytes"]?.string.flatMap { Hexadecimal.decode($0) } }
        var width: Int?
        if case .fixedLengthByteArray(let fixed) = leaf.physicalType { width = fixed }
        let bytes: [UInt8]?
        switch leaf.logicalType {
        case .string, .enumeration, .json: bytes = Array(text.utf8)
        case .uuid: bytes = UUID(text)?.bytes
        case .decimal(_, let scale):
            bytes = Self.unscaled(value, scale: Int(scale)).map { Self.bigEndian($0, count: width ?? 16) }
        default: bytes = Hexadecimal.decode(text)
        }
        guard let width, let bytes, bytes.count != width else { return bytes }
        return nil
    }

    /// `-12.50` as an unscaled number; all digits of the scale must be there.
    private static func unscaled(_ value: JSONValue, scale: Int) -> Int128? {
        guard let text = value.string else { return nil }
        let halves = text.split(separator: ".", omittingEmptySubsequences: false)
        let fraction = halves.count == 2 ? String(halves[1]) : ""
        guard halves.count <= 2, fraction.utf8.count == max(scale, 0) else { return nil }
        return Int128(String(halves[0]) + fraction)
    }

    private static func bigEndian(_ value: Int128, count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> Int128(min($0 * 8, 127))) }
    }
}
