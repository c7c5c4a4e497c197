/// One `SchemaElement` of the flat list in the footer.
struct SchemaElement {
    var type: Int32?
    var typeLength: Int32?
    var repetition: Int32?
    var name = ""
    var childCount: Int32?
    var convertedType: Int32?
    var scale: Int32?
    var precision: Int32?
    var fieldID: Int32?
    var logicalType: LogicalType?

    init(_ reader: inout ThriftReader) throws(ParquetError) {
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch (field.id, field.kind) {
            case (1, .int32): type = try reader.int32()
            case (2, .int32): typeLength = try reader.int32()
            case (3, .int32): repetition = try reader.int32()
            case (4, .binary): name = try reader.text()
            case (5, .int32): childCount = try reader.int32()
            case (6, .int32): convertedType = try reader.int32()
            case (7, .int32): scale = try reader.int32()
            case (8, .int32): precision = try reader.int32()
            case (9, .int32): fieldID = try reader.int32()
            case (10, .structure): logicalType = try LogicalType.read(&reader)
            default: try reader.skip(field.kind)
            }
        }
    }
}

/// Builds the tree from the flat, depth-first list.
struct SchemaTreeReader {
    private let elements: [SchemaElement]
    private var next = 0

    init(_ elements: [SchemaElement]) { self.elements = elements }

    mutating func schema() throws(ParquetError) -> ParquetSchema {
        guard let root = elements.first else { throw error("no elements") }
        next = 1
        let fields = try children(of: root, depth: 1)
        guard next == elements.count else { throw error("\(elements.count - next) elements outside of the tree") }
        do {
            return try ParquetSchema(name: root.name, fields: fields, allowingEmptyGroups: true)
        } catch {
            throw ParquetError(.corrupt, at: error.place, error.message)
        }
    }

    private mutating func children(of parent: SchemaElement, depth: Int) throws(ParquetError) -> [SchemaNode] {
        guard depth <= ParquetLimits.schemaDepthMax else { throw error("groups nest too deep") }
        let count = Int(parent.childCount ?? 0)
        guard count >= 0, count <= elements.count - next else { throw error("\(count) children of \(parent.name)") }
        var nodes: [SchemaNode] = []
        for _ in 0..<count {
            guard next < elements.count else { throw error("fewer elements than children") }
            let element = elements[next]
            next += 1
            nodes.append(try node(element, depth: depth))
        }
        return nodes
    }

    private mutating func node(_ element: SchemaElement, depth: Int) throws(ParquetError) -> SchemaNode {
        guard let repetition = element.repetition.flatMap(Repetition.init(rawValue:)) else {
            throw error("\(element.name) has no repetition")
        }
        let content: SchemaNode.Content
        if let type = element.type {
            guard (element.childCount ?? 0) == 0 else { throw error("\(element.name) has both a type and children") }
            content = .primitive(try physicalType(type, element))
        } else {
            content = .group(try children(of: element, depth: depth + 1))
        }
        return SchemaNode(
            name: element.name, repetition: repetition,
            logicalType: element.logicalType ?? LogicalType(converted: element), fieldID: element.fieldID,
            content: content)
    }

    private func physicalType(_ code: Int32, _ element: SchemaElement) throws(ParquetError) -> PhysicalType {
        switch code {
        case 0: return .boolean
        case 1: return .int32
        case 2: return .int64
        case 3: return .int96
        case 4: return .float
        case 5: return .double
        case 6: return .byteArray
        case 7:
            guard let length = element.typeLength, length > 0 else { throw error("\(element.name) has no length") }
            return .fixedLengthByteArray(width: Int(length))
        default: throw error("\(element.name) has type \(code), which does not exist")
        }
    }

    private func error(_ message: String) -> ParquetError { ParquetError(.corrupt, at: "schema", message) }
}

extension LogicalType {
    /// Reads the union; nil for a type this module does not know, which then counts as none.
    static func read(_ reader: inout ThriftReader) throws(ParquetError) -> LogicalType? {
        var type: LogicalType?
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            guard field.kind == .structure else {
                try reader.skip(field.kind)
                continue
            }
            switch field.id {
            case 1: type = .string
            case 2: type = .map
            case 3: type = .list
            case 4: type = .enumeration
            case 5:
                type = try parameters(&reader).decimal
                continue
            case 6: type = .date
            case 7:
                type = try parameters(&reader).unit.map { .time(unit: $0.0, isAdjustedToUTC: $0.1) }
                continue
            case 8:
                type = try parameters(&reader).unit.map { .timestamp(unit: $0.0, isAdjustedToUTC: $0.1) }
                continue
            case 10:
                type = try parameters(&reader).integer
                continue
            case 11: type = .unknown
            case 12: type = .json
            case 13: type = .bson
            case 14: type = .uuid
            case 15: type = .float16
            case 16:
                type = .variant(version: try parameters(&reader).int8 ?? 1)
                continue
            case 17:
                type = .geometry(crs: try parameters(&reader).crs)
                continue
            case 18:
                type = try parameters(&reader).geography
                continue
            default: break
            }
            try reader.skip(.structure)
        }
        return type
    }

    /// The fields that the member structures of the union have, whichever it is.
    private struct Parameters {
        var int32s: [Int16: Int32] = [:]
        var flags: [Int16: Bool] = [:]
        var int8: Int8?
        var timeUnit: TimeUnit?
        var crs: String?

        var decimal: LogicalType? {
            guard let scale = int32s[1], let precision = int32s[2] else { return nil }
            return .decimal(precision: precision, scale: scale)
        }
        var unit: (TimeUnit, Bool)? {
            guard let timeUnit, let isAdjustedToUTC = flags[1] else { return nil }
            return (timeUnit, isAdjustedToUTC)
        }
        var geography: LogicalType {
            .geography(crs: crs, algorithm: int32s[2].flatMap(EdgeAlgorithm.init(rawValue:)))
        }
        var integer: LogicalType? {
            guard let int8, let isSigned = flags[2] else { return nil }
            return .integer(bitWidth: int8, isSigned: isSigned)
        }
    }

    private static func parameters(_ reader: inout ThriftReader) throws(ParquetError) -> Parameters {
        var result = Parameters()
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch field.kind {
            case .int32: result.int32s[field.id] = try reader.int32()
            case .yes, .no: result.flags[field.id] = field.kind == .yes
            case .int8: result.int8 = try reader.int8()
            case .binary: result.crs = try reader.text()
            case .structure: result.timeUnit = try timeUnit(&reader)
            default: try reader.skip(field.kind)
            }
        }
        return result
    }

    private static func timeUnit(_ reader: inout ThriftReader) throws(ParquetError) -> TimeUnit? {
        var unit: TimeUnit?
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch field.id {
            case 1: unit = .milliseconds
            case 2: unit = .microseconds
            case 3: unit = .nanoseconds
            default: break
            }
            try reader.skip(field.kind)
        }
        return unit
    }

    /// What `ConvertedType` means in today's terms (LogicalTypes.md, "Backward compatibility").
    init?(converted element: SchemaElement) {
        switch element.convertedType {
        case 0: self = .string
        case 1: self = .map
        case 2: self = .mapKeyValue
        case 3: self = .list
        case 4: self = .enumeration
        case 5: self = .decimal(precision: element.precision ?? 0, scale: element.scale ?? 0)
        case 6: self = .date
        case 7: self = .time(unit: .milliseconds, isAdjustedToUTC: true)
        case 8: self = .time(unit: .microseconds, isAdjustedToUTC: true)
        case 9: self = .timestamp(unit: .milliseconds, isAdjustedToUTC: true)
        case 10: self = .timestamp(unit: .microseconds, isAdjustedToUTC: true)
        case 11: self = .integer(bitWidth: 8, isSigned: false)
        case 12: self = .integer(bitWidth: 16, isSigned: false)
        case 13: self = .integer(bitWidth: 32, isSigned: false)
        case 14: self = .integer(bitWidth: 64, isSigned: false)
        case 15: self = .integer(bitWidth: 8, isSigned: true)
        case 16: self = .integer(bitWidth: 16, isSigned: true)
        case 17: self = .integer(bitWidth: 32, isSigned: true)
        case 18: self = .integer(bitWidth: 64, isSigned: true)
        case 19: self = .json
        case 20: self = .bson
        case 21: self = .interval
        default: return nil
        }
    }
}
