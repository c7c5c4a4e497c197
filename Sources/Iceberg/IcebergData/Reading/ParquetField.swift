import ParquetFormat

/// A field of a Parquet file as the table format sees it: the helper groups of lists and maps are gone, in every shape
/// that writers gave them (LogicalTypes.md, "Nested types" and "Backward-compatibility rules").
struct ParquetField {
    indirect enum Kind {
        case leaf(SchemaLeaf)
        case structure([ParquetField])
        case list(element: ParquetField)
        /// Old writers leave out the values of a set.
        case map(key: ParquetField, value: ParquetField?)
    }

    let name: String
    /// From the file, then from a name mapping.
    var id: Int?
    var kind: Kind
    let levels: NodeLevels
    /// The leaves below, which have these indexes. Empty for a group without fields.
    let leaves: Range<Int>
    /// Marked as the group that a variant is stored in.
    let isVariant: Bool

    /// The top-level fields of a file.
    static func fields(of schema: ParquetSchema) -> [ParquetField] {
        var builder = Builder(leaves: schema.leaves)
        return schema.fields.map { builder.field($0, definition: 0, repetition: 0, slot: 0) }
    }

    /// Whether this field or one within it has an id.
    var hasIDs: Bool { id != nil || children.contains { $0.hasIDs } }

    var children: [ParquetField] {
        switch kind {
        case .leaf: []
        case .structure(let fields): fields
        case .list(let element): [element]
        case .map(let key, let value): [key] + (value.map { [$0] } ?? [])
        }
    }
}

/// What the levels of a leaf mean for a field on its path.
struct NodeLevels: Sendable {
    /// How many repeated fields lie around the field: a new slot begins where the repetition level is not above this.
    let repetition: UInt8
    /// The definition level from which on the innermost list around the field has an element at all.
    let slot: UInt8
    /// The definition level from which on the field is not null.
    let present: UInt8
}

private struct Builder {
    let leaves: [SchemaLeaf]
    private var next = 0

    init(leaves: [SchemaLeaf]) { self.leaves = leaves }

    /// A field in a group whose own definition level is `definition`.
    mutating func field(_ node: SchemaNode, definition: UInt8, repetition: UInt8, slot: UInt8) -> ParquetField {
        let outer = NodeLevels(repetition: repetition, slot: slot, present: definition)
        guard node.repetition == .repeated else {
            let present = definition + (node.repetition == .optional ? 1 : 0)
            return content(node, NodeLevels(repetition: repetition, slot: slot, present: present))
        }
        // A repeated field on its own is a list that is never null, of elements that are never null.
        let first = next
        let element = content(node, inner(of: outer))
        return ParquetField(
            name: node.name, id: node.fieldID.map(Int.init), kind: .list(element: element.anonymous), levels: outer,
            leaves: first..<next, isVariant: false)
    }

    /// The levels of what repeats directly within a field.
    private func inner(of levels: NodeLevels) -> NodeLevels {
        NodeLevels(repetition: levels.repetition + 1, slot: levels.present + 1, present: levels.present + 1)
    }

    private mutating func content(_ node: SchemaNode, _ levels: NodeLevels) -> ParquetField {
        let first = next
        let kind: ParquetField.Kind
        switch node.content {
        case .primitive:
            kind = .leaf(leaves[next])
            next += 1
        case .group(let nodes):
            kind =
                list(node, nodes, levels) ?? map(node, nodes, levels)
                ?? .structure(
                    nodes.map {
                        field($0, definition: levels.present, repetition: levels.repetition, slot: levels.slot)
                    })
        }
        var isVariant = false
        if case .variant = node.logicalType { isVariant = true }
        return ParquetField(
            name: node.name, id: node.fieldID.map(Int.init), kind: kind, levels: levels, leaves: first..<next,
            isVariant: isVariant)
    }

    private mutating func list(_ node: SchemaNode, _ nodes: [SchemaNode], _ levels: NodeLevels) -> ParquetField.Kind? {
        guard node.logicalType == .list, nodes.count == 1, nodes[0].repetition == .repeated else { return nil }
        let repeated = nodes[0]
        let inner = inner(of: levels)
        guard case .group(let fields) = repeated.content, fields.count == 1, fields[0].repetition != .repeated,
            repeated.name != "array", repeated.name != node.name + "_tuple", repeated.logicalType != .list,
            repeated.logicalType != .map
        else {
            // The repeated field is the element itself.
            return .list(element: content(repeated, inner))
        }
        return .list(
            element: field(
                fields[0], definition: inner.present, repetition: inner.repetition, slot: inner.slot))
    }

    private mutating func map(_ node: SchemaNode, _ nodes: [SchemaNode], _ levels: NodeLevels) -> ParquetField.Kind? {
        guard node.logicalType == .map || node.logicalType == .mapKeyValue, nodes.count == 1,
            nodes[0].repetition == .repeated, case .group(let fields) = nodes[0].content,
            fields.count == 1 || fields.count == 2
        else { return nil }
        let inner = inner(of: levels)
        let entries = fields.map {
            field($0, definition: inner.present, repetition: inner.repetition, slot: inner.slot)
        }
        return .map(key: entries[0], value: entries.count == 2 ? entries[1] : nil)
    }
}

extension ParquetField {
    /// The same without an id, which belongs to the list made of it.
    fileprivate var anonymous: ParquetField {
        ParquetField(name: name, id: nil, kind: kind, levels: levels, leaves: leaves, isVariant: isVariant)
    }
}
