import AvroFormat

/// The Avro schemas of manifests and manifest lists, with the field ids of the specification.
enum ManifestSchema {
    private static func required(_ name: String, _ id: Int32, _ type: AvroSchema) -> AvroField {
        AvroField(name, type, id: id)
    }

    private static func optional(_ name: String, _ id: Int32, _ type: AvroSchema) -> AvroField {
        AvroField(name, .optional(type), id: id)
    }

    /// A map with integer keys, which Avro's own maps cannot have: an array of key and value records.
    private static func map(key: Int32, value: Int32, _ type: AvroSchema) -> AvroSchema {
        let record = AvroRecordSchema(
            name: "k\(key)_v\(value)", fields: [required("key", key, .int(nil)), required("value", value, type)])
        return .array(AvroArraySchema(.record(record), isMap: true))
    }

    private static func list(element: Int32, _ type: AvroSchema) -> AvroSchema {
        .array(AvroArraySchema(type, elementID: element))
    }

    // MARK: Manifest lists

    static func manifestFile(formatVersion: Int) -> AvroSchema {
        let summary = AvroRecordSchema(
            name: "r508",
            fields: [
                required("contains_null", 509, .boolean), optional("contains_nan", 518, .boolean),
                optional("lower_bound", 510, .bytes(nil)), optional("upper_bound", 511, .bytes(nil)),
            ])
        var fields = [
            required("manifest_path", 500, .string(nil)), required("manifest_length", 501, .long(nil)),
            required("partition_spec_id", 502, .int(nil)), required("content", 517, .int(nil)),
            required("sequence_number", 515, .long(nil)), required("min_sequence_number", 516, .long(nil)),
            required("added_snapshot_id", 503, .long(nil)), required("added_files_count", 504, .int(nil)),
            required("existing_files_count", 505, .int(nil)), required("deleted_files_count", 506, .int(nil)),
            required("added_rows_count", 512, .long(nil)), required("existing_rows_count", 513, .long(nil)),
            required("deleted_rows_count", 514, .long(nil)),
            optional("partitions", 507, list(element: 508, .record(summary))),
            optional("key_metadata", 519, .bytes(nil)),
        ]
        if formatVersion >= 3 { fields.append(optional("first_row_id", 520, .long(nil))) }
        return .record(AvroRecordSchema(name: "manifest_file", fields: fields))
    }

    // MARK: Manifests

    static func manifestEntry(partition: AvroSchema, formatVersion: Int) -> AvroSchema {
        .record(
            AvroRecordSchema(
                name: "manifest_entry",
                fields: [
                    required("status", 0, .int(nil)), optional("snapshot_id", 1, .long(nil)),
                    optional("sequence_number", 3, .long(nil)), optional("file_sequence_number", 4, .long(nil)),
                    required("data_file", 2, dataFile(partition: partition, formatVersion: formatVersion)),
                ]))
    }

    private static func dataFile(partition: AvroSchema, formatVersion: Int) -> AvroSchema {
        var fields = [
            required("content", 134, .int(nil)), required("file_path", 100, .string(nil)),
            required("file_format", 101, .string(nil)), required("partition", 102, partition),
            required("record_count", 103, .long(nil)), required("file_size_in_bytes", 104, .long(nil)),
            optional("column_sizes", 108, map(key: 117, value: 118, .long(nil))),
            optional("value_counts", 109, map(key: 119, value: 120, .long(nil))),
            optional("null_value_counts", 110, map(key: 121, value: 122, .long(nil))),
            optional("nan_value_counts", 137, map(key: 138, value: 139, .long(nil))),
            optional("lower_bounds", 125, map(key: 126, value: 127, .bytes(nil))),
            optional("upper_bounds", 128, map(key: 129, value: 130, .bytes(nil))),
            optional("key_metadata", 131, .bytes(nil)),
            optional("split_offsets", 132, list(element: 133, .long(nil))),
            optional("equality_ids", 135, list(element: 136, .int(nil))),
            optional("sort_order_id", 140, .int(nil)),
        ]
        if formatVersion >= 3 { fields.append(optional("first_row_id", 142, .long(nil))) }
        fields.append(optional("referenced_data_file", 143, .string(nil)))
        if formatVersion >= 3 {
            fields.append(optional("content_offset", 144, .long(nil)))
            fields.append(optional("content_size_in_bytes", 145, .long(nil)))
        }
        return .record(AvroRecordSchema(name: "r2", fields: fields))
    }

    /// The record of a spec's partition values.
    static func partition(_ spec: PartitionSpec, types: [IcebergType]) throws(IcebergError) -> AvroSchema {
        var fields: [AvroField] = []
        for (field, type) in zip(spec.fields, types) {
            let name = sanitized(field.name)
            guard let id = Int32(exactly: field.fieldID) else {
                throw IcebergError(.invalid, "the partition field id \(field.fieldID) is outside 32 bits")
            }
            fields.append(type == .unknown ? required(name, id, .null) : optional(name, id, try avro(type)))
        }
        return .record(AvroRecordSchema(name: "r102", fields: fields))
    }

    private static func avro(_ type: IcebergType) throws(IcebergError) -> AvroSchema {
        switch type {
        case .boolean: return .boolean
        case .int: return .int(nil)
        case .long: return .long(nil)
        case .float: return .float
        case .double: return .double
        case .date: return .int(.date)
        case .time: return .long(.timeMicros)
        case .timestamp: return .long(.timestampMicros(adjustToUTC: false))
        case .timestamptz: return .long(.timestampMicros(adjustToUTC: true))
        case .timestampNanos: return .long(.timestampNanos(adjustToUTC: false))
        case .timestamptzNanos: return .long(.timestampNanos(adjustToUTC: true))
        case .string: return .string(nil)
        case .binary: return .bytes(nil)
        case .uuid: return .fixed(name: "uuid_fixed", size: 16, .uuid)
        case .fixed(let length): return .fixed(name: "fixed_\(length)", size: length, nil)
        case .decimal(let precision, let scale):
            return .fixed(
                name: "decimal_\(precision)_\(scale)", size: IcebergType.decimalRequiredBytes(precision: precision),
                .decimal(precision: precision, scale: scale))
        case .unknown: return .null
        case .variant, .geometry, .geography, .structure, .list, .map:
            throw IcebergError(.invalid, "a partition value cannot be of type \(type)")
        }
    }

    /// An Avro name for any partition field name: as the reference implementation makes them.
    static func sanitized(_ name: String) -> String {
        var result = ""
        for (index, scalar) in name.unicodeScalars.enumerated() {
            switch scalar {
            case "A"..."Z", "a"..."z", "_": result.unicodeScalars.append(scalar)
            case "0"..."9":
                if index == 0 { result += "_" }
                result.unicodeScalars.append(scalar)
            default: result += "_x" + String(scalar.value, radix: 16, uppercase: true)
            }
        }
        return result.isEmpty ? "_" : result
    }

    // MARK: Reading other writers

    /// Ids by name, for writers that state none.
    static let idsByName: [String: Int32] = [
        "status": 0, "snapshot_id": 1, "data_file": 2, "sequence_number": 3, "file_sequence_number": 4,
        "file_path": 100, "file_format": 101, "partition": 102, "record_count": 103, "file_size_in_bytes": 104,
        "column_sizes": 108, "value_counts": 109, "null_value_counts": 110, "lower_bounds": 125, "upper_bounds": 128,
        "key_metadata": 131, "split_offsets": 132, "content": 134, "equality_ids": 135, "nan_value_counts": 137,
        "sort_order_id": 140, "first_row_id": 142, "referenced_data_file": 143, "content_offset": 144,
        "content_size_in_bytes": 145,
    ]

    static let listIDsByName: [String: Int32] = [
        "manifest_path": 500, "manifest_length": 501, "partition_spec_id": 502, "added_snapshot_id": 503,
        "added_files_count": 504, "added_data_files_count": 504, "existing_files_count": 505,
        "existing_data_files_count": 505, "deleted_files_count": 506, "deleted_data_files_count": 506,
        "partitions": 507, "contains_null": 509, "lower_bound": 510, "upper_bound": 511, "added_rows_count": 512,
        "existing_rows_count": 513, "deleted_rows_count": 514, "sequence_number": 515, "min_sequence_number": 516,
        "content": 517, "contains_nan": 518, "key_metadata": 519, "first_row_id": 520,
    ]
}
