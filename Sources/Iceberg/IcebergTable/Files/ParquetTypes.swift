import IcebergSpec
import ParquetFormat

extension ParquetSchema {
    /// The Parquet schema that files of a table with `schema` are written with, field ids included (specification:
    /// "Parquet", appendix A).
    ///
    /// - Throws: `.unsupported` for types that are not written: geometry, geography.
    public static func make(for schema: Schema) throws(TableError) -> ParquetSchema {
        var fields: [SchemaNode] = []
        // A column of type unknown holds only nulls and is left out of files.
        for field in schema.fields where field.type != .unknown { fields.append(try node(field, name: field.name)) }
        do {
            return try ParquetSchema(fields: fields)
        } catch {
            throw TableError(.unsupported, "the schema cannot be written as Parquet: \(error)")
        }
    }

    private static func node(_ field: NestedField, name: String) throws(TableError) -> SchemaNode {
        let repetition: Repetition = field.required ? .required : .optional
        let id = Int32(truncatingIfNeeded: field.id)
        switch field.type {
        case .structure(let children):
            var nodes: [SchemaNode] = []
            for child in children where child.type != .unknown { nodes.append(try node(child, name: child.name)) }
            return .group(name, repetition, fieldID: id, fields: nodes)
        case .list(let list):
            return .list(name, repetition, fieldID: id, element: try node(list.elementField, name: "element"))
        case .map(let map):
            return .map(
                name, repetition, fieldID: id, key: try node(map.keyField, name: "key"),
                value: try node(map.valueField, name: "value"))
        case .variant:
            // Not shredded: any value fits, and every reader of variants reads it (parquet-format, VariantEncoding.md).
            return .group(
                name, repetition, logical: .variant(version: 1), fieldID: id,
                fields: [.primitive("metadata", .byteArray, .required), .primitive("value", .byteArray, .required)])
        default:
            let (physical, logical) = try primitive(field)
            return .primitive(name, physical, repetition, logical: logical, fieldID: id)
        }
    }

    private static func primitive(_ field: NestedField) throws(TableError) -> (PhysicalType, LogicalType?) {
        switch field.type {
        case .boolean: return (.boolean, nil)
        case .int: return (.int32, nil)
        case .long: return (.int64, nil)
        case .float: return (.float, nil)
        case .double: return (.double, nil)
        case .date: return (.int32, .date)
        case .time: return (.int64, .time(unit: .microseconds, isAdjustedToUTC: false))
        case .timestamp: return (.int64, .timestamp(unit: .microseconds, isAdjustedToUTC: false))
        case .timestamptz: return (.int64, .timestamp(unit: .microseconds, isAdjustedToUTC: true))
        case .timestampNanos: return (.int64, .timestamp(unit: .nanoseconds, isAdjustedToUTC: false))
        case .timestamptzNanos: return (.int64, .timestamp(unit: .nanoseconds, isAdjustedToUTC: true))
        case .string: return (.byteArray, .string)
        case .binary: return (.byteArray, nil)
        case .uuid: return (.fixedLengthByteArray(width: 16), .uuid)
        case .fixed(let length): return (.fixedLengthByteArray(width: length), nil)
        case .decimal(let precision, let scale):
            let logical = LogicalType.decimal(precision: Int32(precision), scale: Int32(scale))
            if precision <= 9 { return (.int32, logical) }
            if precision <= 18 { return (.int64, logical) }
            return (.fixedLengthByteArray(width: IcebergType.decimalRequiredBytes(precision: precision)), logical)
        case .unknown, .variant, .geometry, .geography, .structure, .list, .map:
            throw TableError(.unsupported, "the column \(field.name) of type \(field.type) cannot be written")
        }
    }
}
