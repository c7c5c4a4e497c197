import IcebergSpec
import JSONFormat
import ParquetFormat

/// What the columns of a file are taken for that has no field ids, in a table without a name mapping.
public enum UnidentifiedColumns: Hashable, Sendable {
    /// For none of the table's: rows have partition values, defaults and nulls (specification: "Column Projection").
    case absent
    /// The first for the field with id 1 and so on, as Iceberg's Java library does; fields within them by name. Right
    /// only for files from before any change of the schema.
    case byPosition
}

/// Finds the fields of a table's schema in a file, by id (specification: "Column Projection").
///
/// Names and order do not matter: a renamed column is found, a dropped and added one is not mistaken for the old one.
/// A field that the file does not have is the value of its identity partition, else its initial default, else null.
struct SchemaResolver {
    private let fields: [ParquetField]
    private let partitionValues: [Int: Datum?]
    /// Columns are found by position, fields within them by name.
    private let matchesNames: Bool

    /// - Parameter partitionValues: the values of identity partition fields of the file, by source field id.
    init(
        _ schema: ParquetSchema, names: NameMapping?, partitionValues: [Int: Datum?] = [:],
        unidentified: UnidentifiedColumns = .absent
    ) {
        var fields = ParquetField.fields(of: schema)
        matchesNames = unidentified == .byPosition && names == nil && !fields.contains { $0.hasIDs }
        if let names {
            fields = fields.map { names.naming($0) }
        } else if matchesNames {
            for index in fields.indices { fields[index].id = index + 1 }
        }
        self.fields = fields
        self.partitionValues = partitionValues
    }

    /// How the given columns of a table are read from the file, in their order.
    ///
    /// - Throws: `.malformed` for a stored type that cannot be read as the table's, and for a required field that is
    ///   missing without a default; `.unsupported` for shredded variants.
    func readers(for wanted: [NestedField]) throws(DataError) -> [FieldReader] {
        try readers(for: wanted, among: fields, matchingNames: false)
    }

    private func readers(
        for wanted: [NestedField], among stored: [ParquetField], matchingNames: Bool
    ) throws(DataError) -> [FieldReader] {
        var byID: [Int: Int] = [:]
        var byName: [String: Int] = [:]
        for (index, field) in stored.enumerated() {
            if let id = field.id, byID[id] == nil { byID[id] = index }
            if matchingNames, byName[field.name] == nil { byName[field.name] = index }
        }
        var readers: [FieldReader] = []
        for field in wanted {
            let index = matchingNames ? byName[field.name] : byID[field.id]
            readers.append(FieldReader(field: field, source: try source(of: field, in: index.map { stored[$0] })))
        }
        return readers
    }

    private func source(of field: NestedField, in stored: ParquetField?) throws(DataError) -> FieldReader.Source {
        guard let stored, field.type != .unknown else { return try missing(field) }
        do throws(DataError) {
            switch (field.type, stored.kind) {
            case (.variant, .structure(let fields)): return try variant(stored, fields)
            case (.structure(let wanted), .structure(let fields)):
                let readers = try readers(for: wanted, among: fields, matchingNames: matchesNames)
                return .structure(stored.levels, reference: try reference(readers, stored), fields: readers)
            case (.list(let list), .list(let element)):
                let reader = try nested(list.elementField, element)
                return .list(
                    stored.levels, reference: try reference([reader], stored), inner: element.levels, element: reader)
            case (.map(let map), .map(let key, let value)):
                let readers = [try nested(map.keyField, key), try nested(map.valueField, value)]
                return .map(
                    stored.levels, reference: try reference(readers, stored), inner: key.levels, key: readers[0],
                    value: readers[1])
            case (_, .leaf(let leaf)) where field.type.isPrimitive:
                return .leaf(leaf, stored.levels, try LeafConversion(leaf, to: field.type))
            default:
                throw DataError(.malformed, at: "", "stored as another kind of column than \(field.type)")
            }
        } catch {
            throw error.place.hasPrefix("column ") ? error : error.within("column \(field.name)")
        }
    }

    /// The element of a list, the key or value of a map: there is only one it can be, but its id has to be right.
    private func nested(_ field: NestedField, _ stored: ParquetField?) throws(DataError) -> FieldReader {
        let isIt = stored.map { matchesNames || $0.id == nil || $0.id == field.id } ?? false
        return FieldReader(field: field, source: try source(of: field, in: isIt ? stored : nil))
    }

    private func missing(_ field: NestedField) throws(DataError) -> FieldReader.Source {
        if let value = partitionValues[field.id] { return .partition(value) }
        let hasDefault = field.initialDefault.map { !$0.isNull } ?? false
        guard !field.required || hasDefault || field.type == .unknown else {
            throw DataError(
                .malformed, at: "column \(field.name)",
                "the field \(field.id) is required and has no default, but the file does not have it")
        }
        return .initialDefault(field.initialDefault)
    }

    private func variant(_ stored: ParquetField, _ fields: [ParquetField]) throws(DataError) -> FieldReader.Source {
        guard !fields.contains(where: { $0.name == "typed_value" }) else {
            throw DataError(.unsupported, at: "", "shredded variants are not read")
        }
        let parts = ["metadata", "value"].compactMap { name -> SchemaLeaf? in
            guard case .leaf(let leaf) = fields.first(where: { $0.name == name })?.kind,
                leaf.physicalType == .byteArray
            else { return nil }
            return leaf
        }
        guard parts.count == 2 else {
            throw DataError(.malformed, at: "", "a variant is a group of the binaries metadata and value")
        }
        return .variant(stored.levels, metadata: parts[0], value: parts[1])
    }

    /// The leaf that tells where a group is null: one that is read anyway, if any.
    private func reference(_ readers: [FieldReader], _ stored: ParquetField) throws(DataError) -> Int {
        let read = readers.reduce(into: Set<Int>()) { $0.formUnion($1.leaves) }
        guard let leaf = read.min() ?? stored.leaves.first else {
            throw DataError(.unsupported, at: "", "a group without columns is not read")
        }
        return leaf
    }
}

extension NameMapping {
    /// The field with ids where the file has none, by the names this mapping has for its fields.
    fileprivate func naming(_ field: ParquetField) -> ParquetField { Self.name(field, field.name, fields) }

    private static func name(_ field: ParquetField, _ name: String, _ mapped: [NameMapping.Field]) -> ParquetField {
        var result = field
        let entry = mapped.first { $0.names.contains(name) }
        if result.id == nil { result.id = entry?.fieldID }
        let inner = entry?.fields ?? []
        switch field.kind {
        case .leaf: break
        case .structure(let fields): result.kind = .structure(fields.map { Self.name($0, $0.name, inner) })
        case .list(let element): result.kind = .list(element: Self.name(element, "element", inner))
        case .map(let key, let value):
            result.kind = .map(key: Self.name(key, "key", inner), value: value.map { Self.name($0, "value", inner) })
        }
        return result
    }
}
