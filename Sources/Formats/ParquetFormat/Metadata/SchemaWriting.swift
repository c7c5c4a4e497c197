extension ThriftWriter {
    /// The tree as the flat, depth-first list of `SchemaElement` that the footer holds.
    mutating func schema(_ id: Int16, _ schema: ParquetSchema) {
        list(id, .structure, elements(schema)) { writer, element in writer.element { $0.schemaElement(element) } }
    }

    private enum Element {
        case root(name: String, children: Int)
        case node(SchemaNode)
    }

    private func elements(_ schema: ParquetSchema) -> [Element] {
        var elements = [Element.root(name: schema.name, children: schema.fields.count)]
        func add(_ node: SchemaNode) {
            elements.append(.node(node))
            if case .group(let fields) = node.content { fields.forEach(add) }
        }
        schema.fields.forEach(add)
        return elements
    }

    private mutating func schemaElement(_ element: Element) {
        guard case .node(let node) = element else {
            guard case .root(let name, let children) = element else { return }
            field(4, utf8: name)
            field(5, Int32(children))
            return
        }
        if case .primitive(let type) = node.content {
            field(1, type.thriftCode)
            if case .fixedLengthByteArray(let width) = type { field(2, Int32(width)) }
        }
        field(3, node.repetition.rawValue)
        field(4, utf8: node.name)
        if case .group(let fields) = node.content { field(5, Int32(fields.count)) }
        field(6, node.logicalType?.convertedType)
        if case .decimal(let precision, let scale) = node.logicalType {
            field(7, scale)
            field(8, precision)
        }
        field(9, node.fieldID)
        if let type = node.logicalType, let code = type.unionField {
            structure(10) { union in union.structure(code) { $0.logicalType(type) } }
        }
    }

    private mutating func logicalType(_ type: LogicalType) {
        switch type {
        case .decimal(let precision, let scale):
            field(1, scale)
            field(2, precision)
        case .time(let unit, let isAdjustedToUTC), .timestamp(let unit, let isAdjustedToUTC):
            field(1, isAdjustedToUTC)
            structure(2) { $0.structure(unit.unionField) { _ in } }
        case .integer(let bitWidth, let isSigned):
            field(1, bitWidth)
            field(2, isSigned)
        case .variant(let version): field(1, version)
        case .geometry(let crs): field(1, utf8: crs)
        case .geography(let crs, let algorithm):
            field(1, utf8: crs)
            field(2, algorithm?.rawValue)
        default: break
        }
    }
}

extension PhysicalType {
    /// `Type` of parquet.thrift.
    var thriftCode: Int32 {
        switch self {
        case .boolean: 0
        case .int32: 1
        case .int64: 2
        case .int96: 3
        case .float: 4
        case .double: 5
        case .byteArray: 6
        case .fixedLengthByteArray: 7
        }
    }
}

extension LogicalType.TimeUnit {
    /// `TimeUnit` of parquet.thrift.
    var unionField: Int16 {
        switch self {
        case .milliseconds: 1
        case .microseconds: 2
        case .nanoseconds: 3
        }
    }
}

extension LogicalType {
    /// `LogicalType` of parquet.thrift; nil where only a converted type exists.
    var unionField: Int16? {
        switch self {
        case .string: 1
        case .map: 2
        case .list: 3
        case .enumeration: 4
        case .decimal: 5
        case .date: 6
        case .time: 7
        case .timestamp: 8
        case .integer: 10
        case .unknown: 11
        case .json: 12
        case .bson: 13
        case .uuid: 14
        case .float16: 15
        case .variant: 16
        case .geometry: 17
        case .geography: 18
        case .mapKeyValue, .interval: nil
        }
    }

    /// `ConvertedType` of parquet.thrift, for readers from before 2.4. A time that is not in UTC has none.
    var convertedType: Int32? {
        switch self {
        case .string: 0
        case .map: 1
        case .mapKeyValue: 2
        case .list: 3
        case .enumeration: 4
        case .decimal: 5
        case .date: 6
        case .time(.milliseconds, true): 7
        case .time(.microseconds, true): 8
        case .timestamp(.milliseconds, true): 9
        case .timestamp(.microseconds, true): 10
        case .integer(let width, let isSigned):
            switch width {
            case 8: isSigned ? 15 : 11
            case 16: isSigned ? 16 : 12
            case 32: isSigned ? 17 : 13
            case 64: isSigned ? 18 : 14
            default: nil
            }
        case .json: 19
        case .bson: 20
        case .interval: 21
        case .time, .timestamp, .unknown, .uuid, .float16, .variant, .geometry, .geography: nil
        }
    }
}
