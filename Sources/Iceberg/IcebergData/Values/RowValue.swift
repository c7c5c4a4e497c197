import IcebergSpec
import JSONFormat

/// One value of any Iceberg type, nested ones included: what a row holds in a column.
///
/// For rows by the dozen; columns (`RowGroup` of ParquetFormat) are the form for many.
public indirect enum RowValue: Hashable, Sendable {
    case null
    case primitive(Datum)
    /// One value for each field of the type, in its order.
    case structure([RowValue])
    case list([RowValue])
    /// Keys and their values, in the order of the file.
    case map([Entry])

    public struct Entry: Hashable, Sendable {
        public var key: RowValue
        public var value: RowValue

        public init(key: RowValue, value: RowValue) {
            self.key = key
            self.value = value
        }
    }

    public var isNull: Bool { if case .null = self { true } else { false } }
}

/// How JSON names the fields of structs.
public enum FieldNaming: Sendable {
    /// By id, as the specification's single-value serialization does: `{"1": …}`.
    case ids
    /// By name: `{"price": …}`.
    case names
}

/// Specification: "Appendix D: Single-value serialization", JSON. Beyond it, NaN and the infinities, which JSON cannot
/// say, are the strings `NaN`, `Infinity` and `-Infinity`.
extension RowValue {
    /// Reads the JSON of a value. A field that a struct does not give gets its write default, or null.
    ///
    /// - Parameter place: what the value is of, for errors: `row 3, column items`.
    /// - Throws: `.invalid` when it is no value of the type, or gives a field the struct does not have.
    public init(
        json: JSONValue, type: IcebergType, naming: FieldNaming = .ids, at place: String
    ) throws(DataError) {
        guard !json.isNull else {
            self = .null
            return
        }
        switch type {
        case .structure(let fields):
            self = .structure(try Self.fields(json, fields, naming, place))
        case .list(let list):
            guard let elements = json.array else { throw Self.refuse(json, type, place) }
            var values: [RowValue] = []
            for element in elements {
                values.append(try RowValue(json: element, type: list.element, naming: naming, at: place + ".element"))
            }
            self = .list(values)
        case .map(let map): self = .map(try Self.entries(json, map, naming, place))
        default: self = .primitive(try Self.primitive(json, type, place))
        }
    }

    /// The values of a row, or of a struct, in the order of `fields`.
    ///
    /// - Throws: as `init(json:type:naming:at:)`.
    public static func fields(
        _ json: JSONValue, _ fields: [NestedField], _ naming: FieldNaming, _ place: String
    ) throws(DataError) -> [RowValue] {
        guard let object = json.object else { throw refuse(json, .structure(fields), place) }
        var given: [String: JSONValue] = [:]
        for member in object.members { given[member.key] = member.value }
        var values: [RowValue] = []
        for field in fields {
            let key = naming == .ids ? String(field.id) : field.name
            let value = given.removeValue(forKey: key)
            let fieldPlace = place.isEmpty ? field.name : "\(place).\(field.name)"
            if let value {
                values.append(try RowValue(json: value, type: field.type, naming: naming, at: fieldPlace))
            } else {
                values.append(try field.missingValue(at: fieldPlace))
            }
        }
        if let extra = given.keys.min() {
            throw DataError(.invalid, at: place, "there is no field \"\(extra.prefix(80))\"")
        }
        return values
    }

    private static func entries(
        _ json: JSONValue, _ map: MapType, _ naming: FieldNaming, _ place: String
    ) throws(DataError) -> [Entry] {
        guard let keys = json["keys"]?.array, let values = json["values"]?.array, keys.count == values.count else {
            throw DataError(.invalid, at: place, "a map is {\"keys\": […], \"values\": […]} with as many of both")
        }
        var entries: [Entry] = []
        for (key, value) in zip(keys, values) {
            let key = try RowValue(json: key, type: map.key, naming: naming, at: place + ".key")
            guard !key.isNull else { throw DataError(.invalid, at: place + ".key", "the key of a map is null") }
            entries.append(
                Entry(key: key, value: try RowValue(json: value, type: map.value, naming: naming, at: place + ".value"))
            )
        }
        return entries
    }

    private static func primitive(
        _ json: JSONValue, _ type: IcebergType, _ place: String
    ) throws(DataError) -> Datum {
        let special: Double? =
            switch json.string {
            case "NaN": .nan
            case "Infinity": .infinity
            case "-Infinity": -.infinity
            default: nil
            }
        switch (type, special) {
        case (.float, let value?): return .float(Float(value))
        case (.double, let value?): return .double(value)
        default: break
        }
        do {
            return try Datum(json: json, type: type)
        } catch {
            throw DataError(error).within(place)
        }
    }

    private static func refuse(_ json: JSONValue, _ type: IcebergType, _ place: String) -> DataError {
        let kind =
            switch type {
            case .structure: "struct"
            case .list: "list"
            case .map: "map"
            default: type.description
            }
        return DataError(.invalid, at: place, "\(json.serializedString().prefix(80)) is no value of type \(kind)")
    }

    /// The JSON of the value, as `init(json:type:naming:at:)` reads it.
    public func json(type: IcebergType, naming: FieldNaming = .ids) -> JSONValue {
        switch (self, type) {
        case (.structure(let values), .structure(let fields)):
            return .object(
                JSONObject(
                    zip(fields, values).map { field, value in
                        JSONObject.Member(
                            key: naming == .ids ? String(field.id) : field.name,
                            value: value.json(type: field.type, naming: naming))
                    }))
        case (.list(let values), .list(let list)):
            return .array(values.map { $0.json(type: list.element, naming: naming) })
        case (.map(let entries), .map(let map)):
            return [
                "keys": .array(entries.map { $0.key.json(type: map.key, naming: naming) }),
                "values": .array(entries.map { $0.value.json(type: map.value, naming: naming) }),
            ]
        case (.primitive(let datum), _): return Self.json(datum)
        default: return .null
        }
    }

    private static func json(_ datum: Datum) -> JSONValue {
        switch datum {
        case .float(let value) where !value.isFinite: special(Double(value))
        case .double(let value) where !value.isFinite: special(value)
        default: datum.json
        }
    }

    private static func special(_ value: Double) -> JSONValue {
        value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
    }
}

extension NestedField {
    /// What a row has in this column when its writer gives nothing: the write default (version 3), or null.
    func missingValue(at place: String) throws(DataError) -> RowValue {
        guard let json = writeDefault else { return .null }
        return try RowValue(json: json, type: type, at: place)
    }
}
