/// A field of a schema: a group of fields, or a primitive that holds values (`SchemaElement` of parquet.thrift).
public struct SchemaNode: Hashable, Sendable {
    public indirect enum Content: Hashable, Sendable {
        case primitive(PhysicalType)
        case group([SchemaNode])
    }

    public var name: String
    public var repetition: Repetition
    public var logicalType: LogicalType?
    /// The column id of the table format; Iceberg finds columns by it, so it is set on nested fields too.
    public var fieldID: Int32?
    public var content: Content

    public init(
        name: String, repetition: Repetition, logicalType: LogicalType? = nil, fieldID: Int32? = nil, content: Content
    ) {
        self.name = name
        self.repetition = repetition
        self.logicalType = logicalType
        self.fieldID = fieldID
        self.content = content
    }

    /// A field that holds values; optional unless said otherwise.
    public static func primitive(
        _ name: String, _ type: PhysicalType, _ repetition: Repetition = .optional, logical: LogicalType? = nil,
        fieldID: Int32? = nil
    ) -> SchemaNode {
        SchemaNode(
            name: name, repetition: repetition, logicalType: logical, fieldID: fieldID, content: .primitive(type))
    }

    /// UTF-8 text.
    public static func string(
        _ name: String, _ repetition: Repetition = .optional, fieldID: Int32? = nil
    ) -> SchemaNode {
        .primitive(name, .byteArray, repetition, logical: .string, fieldID: fieldID)
    }

    /// A struct, or with `logical` one of the groups that lists and maps are made of: for those see `list` and `map`.
    public static func group(
        _ name: String, _ repetition: Repetition = .optional, logical: LogicalType? = nil, fieldID: Int32? = nil,
        fields: [SchemaNode]
    ) -> SchemaNode {
        SchemaNode(name: name, repetition: repetition, logicalType: logical, fieldID: fieldID, content: .group(fields))
    }

    /// A list in the three-level form `name (LIST) { repeated list { element } }`; `element` is renamed so.
    public static func list(
        _ name: String, _ repetition: Repetition = .optional, fieldID: Int32? = nil, element: SchemaNode
    ) -> SchemaNode {
        var element = element
        element.name = "element"
        return .group(
            name, repetition, logical: .list, fieldID: fieldID, fields: [.group("list", .repeated, fields: [element])])
    }

    /// A map in the form `name (MAP) { repeated key_value { required key; value } }`; both are renamed so.
    public static func map(
        _ name: String, _ repetition: Repetition = .optional, fieldID: Int32? = nil, key: SchemaNode, value: SchemaNode
    ) -> SchemaNode {
        var (key, value) = (key, value)
        key.name = "key"
        key.repetition = .required
        value.name = "value"
        return .group(
            name, repetition, logical: .map, fieldID: fieldID,
            fields: [.group("key_value", .repeated, fields: [key, value])])
    }
}

/// A primitive of the schema with all that its levels need: one column of the file.
public struct SchemaLeaf: Hashable, Sendable {
    /// Position among the leaves, which is the position of its column chunk in every row group.
    public let index: Int
    public let path: [String]
    public let fieldID: Int32?
    public let physicalType: PhysicalType
    public let logicalType: LogicalType?
    public let repetition: Repetition
    /// Optional and repeated fields on the path: the definition level of a present value.
    public let maxDefinitionLevel: UInt8
    /// Repeated fields on the path.
    public let maxRepetitionLevel: UInt8

    /// Whether values can be NaN, which has no place between bounds. (Half precision has no bounds here.)
    var isFloatingPoint: Bool { physicalType == .float || physicalType == .double }

    /// The path as people write it: `extensions.key_value.key`.
    public var name: String { path.joined(separator: ".") }
}
