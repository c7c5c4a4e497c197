import AvroFormat
import IcebergSpec
import JSONFormat

/// The field ids of manifests that are shown in a way of their own (specification: "Manifests").
enum ManifestField {
    static let status = 0
    static let dataFile = 2
    static let content = 134
    static let partition = 102
    /// By column: sizes, values, nulls, NaNs.
    static let counts = [108, 109, 110, 137]
    /// By column: lower and upper bounds.
    static let bounds = [125, 128]

    /// Of manifest lists.
    static let manifestPath = 500

    private static let idsByName = [
        "manifest_path": manifestPath, "status": status, "data_file": dataFile, "content": content,
        "partition": partition, "column_sizes": 108,
        "value_counts": 109, "null_value_counts": 110, "nan_value_counts": 137, "lower_bounds": 125,
        "upper_bounds": 128,
    ]

    /// The field's id; by its name where the writer gave none. -1 for one that is nothing special.
    static func id(of field: AvroField) -> Int { field.fieldID.map { Int($0) } ?? idsByName[field.name] ?? -1 }

    /// Whether the records of a file have the field: what tells manifests and their lists from each other.
    static func has(_ id: Int, _ file: AvroFileReader) -> Bool {
        guard case .record(let record) = file.schema else { return false }
        return record.fields.contains { self.id(of: $0) == id }
    }
}

/// The maps of a `data_file` by column, as one table with a row for each column.
enum ManifestColumnTable {
    private static let maps = [
        ("column_sizes", "size"), ("value_counts", "values"), ("null_value_counts", "nulls"),
        ("nan_value_counts", "nans"), ("lower_bounds", "lower"), ("upper_bounds", "upper"),
    ]

    /// The file with its maps replaced by `columns`.
    static func merging(_ file: JSONObject, _ schema: Schema?) -> JSONObject {
        var rows: [Int: JSONObject] = [:]
        var result = file
        for (map, title) in maps {
            guard let values = file[map]?.object else { continue }
            result[map] = nil
            for member in values.members {
                let id = Int(member.key) ?? -1
                rows[id, default: row(id, schema)][title] = member.value
            }
        }
        result["columns"] = .array(rows.sorted { $0.key < $1.key }.map { .object($0.value) })
        return result
    }

    private static func row(_ id: Int, _ schema: Schema?) -> JSONObject {
        JSONObject([
            .init(key: "id", value: JSONValue(id)), .init(key: "column", value: JSONValue(schema?.fullName(id: id))),
        ])
    }
}
