import Bytes
import ParquetFormat

/// Puts the rows of a row group together from its columns, as the levels say (Dremel), and writes each as one line of JSON:
/// groups as objects, lists as arrays, maps as arrays of `[key, value]`.
struct RecordReader {
    private let fields: [Node]
    private var cursors: [Cursor]
    let rowCount: Int

    /// - Parameter names: the columns of the root to keep; nil for all. Columns of the others must not be decoded.
    static func columns(of schema: ParquetSchema, names: [String]?) throws(DriverError) -> [SchemaNode] {
        guard let names else { return schema.fields }
        var fields: [SchemaNode] = []
        for name in names {
            guard let field = schema.fields.first(where: { $0.name == name }) else {
                throw DriverError("the file has no column \(name)")
            }
            fields.append(field)
        }
        return fields
    }

    /// - Parameter columns: by leaf index; only those below `fields` are used.
    init(_ schema: ParquetSchema, fields wanted: [SchemaNode], columns: [Int: LeafColumn], rowCount: Int) {
        var leaf = 0
        var nodes: [Node] = []
        for field in schema.fields {
            let node = Node(field, leaf: &leaf, definition: 0, repetition: 0)
            if wanted.contains(where: { $0.name == field.name }) { nodes.append(node) }
        }
        fields = nodes
        cursors = schema.leaves.map { Cursor($0, columns[$0.index] ?? LeafColumn($0)) }
        self.rowCount = rowCount
    }

    /// The next row. Call it `rowCount` times.
    mutating func appendRow(to text: inout [UInt8]) {
        appendObject(fields, to: &text)
        text.append(UInt8(ascii: "\n"))
    }

    // MARK: - Nodes

    private mutating func appendObject(_ fields: [Node], to text: inout [UInt8]) {
        text.append(UInt8(ascii: "{"))
        for (index, field) in fields.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            DriverJSON.appendQuoted(field.name, to: &text)
            text.append(UInt8(ascii: ":"))
            appendField(field, to: &text)
        }
        text.append(UInt8(ascii: "}"))
    }

    private mutating func appendField(_ node: Node, to text: inout [UInt8]) {
        guard !node.leaves.isEmpty else { return text.append(utf8: "{}") }
        switch node.repetition {
        case .required: appendContent(node, to: &text)
        case .optional:
            if definition(node) < node.definition {
                skip(node)
                text.append(utf8: "null")
            } else {
                appendContent(node, to: &text)
            }
        case .repeated: appendElements(of: node, to: &text) { $0.appendContent(node, to: &$1) }
        }
    }

    private mutating func appendContent(_ node: Node, to text: inout [UInt8]) {
        switch node.kind {
        case .leaf: cursors[node.leaves.lowerBound].appendValue(to: &text)
        case .group: appendObject(node.children, to: &text)
        case .list(let element): appendElements(of: node.children[0], to: &text) { $0.appendElement(element, &$1) }
        case .map:
            let entry = node.children[0]
            appendElements(of: entry, to: &text) { reader, text in
                text.append(UInt8(ascii: "["))
                for (index, child) in entry.children.enumerated() {
                    if index > 0 { text.append(UInt8(ascii: ",")) }
                    reader.appendField(child, to: &text)
                }
                text.append(UInt8(ascii: "]"))
            }
        }
    }

    private mutating func appendElement(_ element: Node.Element, _ text: inout [UInt8]) {
        switch element {
        case .itself(let node): appendContent(node, to: &text)
        case .child(let node): appendField(node, to: &text)
        }
    }

    /// The elements of a repeated field, none when its definition level says so.
    private mutating func appendElements(
        of repeated: Node, to text: inout [UInt8], element: (inout RecordReader, inout [UInt8]) -> Void
    ) {
        text.append(UInt8(ascii: "["))
        if definition(repeated) < repeated.definition {
            skip(repeated)
        } else {
            element(&self, &text)
            while cursors[repeated.leaves.lowerBound].continues(at: repeated.repetitionLevel) {
                text.append(UInt8(ascii: ","))
                element(&self, &text)
            }
        }
        text.append(UInt8(ascii: "]"))
    }

    private func definition(_ node: Node) -> UInt8 { cursors[node.leaves.lowerBound].definition }

    private mutating func skip(_ node: Node) {
        for leaf in node.leaves { cursors[leaf].advance(hasValue: false) }
    }
}

/// A field of the schema with its levels and what it stands for.
final class Node {
    enum Element {
        /// The repeated field is the element.
        case itself(Node)
        /// The repeated field only wraps the element.
        case child(Node)
    }

    enum Kind {
        case leaf
        case group
        case list(Element)
        case map
    }

    let name: String
    let repetition: Repetition
    /// The definition level at which the field is there.
    let definition: UInt8
    let repetitionLevel: UInt8
    let leaves: Range<Int>
    let children: [Node]
    let kind: Kind

    init(_ node: SchemaNode, leaf: inout Int, definition: UInt8, repetition: UInt8) {
        name = node.name
        self.repetition = node.repetition
        self.definition = definition + (node.repetition == .required ? 0 : 1)
        repetitionLevel = repetition + (node.repetition == .repeated ? 1 : 0)
        let first = leaf
        switch node.content {
        case .primitive:
            leaf += 1
            children = []
            kind = .leaf
        case .group(let fields):
            var children: [Node] = []
            for field in fields {
                children.append(
                    Node(field, leaf: &leaf, definition: self.definition, repetition: repetitionLevel))
            }
            self.children = children
            kind = Self.kind(node, children)
        }
        leaves = first..<leaf
    }

    /// The backward compatibility rules of LogicalTypes.md, "Lists" and "Maps".
    private static func kind(_ node: SchemaNode, _ children: [Node]) -> Kind {
        guard children.count == 1, let child = children.first, child.repetition == .repeated else { return .group }
        switch node.logicalType {
        case .list:
            guard case .leaf = child.kind else {
                let isElement =
                    child.children.count != 1 || child.name == "array" || child.name == "\(node.name)_tuple"
                    || child.children.first?.repetition == .repeated
                if isElement { return .list(.itself(child)) }
                return child.children.first.map { .list(.child($0)) } ?? .group
            }
            return .list(.itself(child))
        case .map, .mapKeyValue:
            return (1...2).contains(child.children.count) ? .map : .group
        default: return .group
        }
    }
}

/// The place in one column that is read next.
private struct Cursor {
    private let column: LeafColumn
    private let text: ValueText
    private var level = 0
    private var value = 0

    init(_ leaf: SchemaLeaf, _ column: LeafColumn) {
        self.column = column
        text = ValueText(leaf, column.values)
    }

    var definition: UInt8 {
        column.definitionLevels.isEmpty ? column.maxDefinitionLevel : column.definitionLevels[level]
    }

    /// Whether the next entry repeats a field of this repetition level in the same record.
    func continues(at repetition: UInt8) -> Bool {
        level < column.repetitionLevels.count && column.repetitionLevels[level] >= repetition
    }

    mutating func advance(hasValue: Bool) {
        level += 1
        if hasValue { value += 1 }
    }

    mutating func appendValue(to text: inout [UInt8]) {
        self.text.append(value, to: &text)
        advance(hasValue: true)
    }
}
