import JSONFormat

/// Specification: "Default values".
extension IcebergType {
    /// Checks that a default of a field of this type can be one, and is written in the form of JSON single values.
    ///
    /// A struct's default says only that it is not null: what its fields are, their own defaults say.
    func checkDefault(_ reader: JSONReader) throws(IcebergError) {
        switch self {
        case .unknown, .variant, .geometry, .geography:
            throw reader.fail("a field of type \(self) can have no default but null", code: .invalid)
        case .structure(let fields): try Self.checkStructure(fields, reader)
        case .list(let list):
            for element in try reader.elements() { try list.elementField.checkWithin(element) }
        case .map(let map):
            let keys = try reader.member("keys").elements()
            let values = try reader.member("values").elements()
            guard keys.count == values.count else {
                throw reader.fail("\(keys.count) keys but \(values.count) values")
            }
            for key in keys { try map.keyField.checkWithin(key) }
            for value in values { try map.valueField.checkWithin(value) }
        default: _ = try Datum(reader, type: self)
        }
    }

    /// Fields by their ids, as some writers give them; the specification wants none.
    private static func checkStructure(_ fields: [NestedField], _ reader: JSONReader) throws(IcebergError) {
        for member in try reader.members() {
            guard let field = fields.first(where: { String($0.id) == member.key }) else {
                throw member.value.fail("the struct has no field with this id")
            }
            try field.checkWithin(member.value)
        }
    }
}

extension NestedField {
    fileprivate func checkWithin(_ reader: JSONReader) throws(IcebergError) {
        guard !reader.value.isNull else {
            guard !required else { throw reader.fail("\"\(name)\" is required and cannot be null") }
            return
        }
        try type.checkDefault(reader)
    }
}
