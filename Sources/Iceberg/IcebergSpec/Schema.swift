import JSONFormat

/// The columns of a table, by id (specification: "Schemas and Data Types").
public struct Schema: Sendable {
    public let schemaID: Int
    public let fields: [NestedField]
    /// Ids of the fields that identify a row, sorted.
    public let identifierFieldIDs: [Int]
    private let index: SchemaIndex

    /// - Throws: `.invalid` for an id or full name given twice, an empty struct name, an identifier field that is
    ///   missing, optional, of a floating-point type or not primitive; `.limitExceeded`.
    public init(id: Int = 0, fields: [NestedField], identifierFieldIDs: [Int] = []) throws(IcebergError) {
        schemaID = id
        self.fields = fields
        self.identifierFieldIDs = Array(Set(identifierFieldIDs)).sorted()
        index = try SchemaIndex(fields)
        for id in self.identifierFieldIDs { try index.checkIdentifier(id) }
    }

    private init(id: Int, like other: Schema) {
        schemaID = id
        fields = other.fields
        identifierFieldIDs = other.identifierFieldIDs
        index = other.index
    }

    public func withID(_ id: Int) -> Schema { Schema(id: id, like: self) }

    /// The field with this id, at any depth. Constant time.
    public func field(id: Int) -> NestedField? { index.entries[id]?.field }

    /// The field with this full name: `extensions.key`, `items.element.price`; also without the `element` and
    /// `value` steps in front of a struct, as in `items.price`.
    public func field(named name: String) -> NestedField? { index.id(named: name).flatMap { field(id: $0) } }

    /// The same, ignoring the case of letters; nil also when several names match.
    public func field(namedIgnoringCase name: String) -> NestedField? {
        let wanted = name.lowercased()
        let found = index.entries.values.filter { $0.fullName.lowercased() == wanted }
        return found.count == 1 ? found.first?.field : nil
    }

    /// Ids by full names in lower case; names that differ in case alone have several.
    var idsByLowercasedName: [String: [Int]] {
        Dictionary(grouping: index.entries.keys) { index.entries[$0]?.fullName.lowercased() ?? "" }
    }

    public func fullName(id: Int) -> String? { index.entries[id]?.fullName }

    /// Id of the struct, list or map field that directly holds the field; nil for a column of the table.
    public func parentID(of id: Int) -> Int? { index.entries[id]?.parent }

    /// Full names and their ids, of all depths.
    public var idsByName: [String: Int] {
        Dictionary(uniqueKeysWithValues: index.entries.map { ($0.value.fullName, $0.key) })
    }

    /// Every field by id, of all depths.
    public var fieldsByID: [Int: NestedField] { index.entries.mapValues(\.field) }

    /// 0 for a schema without fields.
    public var highestFieldID: Int { index.entries.keys.max() ?? 0 }

    /// The first format version that has every type and feature used.
    public var minimumFormatVersion: Int {
        index.entries.values.reduce(1) { version, entry in
            let hasDefault = entry.field.initialDefault.map { !$0.isNull } ?? false
            return max(version, entry.field.type.minimumFormatVersion, hasDefault ? 3 : 1)
        }
    }

    /// Whether both describe the same columns: all but the schema's own id.
    public func hasSameColumns(as other: Schema) -> Bool {
        fields == other.fields && identifierFieldIDs == other.identifierFieldIDs
    }
}

extension Schema: Hashable {
    public static func == (left: Schema, right: Schema) -> Bool {
        left.schemaID == right.schemaID && left.hasSameColumns(as: right)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(schemaID)
        hasher.combine(fields)
    }
}

/// Where every field of a schema is.
private struct SchemaIndex: Sendable {
    struct Entry: Sendable {
        let field: NestedField
        let fullName: String
        let parent: Int?
        /// Whether it lies below a list or map, where there is not one value per row.
        let repeated: Bool
    }

    private(set) var entries: [Int: Entry] = [:]
    private var ids: [String: Int] = [:]
    private var shortIDs: [String: Int] = [:]

    init(_ fields: [NestedField]) throws(IcebergError) {
        for field in fields {
            try add(field, prefix: "", shortPrefix: "", parent: nil, repeated: false, depth: 1)
        }
    }

    func id(named name: String) -> Int? { ids[name] ?? shortIDs[name] }

    private mutating func add(
        _ field: NestedField, prefix: String, shortPrefix: String, parent: Int?, repeated: Bool, depth: Int
    ) throws(IcebergError) {
        let fullName = prefix + field.name
        guard depth <= Limits.typeDepthMax, entries.count < Limits.schemaFieldsMax else {
            throw IcebergError(
                .limitExceeded,
                "the schema is deeper than \(Limits.typeDepthMax) or has more than \(Limits.schemaFieldsMax) fields")
        }
        guard field.name.utf8.count <= Limits.nameBytesMax else {
            throw IcebergError(.limitExceeded, "a name is longer than \(Limits.nameBytesMax) bytes")
        }
        if let other = entries[field.id] {
            throw IcebergError(
                .invalid, "multiple fields for id \(field.id): \"\(other.fullName)\" and \"\(fullName)\"")
        }
        if ids[fullName] != nil {
            throw IcebergError(.invalid, "multiple fields for name \"\(fullName)\"")
        }
        entries[field.id] = Entry(field: field, fullName: fullName, parent: parent, repeated: repeated)
        ids[fullName] = field.id
        let shortName = shortPrefix + field.name
        if shortIDs[shortName] == nil { shortIDs[shortName] = field.id }
        let below = repeated || field.type.isRepeated
        for child in field.type.children {
            let skipped = field.type.isRepeated && child.type.isStructure && child.name != "key"
            if skipped {
                try addSkipping(child, of: field, fullName: fullName, shortName: shortName, depth: depth)
            } else {
                try add(
                    child, prefix: fullName + ".", shortPrefix: shortName + ".", parent: field.id, repeated: below,
                    depth: depth + 1)
            }
        }
    }

    /// A struct that is the element of a list or the value of a map: its fields also go by the shorter name.
    private mutating func addSkipping(
        _ child: NestedField, of field: NestedField, fullName: String, shortName: String, depth: Int
    ) throws(IcebergError) {
        let childName = fullName + "." + child.name
        var alone = child
        alone.type = .structure([])
        try add(
            alone, prefix: fullName + ".", shortPrefix: shortName + ".", parent: field.id, repeated: true,
            depth: depth + 1)
        entries[child.id] = Entry(field: child, fullName: childName, parent: field.id, repeated: true)
        for grandchild in child.type.children {
            try add(
                grandchild, prefix: childName + ".", shortPrefix: shortName + ".", parent: child.id, repeated: true,
                depth: depth + 2)
        }
    }

    func checkIdentifier(_ id: Int) throws(IcebergError) {
        guard let entry = entries[id] else {
            throw IcebergError(.invalid, "identifier field \(id) is not in the schema")
        }
        func refuse(_ why: String) -> IcebergError {
            IcebergError(.invalid, "\"\(entry.fullName)\" cannot be an identifier field: \(why)")
        }
        guard entry.field.type.isPrimitive else { throw refuse("it is not of a primitive type") }
        guard entry.field.type != .float, entry.field.type != .double else { throw refuse("it is floating-point") }
        guard entry.field.required else { throw refuse("it is optional") }
        guard !entry.repeated else { throw refuse("it lies within a list or map") }
        var parent = entry.parent
        while let id = parent, let above = entries[id] {
            guard above.field.required else { throw refuse("\"\(above.fullName)\" around it is optional") }
            parent = above.parent
        }
    }
}

extension IcebergType {
    var isRepeated: Bool {
        switch self {
        case .list, .map: true
        default: false
        }
    }

    var isStructure: Bool { if case .structure = self { true } else { false } }
}
