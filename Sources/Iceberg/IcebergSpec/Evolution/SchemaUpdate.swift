import JSONFormat

/// Changes of a table's columns, one after the other, that keep every file readable (specification: "Schema
/// Evolution").
///
/// Columns are named as they are at that point: `extensions.key`, `items.element.price`. Every change throws `.invalid`
/// when the column is not there, the name is taken, or files could not be read any more; the update is then as before.
/// Commit it with `TableChange.schema` of IcebergTable.
public struct SchemaUpdate: Sendable {
    let base: Schema
    let formatVersion: Int
    let ignoringCase: Bool
    var fields: [NestedField]
    private var identifierFieldIDs: Set<Int>
    /// The highest id ever given to a column of the table.
    public private(set) var lastColumnID: Int

    /// - Parameters:
    ///   - lastColumnID: of the table; new columns get ids above it.
    ///   - ignoringCase: find columns whatever the case of their names, and refuse names that differ in case alone.
    public init(_ schema: Schema, lastColumnID: Int, formatVersion: Int, ignoringCase: Bool = false) {
        base = schema
        self.formatVersion = formatVersion
        self.ignoringCase = ignoringCase
        fields = schema.fields
        identifierFieldIDs = Set(schema.identifierFieldIDs)
        self.lastColumnID = max(lastColumnID, schema.highestFieldID)
    }

    public init(_ metadata: TableMetadata, ignoringCase: Bool = false) {
        self.init(
            metadata.currentSchema, lastColumnID: metadata.lastColumnID, formatVersion: metadata.formatVersion,
            ignoringCase: ignoringCase)
    }

    /// The changed schema, for the updates `add-schema` and `set-current-schema`.
    ///
    /// - Throws: `.invalid` when an identifier column is gone or no longer fits, or the format version lacks a type.
    public func schema() throws(IcebergError) -> Schema {
        let schema = try Schema(
            id: base.schemaID, fields: fields, identifierFieldIDs: identifierFieldIDs.sorted())
        try schema.checkFormatVersion(formatVersion)
        return schema
    }

    /// The changed schema as a commit; with it the name mapping, where the table has one. Empty when nothing changed.
    public func updates(of metadata: TableMetadata) throws(IcebergError) -> [TableUpdate] {
        let schema = try schema()
        guard !schema.hasSameColumns(as: base) else { return [] }
        let updates: [TableUpdate] = [.addSchema(schema), .setCurrentSchema(id: -1)]
        guard let mapping = try metadata.nameMapping() else { return updates }
        return updates + [.setProperties([NameMapping.property: mapping.updated(from: base, to: schema).text])]
    }
}

extension SchemaUpdate {
    /// Adds a column, last in the table or in a struct. Ids within its type are replaced by new ones.
    ///
    /// - Parameters:
    ///   - parent: a struct, a list of structs or a map with structs as values; nil for the table.
    ///   - initialDefault: what rows written before have, as JSON single value; needed for a required column, unless
    ///     its struct is new as well. It is the write default, too.
    public mutating func add(
        _ name: String, _ type: IcebergType, in parent: String? = nil, required: Bool = false, doc: String? = nil,
        initialDefault: JSONValue? = nil
    ) throws(IcebergError) {
        let parentID = try parent.map { name throws(IcebergError) in try structure(name) }
        try checkFree(name, among: parentID, except: nil)
        let isNew = parentID.map { base.field(id: $0) == nil } ?? false
        guard !required || isNew || !(initialDefault?.isNull ?? true) else {
            throw IcebergError(
                .invalid, "the new column \"\(name.prefix(200))\" is required and has no initial default")
        }
        var last = lastColumnID + 1
        let id = last
        let type = FreshIDs.assign(type) { _ in
            last += 1
            return last
        }
        let field = NestedField(
            id: id, name: name, required: required, type: type, doc: doc,
            initialDefault: initialDefault, writeDefault: initialDefault)
        try Self.checkTypes(field, formatVersion)
        lastColumnID = last
        if let parentID {
            change(parentID) { $0.type = $0.type.appending(field) }
        } else {
            fields.append(field)
        }
    }

    /// Drops a column and all within it.
    ///
    /// - Throws: for identifier columns and for parts of lists and maps.
    public mutating func drop(_ name: String) throws(IcebergError) {
        let field = try self.field(name)
        try checkIsStructField(field)
        let schema = try current()
        let gone = schema.fieldsByID.keys.filter { $0 == field.id || Self.isWithin($0, field.id, schema) }
        guard identifierFieldIDs.isDisjoint(with: gone) else {
            throw IcebergError(
                .invalid, "\"\(name.prefix(200))\" is or holds an identifier column and cannot be dropped")
        }
        fields = fields.editing { $0.id == field.id ? nil : $0 }
    }

    /// Renames a column, which keeps its id: files are read as before.
    public mutating func rename(_ name: String, to newName: String) throws(IcebergError) {
        let field = try self.field(name)
        try checkIsStructField(field)
        guard field.name != newName else { return }
        try checkFree(newName, among: try current().parentID(of: field.id), except: field.id)
        change(field.id) { $0.name = newName }
    }

    /// Widens the type of a column: `int` to `long`, `decimal(9, 2)` to `decimal(18, 2)`, … `unknown` can become any
    /// type; ids within it are replaced by new ones.
    public mutating func promote(_ name: String, to type: IcebergType) throws(IcebergError) {
        let field = try self.field(name)
        guard Schema.canPromote(field.type, to: type, formatVersion: formatVersion) else {
            throw IcebergError(
                .invalid,
                "\"\(name.prefix(200))\" cannot change from \(field.type) to \(type) in format version "
                    + "\(formatVersion)")
        }
        try checkIsNoKey(field)
        let fresh = FreshIDs.assign(type) { _ in
            lastColumnID += 1
            return lastColumnID
        }
        change(field.id) { $0.type = fresh }
    }

    /// Lets a column hold nulls. Not one that identifies a row.
    public mutating func makeOptional(_ name: String) throws(IcebergError) {
        let field = try self.field(name)
        guard !identifierFieldIDs.contains(field.id) else {
            throw IcebergError(.invalid, "\"\(name.prefix(200))\" is an identifier column and cannot be optional")
        }
        try checkIsNoKey(field)
        change(field.id) { $0.required = false }
    }

    /// Makes a column required. Only one that is new in this update, or has an initial default, is certain to hold no
    /// null.
    public mutating func makeRequired(_ name: String) throws(IcebergError) {
        let field = try self.field(name)
        guard field.required || base.field(id: field.id) == nil || !(field.initialDefault?.isNull ?? true) else {
            throw IcebergError(.invalid, "\"\(name.prefix(200))\" may hold nulls and cannot become required")
        }
        change(field.id) { $0.required = true }
    }

    /// Sets or removes what is said of a column.
    public mutating func setDoc(_ name: String, _ doc: String?) throws(IcebergError) {
        let field = try self.field(name)
        try checkIsStructField(field)
        change(field.id) { $0.doc = doc }
    }

    /// Changes what later rows have whose writer gives no value. The initial default never changes.
    public mutating func setWriteDefault(_ name: String, _ value: JSONValue?) throws(IcebergError) {
        let field = try self.field(name)
        try checkIsStructField(field)
        if let value, !value.isNull {
            try field.type.checkDefault(JSONReader(value))
        } else if field.required, !(field.writeDefault?.isNull ?? true) {
            throw IcebergError(.invalid, "\"\(name.prefix(200))\" is required and keeps a default that is not null")
        }
        change(field.id) { $0.writeDefault = value }
    }

    /// Sets the columns that identify a row; none removes them.
    public mutating func setIdentifierFields(_ names: [String]) throws(IcebergError) {
        var ids: Set<Int> = []
        for name in names { ids.insert(try field(name).id) }
        _ = try Schema(fields: fields, identifierFieldIDs: ids.sorted())
        identifierFieldIDs = ids
    }

    public enum Position: Hashable, Sendable {
        case first
        /// Full name of a column of the same struct.
        case before(String)
        case after(String)
    }

    /// Moves a column within its struct.
    public mutating func move(_ name: String, _ position: Position) throws(IcebergError) {
        let moved = try field(name)
        try checkIsStructField(moved)
        let parent = try current().parentID(of: moved.id)
        var anchor: Int?
        switch position {
        case .first: anchor = nil
        case .before(let other), .after(let other):
            let field = try self.field(other)
            guard try current().parentID(of: field.id) == parent, field.id != moved.id else {
                throw IcebergError(
                    .invalid,
                    "\"\(name.prefix(200))\" cannot be moved next to \"\(other.prefix(200))\": it can only be "
                        + "moved among the fields of its own struct")
            }
            anchor = field.id
        }
        func reorder(_ fields: [NestedField]) -> [NestedField] {
            var rest = fields.filter { $0.id != moved.id }
            var index = anchor.flatMap { id in rest.firstIndex { $0.id == id } } ?? 0
            if case .after = position { index += 1 }
            rest.insert(moved, at: index)
            return rest
        }
        if let parent {
            change(parent) { $0.type = $0.type.mappingStructure(reorder) }
        } else {
            fields = reorder(fields)
        }
    }
}
