import AvroFormat

/// What the Avro schemas of manifests and manifest lists have wrong. `Manifest.decode` and `ManifestList.decode` read by
/// name where ids are missing; engines that go by the ids, as the specification has them do, find nothing in such a file.
public enum ManifestSchemaCheck {
    /// - Returns: one sentence for each fault; empty when every engine can read the list.
    /// - Throws: `.malformed` for what is no Avro file.
    public static func faults(ofList bytes: [UInt8], formatVersion: Int, path: String) throws(IcebergError) -> [String]
    {
        let schema = try schema(of: bytes, path)
        var required: [Int32] = [500, 501, 502, 503]
        if formatVersion >= 2 { required += [504, 505, 506, 512, 513, 514, 515, 516, 517] }
        var faults = faults(in: schema, ManifestSchema.listIDsByName, required: required)
        if case .array(let summaries)? = field(507, of: schema) {
            faults += self.faults(in: summaries.element.nonNull, ManifestSchema.listIDsByName, required: [509])
        }
        return faults
    }

    /// - Parameter spec: the partition spec that the manifest list names.
    public static func faults(
        ofManifest bytes: [UInt8], spec: PartitionSpec, formatVersion: Int, path: String
    ) throws(IcebergError) -> [String] {
        let avro: AvroFileReader
        do { avro = try AvroFileReader(bytes) } catch { throw IcebergError(error, in: path) }
        var faults = faults(in: avro.schema, ManifestSchema.idsByName, required: [0, 1, 2])
        if let file = field(2, of: avro.schema) {
            var required: [Int32] = [100, 101, 102, 103, 104]
            if formatVersion >= 2 { required.append(134) }
            faults += self.faults(in: file, ManifestSchema.idsByName, required: required)
            faults += maps(in: file)
            faults += partition(field(102, of: file), spec)
        }
        if let text = avro.text("partition-spec-id"), Int(text) != spec.specID {
            faults.append("it is of the partition spec \(text.prefix(20)), the list says \(spec.specID)")
        }
        return faults
    }

    private static func schema(of bytes: [UInt8], _ path: String) throws(IcebergError) -> AvroSchema {
        do { return try AvroFileReader(bytes).schema } catch { throw IcebergError(error, in: path) }
    }

    private static func field(_ id: Int32, of schema: AvroSchema) -> AvroSchema? {
        guard case .record(let record) = schema else { return nil }
        return record.fields.first { $0.fieldID == id }?.type.nonNull
    }

    private static func faults(
        in schema: AvroSchema, _ idsByName: [String: Int32], required: [Int32]
    ) -> [String] {
        guard case .record(let record) = schema else { return ["a record was expected"] }
        let nameless = record.fields.filter { $0.fieldID == nil }.map(\.name)
        guard nameless.isEmpty else { return ["no field-id for \(nameless.joined(separator: ", "))"] }
        var faults: [String] = []
        for field in record.fields {
            guard let known = idsByName[field.name], let id = field.fieldID, known != id else { continue }
            faults.append("\(field.name) has the field-id \(id), which is to be \(known)")
        }
        let ids = record.fields.compactMap(\.fieldID)
        if Set(ids).count != ids.count { faults.append("a field-id is given twice") }
        let missing = required.filter { !ids.contains($0) }
        if !missing.isEmpty { faults.append("no field with the id \(missing.map { "\($0)" }.joined(separator: ", "))") }
        return faults
    }

    /// Keys and values of the maps by column, and elements of the lists, have ids too.
    private static func maps(in file: AvroSchema) -> [String] {
        guard case .record(let record) = file else { return [] }
        var faults: [String] = []
        for field in record.fields {
            guard case .array(let array) = field.type.nonNull else { continue }
            if case .record(let pair) = array.element.nonNull {
                if pair.fields.contains(where: { $0.fieldID == nil }) {
                    faults.append("no field-id for the keys and values of \(field.name)")
                }
            } else if array.elementID == nil {
                faults.append("no element-id for \(field.name)")
            }
        }
        return faults
    }

    private static func partition(_ schema: AvroSchema?, _ spec: PartitionSpec) -> [String] {
        guard case .record(let record)? = schema else { return spec.fields.isEmpty ? [] : ["no partition record"] }
        let nameless = record.fields.filter { $0.fieldID == nil }.map(\.name)
        guard nameless.isEmpty else { return ["no field-id for the partition \(nameless.joined(separator: ", "))"] }
        let (found, expected) = (Set(record.fields.compactMap { $0.fieldID.map(Int.init) }), spec.fields.map(\.fieldID))
        guard found != Set(expected) else { return [] }
        return [
            "its partitions have the fields \(found.sorted()), those of spec \(spec.specID) are \(expected.sorted())"
        ]
    }
}
