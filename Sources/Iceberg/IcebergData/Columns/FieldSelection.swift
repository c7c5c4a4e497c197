import IcebergSpec

extension Schema {
    /// The fields from a column of the table down to the field with this id, whose structs hold only what leads there;
    /// below a list or map, the list or map as a whole. Nil for an id the schema does not have.
    func path(to id: Int) -> NestedField? {
        guard var field = field(id: id) else { return nil }
        var current = id
        while let parentID = parentID(of: current), var parent = self.field(id: parentID) {
            if case .structure = parent.type { parent.type = .structure([field]) }
            field = parent
            current = parentID
        }
        return field
    }
}

extension [NestedField] {
    /// Adds a field, or what it has more than the field of the same id that is there.
    mutating func merge(_ field: NestedField) {
        guard let index = firstIndex(where: { $0.id == field.id }) else {
            append(field)
            return
        }
        guard case .structure(var fields) = self[index].type, case .structure(let others) = field.type else { return }
        for other in others { fields.merge(other) }
        self[index].type = .structure(fields)
    }
}
