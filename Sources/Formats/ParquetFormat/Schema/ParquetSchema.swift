/// The schema of a file: the fields of its root, and its leaves in the order of the columns.
public struct ParquetSchema: Hashable, Sendable {
    /// The root's name, which nobody reads.
    public let name: String
    public let fields: [SchemaNode]
    public let leaves: [SchemaLeaf]

    /// Checks names, depths and types.
    ///
    /// - Throws: `.invalidArgument` at `schema`.
    public init(name: String = "schema", fields: [SchemaNode]) throws(ParquetError) {
        try self.init(name: name, fields: fields, allowingEmptyGroups: false)
    }

    /// Files of others hold groups without fields; such a group has no column and so no values.
    init(name: String, fields: [SchemaNode], allowingEmptyGroups: Bool) throws(ParquetError) {
        var collector = LeafCollector(allowsEmptyGroups: allowingEmptyGroups)
        for field in fields { try collector.collect(field, depth: 1, definition: 0, repetition: 0) }
        self.name = name
        self.fields = fields
        self.leaves = collector.leaves
    }

    /// The leaf at a path such as `["extensions", "key_value", "key"]`.
    public func leaf(path: [String]) -> SchemaLeaf? { leaves.first { $0.path == path } }

    /// The first leaf with this field id. Cost: linear.
    public func leaf(fieldID: Int32) -> SchemaLeaf? { leaves.first { $0.fieldID == fieldID } }

    /// What tables call the leaves, in their order: the path without the groups that repeat inside lists and maps,
    /// `extensions.key` for `extensions.key_value.key`.
    public var tableNames: [String] {
        var names: [String] = []
        func collect(_ nodes: [SchemaNode], _ prefix: String) {
            for node in nodes {
                let name = prefix + node.name
                switch (node.content, node.logicalType) {
                case (.primitive, _): names.append(name)
                case (.group(let fields), .list), (.group(let fields), .map):
                    // Old lists repeat the element itself.
                    if fields.count == 1, case .group(let inner) = fields[0].content, fields[0].repetition == .repeated
                    {
                        collect(inner, name + ".")
                    } else {
                        collect(fields, name + ".")
                    }
                case (.group(let fields), _): collect(fields, name + ".")
                }
            }
        }
        collect(fields, "")
        return names
    }
}

private struct LeafCollector {
    let allowsEmptyGroups: Bool
    var leaves: [SchemaLeaf] = []
    var path: [String] = []
    var nodes = 0

    mutating func collect(
        _ node: SchemaNode, depth: Int, definition: Int, repetition: Int
    ) throws(ParquetError) {
        path.append(node.name)
        defer { path.removeLast() }
        nodes += 1
        guard depth <= ParquetLimits.schemaDepthMax, nodes <= ParquetLimits.schemaNodesMax else {
            throw error(
                "more than \(ParquetLimits.schemaDepthMax) levels or \(ParquetLimits.schemaNodesMax) fields")
        }
        let definition = definition + (node.repetition == .required ? 0 : 1)
        let repetition = repetition + (node.repetition == .repeated ? 1 : 0)
        switch node.content {
        case .group(let fields):
            guard !fields.isEmpty || allowsEmptyGroups else { throw error("a group without fields") }
            for field in fields {
                try collect(field, depth: depth + 1, definition: definition, repetition: repetition)
            }
        case .primitive(let type):
            if case .fixedLengthByteArray(let width) = type, width < 1 || width > Int(Int32.max) {
                throw error("a fixed length of \(width) bytes")
            }
            leaves.append(
                SchemaLeaf(
                    index: leaves.count, path: path, fieldID: node.fieldID, physicalType: type,
                    logicalType: node.logicalType, repetition: node.repetition,
                    maxDefinitionLevel: UInt8(definition), maxRepetitionLevel: UInt8(repetition)))
        }
    }

    func error(_ message: String) -> ParquetError {
        ParquetError(.invalidArgument, at: "schema, field \(path.joined(separator: "."))", message)
    }
}
