import AvroFormat
import IcebergSpec
import JSONFormat

/// `manifest`: the entries of a manifest as its writer put them (specification: "Manifests").
///
/// Numbers that are left to be inherited from the manifest list show as null. Schema and partition spec come from the
/// manifest's own metadata, so one file is enough; `--table` stands in where a writer left them out.
enum ManifestInspection {
    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        let limit = try invocation.count("--limit")
        let file = try AvroFileReader(try await invocation.file().bytes())
        guard ManifestField.has(ManifestField.dataFile, file) else {
            throw InspectError(
                .malformed, at: invocation.operands[0],
                "is no manifest: its records have no data_file; `manifest-list` and `avro` show others")
        }
        var table: InspectedTable?
        if let place = invocation.options["--table"] {
            table = try await InspectedTable(place, environment: invocation.environment)
        }
        let columns = ManifestColumns(file, table: table?.metadata)
        report["codec"] = .string(file.codec.rawValue)
        report["metadata"] = AvroInspection.metadata(of: file, without: ["schema", "iceberg.schema"])
        report["schema"] = columns.schema.map { SchemaRendering.fields(of: $0) } ?? .null
        report["partition spec"] = columns.spec.map { .string($0.rendered(columns.schema)) } ?? .null
        let rendering = AvroRendering { (field, decoder) throws(AvroError) in
            try columns.value(of: field, from: &decoder)
        }
        try AvroInspection.records(of: file, as: rendering, limit: limit, key: "entries", into: &report)
    }
}

/// What a manifest says of its columns: how partitions and bounds are to be read.
struct ManifestColumns: Sendable {
    let schema: Schema?
    let spec: PartitionSpec?

    /// Schema and spec are the table's where the manifest states none, or none that can be read; without either, values
    /// show as bytes.
    init(_ file: AvroFileReader, table: TableMetadata?) {
        schema =
            Self.read(file, "schema") { json throws(IcebergError) in try Schema(json: json) } ?? table?.currentSchema
        let id = file.text("partition-spec-id").flatMap { Int($0) } ?? 0
        let stated = Self.read(file, "partition-spec") { json throws(IcebergError) in
            json.array == nil ? try PartitionSpec(json: json) : try PartitionSpec(fieldsJSON: json, id: id)
        }
        spec = stated ?? table?.partitionSpec(id: id)
    }

    private static func read<Value>(
        _ file: AvroFileReader, _ key: String, _ body: (JSONValue) throws(IcebergError) -> Value
    ) -> Value? {
        guard let text = file.text(key) else { return nil }
        do {
            return try body(try JSONValue.parse(text))
        } catch {
            // Damaged metadata of a manifest whose entries can still be read.
            return nil
        }
    }

    func value(of field: AvroField, from decoder: inout AvroDecoder) throws(AvroError) -> JSONValue? {
        switch ManifestField.id(of: field) {
        case ManifestField.status:
            return .string(Self.name(["existing", "added", "deleted"], try decoder.readInt()))
        case ManifestField.content:
            return .string(Self.name(["data", "position deletes", "equality deletes"], try decoder.readInt()))
        case ManifestField.partition: return try partition(field.type, from: &decoder)
        case ManifestField.dataFile:
            guard let file = try AvroRendering(special: special).value(of: field.type, from: &decoder).object else {
                return .null
            }
            return .object(ManifestColumnTable.merging(file, schema))
        default: return nil
        }
    }

    private static func name(_ names: [String], _ number: Int32) -> String {
        names.indices.contains(Int(number)) ? names[Int(number)] : "unknown: \(number)"
    }

    private var special: AvroRendering.Special {
        { (field, decoder) throws(AvroError) in
            let id = ManifestField.id(of: field)
            if ManifestField.counts.contains(id) || ManifestField.bounds.contains(id) {
                return try perColumn(field.type, isBound: ManifestField.bounds.contains(id), from: &decoder)
            }
            return try value(of: field, from: &decoder)
        }
    }

    /// A map from column ids, which Avro writes as a list of pairs.
    private func perColumn(
        _ type: AvroSchema, isBound: Bool, from decoder: inout AvroDecoder
    ) throws(AvroError) -> JSONValue? {
        guard case .array(let array) = type, case .record(let pair) = array.element.nonNull, pair.fields.count == 2
        else { return nil }
        var members: [JSONObject.Member] = []
        try AvroRendering.items(of: array.element, isMap: false, from: &decoder) { (_, decoder) throws(AvroError) in
            // Some writers make items, keys and values optional.
            guard try AvroRendering.branch(of: array.element, from: &decoder) != .null else { return }
            let key = try AvroRendering().value(of: pair.fields[0].type, from: &decoder)
            let field = key.integer.flatMap { Int(exactly: $0) }.flatMap { schema?.field(id: $0) }
            let type = try AvroRendering.branch(of: pair.fields[1].type, from: &decoder)
            let value: JSONValue
            if isBound, case .bytes = type {
                value = Datum.rendered(bound: try decoder.readBytes(), as: field?.type)
            } else {
                value = try AvroRendering().value(of: type, from: &decoder)
            }
            members.append(.init(key: key.serializedString(), value: value))
        }
        return .object(JSONObject(members))
    }

    private func partition(_ type: AvroSchema, from decoder: inout AvroDecoder) throws(AvroError) -> JSONValue? {
        guard case .record(let record) = type else { return nil }
        var members: [JSONObject.Member] = []
        for (index, field) in record.fields.enumerated() {
            var value = try AvroRendering().value(of: field.type, from: &decoder)
            let known = spec?.fields.first { Int32(exactly: $0.fieldID) == field.fieldID }
            let transform = (known ?? spec.flatMap { $0.fields.indices.contains(index) ? $0.fields[index] : nil })?
                .transform
            if let number = value.integer.flatMap({ Int32(exactly: $0) }), let transform {
                value = transform.rendered(.int(number))
            }
            members.append(.init(key: field.name, value: value))
        }
        return .object(JSONObject(members))
    }
}
