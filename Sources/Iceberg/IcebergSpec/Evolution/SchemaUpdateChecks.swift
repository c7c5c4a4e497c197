/// Finding the columns of an update, and what forbids a change.
extension SchemaUpdate {
    func current() throws(IcebergError) -> Schema { try Schema(fields: fields) }

    func field(_ name: String) throws(IcebergError) -> NestedField {
        let schema = try current()
        let found = ignoringCase ? schema.field(namedIgnoringCase: name) : schema.field(named: name)
        guard let found else { throw IcebergError(.invalid, "there is no column \"\(name.prefix(200))\"") }
        return found
    }

    /// Id of the struct that a column is added to.
    func structure(_ name: String) throws(IcebergError) -> Int {
        let field = try self.field(name)
        let id: Int
        switch field.type {
        case .list(let list): id = list.elementID
        case .map(let map): id = map.valueID
        default: id = field.id
        }
        guard case .structure? = try current().field(id: id)?.type else {
            throw IcebergError(.invalid, "\"\(name.prefix(200))\" is no struct that a column could be added to")
        }
        return id
    }

    static func isWithin(_ id: Int, _ ancestor: Int, _ schema: Schema) -> Bool {
        var parent = schema.parentID(of: id)
        while let above = parent {
            if above == ancestor { return true }
            parent = schema.parentID(of: above)
        }
        return false
    }

    func checkIsStructField(_ field: NestedField) throws(IcebergError) {
        let schema = try current()
        guard let parent = schema.parentID(of: field.id), schema.field(id: parent)?.type.isRepeated == true else {
            return
        }
        throw IcebergError(
            .invalid, "\"\(schema.fullName(id: field.id) ?? field.name)\" is part of a list or map, not of a struct")
    }

    func checkIsNoKey(_ field: NestedField) throws(IcebergError) {
        let schema = try current()
        guard let parent = schema.parentID(of: field.id), case .map(let map)? = schema.field(id: parent)?.type,
            map.keyID == field.id
        else { return }
        throw IcebergError(.invalid, "the keys of a map cannot change: \"\(schema.fullName(id: field.id) ?? "")\"")
    }

    func checkFree(_ name: String, among parent: Int?, except id: Int?) throws(IcebergError) {
        guard !name.isEmpty, name.utf8.count <= Limits.nameBytesMax else {
            throw IcebergError(.invalid, "a column needs a name of 1 to \(Limits.nameBytesMax) bytes")
        }
        let siblings =
            try parent.map { id throws(IcebergError) in
                try current().field(id: id)?.type.children ?? []
            } ?? fields
        let taken = siblings.first { other in
            other.id != id
                && (other.name == name || ignoringCase && other.name.lowercased() == name.lowercased())
        }
        if let taken {
            throw IcebergError(
                .invalid,
                "there is a column \"\(taken.name.prefix(200))\" already, \"\(name.prefix(200))\" cannot be "
                    + "another")
        }
    }

    static func checkTypes(_ field: NestedField, _ formatVersion: Int) throws(IcebergError) {
        try Schema(fields: [field]).checkFormatVersion(formatVersion)
    }

    mutating func change(_ id: Int, _ body: (inout NestedField) -> Void) {
        fields = fields.editing { field in
            guard field.id == id else { return field }
            var changed = field
            body(&changed)
            return changed
        }
    }
}

extension [NestedField] {
    /// The same fields with `edit` done on each at every depth, outer ones first; nil drops one.
    func editing(_ edit: (NestedField) -> NestedField?) -> [NestedField] {
        compactMap { field in
            guard var changed = edit(field) else { return nil }
            changed.type = changed.type.editing(edit)
            return changed
        }
    }
}

extension IcebergType {
    fileprivate func editing(_ edit: (NestedField) -> NestedField?) -> IcebergType {
        switch self {
        case .structure(let fields): return .structure(fields.editing(edit))
        case .list(let list):
            guard let element = [list.elementField].editing(edit).first else { return self }
            return .list(elementID: list.elementID, element.type, elementRequired: element.required)
        case .map(let map):
            guard let key = [map.keyField].editing(edit).first, let value = [map.valueField].editing(edit).first else {
                return self
            }
            return .map(keyID: map.keyID, key.type, valueID: map.valueID, value.type, valueRequired: value.required)
        default: return self
        }
    }

    func appending(_ field: NestedField) -> IcebergType { mappingStructure { $0 + [field] } }

    func mappingStructure(_ body: ([NestedField]) -> [NestedField]) -> IcebergType {
        if case .structure(let fields) = self { .structure(body(fields)) } else { self }
    }
}
