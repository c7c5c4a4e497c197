import AvroFormat
import Bytes
import IcebergSpec
import JSONFormat

/// `manifest-list`: the manifests of a snapshot as their list describes them (specification: "Manifest Lists").
enum ManifestListInspection {
    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        guard let (file, table) = try await open(invocation, &report) else { return }
        report["codec"] = .string(file.codec.rawValue)
        report["metadata"] = AvroInspection.metadata(of: file, without: ["iceberg.schema"])
        defer { if let found = report["manifests"]?.array { report["manifests"] = rendered(found, table) } }
        try AvroInspection.records(
            of: file, as: AvroRendering(special: special), limit: nil, key: "manifests", into: &report)
    }

    /// The list itself, or that of a snapshot of a table. A list alone does not say what its bounds are.
    ///
    /// - Returns: nil when the manifests stand in the metadata file, as in old version 1 tables; they are reported then.
    private static func open(
        _ invocation: Invocation, _ report: inout JSONObject
    ) async throws -> (AvroFileReader, InspectedTable?)? {
        let location = invocation.operands[0]
        if location.hasSuffix(".avro") {
            var table: InspectedTable?
            if let place = invocation.options["--table"] {
                table = try await InspectedTable(place, environment: invocation.environment)
            }
            let file = try AvroFileReader(try await invocation.file().bytes())
            guard ManifestField.has(ManifestField.manifestPath, file) else {
                throw InspectError(
                    .malformed, at: location,
                    "is no manifest list: its records have no manifest_path; `manifest` and `avro` show others")
            }
            return (file, table)
        }
        let table = try await InspectedTable(location, environment: invocation.environment)
        let snapshot = try table.snapshot(named: invocation.options["--snapshot"])
        guard let list = snapshot.manifestList else {
            let paths = snapshot.manifests ?? []
            report["manifests"] = .array(paths.map { ["manifest_path": .string($0)] })
            return nil
        }
        return (try AvroFileReader(try await table.bytes(of: list)), table)
    }

    private static let special: AvroRendering.Special = { (field, decoder) throws(AvroError) in
        switch (field.fieldID, field.name) {
        case (517, _), (nil, "content"):
            let number = Int64(try decoder.readInt())
            return number == 0 ? "data" : number == 1 ? "deletes" : .integer(number)
        case (510, _), (511, _), (nil, "lower_bound"), (nil, "upper_bound"):
            guard case .bytes = field.type else { return nil }
            return .string(Hexadecimal.encode(try decoder.readBytes()))
        default: return nil
        }
    }

    /// The same, with the bounds of the partitions as values of their spec, in one line for each manifest.
    private static func rendered(_ manifests: [JSONValue], _ table: InspectedTable?) -> JSONValue {
        .array(
            manifests.map { manifest in
                guard var object = manifest.object else { return manifest }
                let spec = object["partition_spec_id"]?.integer.flatMap { Int(exactly: $0) }
                    .flatMap { table?.metadata.partitionSpec(id: $0) }
                let types = spec.flatMap { table?.metadata.partitionTypes(of: $0) } ?? []
                if let summaries = object["partitions"]?.array {
                    object["partitions"] = .array(
                        summaries.enumerated().map { index, summary in
                            let isKnown = types.indices.contains(index)
                            return rendered(
                                summary, isKnown ? spec?.fields[index] : nil, isKnown ? types[index] : nil)
                        })
                }
                return .object(object)
            })
    }

    private static func rendered(_ summary: JSONValue, _ field: PartitionField?, _ type: IcebergType?) -> JSONValue {
        guard var object = summary.object else { return summary }
        for key in ["lower_bound", "upper_bound"] {
            guard let bytes = object[key]?.string.flatMap({ Hexadecimal.decode($0) }) else { continue }
            object[key] = bound(bytes, field, type)
        }
        guard let field else { return .object(object) }
        return .object(JSONObject([.init(key: "field", value: .string(field.name))] + object.members))
    }

    private static func bound(_ bytes: [UInt8], _ field: PartitionField?, _ type: IcebergType?) -> JSONValue {
        guard let field, let type else { return BytesRendering.describe(bytes) }
        do {
            return field.transform.rendered(try Datum(singleValueBinary: bytes, type: type))
        } catch {
            return BytesRendering.describe(bytes)
        }
    }
}
