import AvroFormat
import Clocks
import IcebergSpec
import JSONFormat

/// Turns Avro values into JSON, by the writer's schema. Depth is bounded by the schema, which its reader has bounded.
struct AvroRendering: Sendable {
    /// Fields that are shown in another way, by their Iceberg field id or, where the writer gave none, by name.
    typealias Special = @Sendable (AvroField, inout AvroDecoder) throws(AvroError) -> JSONValue?

    private let special: Special?

    init(special: Special? = nil) { self.special = special }

    func value(of schema: AvroSchema, from decoder: inout AvroDecoder) throws(AvroError) -> JSONValue {
        switch schema {
        case .null: return .null
        case .boolean: return .bool(try decoder.readBoolean())
        case .int(let logical): return Self.integer(Int64(try decoder.readInt()), logical)
        case .long(let logical): return Self.integer(try decoder.readLong(), logical)
        case .float: return Datum.float(try decoder.readFloat()).rendered
        case .double: return Datum.double(try decoder.readDouble()).rendered
        case .bytes(let logical): return Self.bytes(Array(try decoder.readBytes()), logical)
        case .string: return .string(try decoder.readString())
        case .fixed(_, let size, let logical): return Self.bytes(Array(try decoder.readFixed(size)), logical)
        case .enumeration(let enumeration):
            let index = Int(try decoder.readInt())
            guard enumeration.symbols.indices.contains(index) else { throw decoder.corrupt("no enum symbol \(index)") }
            return .string(enumeration.symbols[index])
        case .union: return try value(of: Self.branch(of: schema, from: &decoder), from: &decoder)
        case .record(let record): return .object(try members(of: record, from: &decoder))
        case .array(let array):
            var values: [JSONValue] = []
            try Self.items(of: array.element, isMap: false, from: &decoder) { (_, decoder) throws(AvroError) in
                values.append(try value(of: array.element, from: &decoder))
            }
            return .array(values)
        case .map(let element, _, _):
            var members: [JSONObject.Member] = []
            try Self.items(of: element, isMap: true, from: &decoder) { (key, decoder) throws(AvroError) in
                members.append(.init(key: key, value: try value(of: element, from: &decoder)))
            }
            return .object(JSONObject(members))
        }
    }

    private func members(of record: AvroRecordSchema, from decoder: inout AvroDecoder) throws(AvroError) -> JSONObject {
        var members: [JSONObject.Member] = []
        for field in record.fields {
            members.append(.init(key: field.name, value: try value(of: field, from: &decoder)))
        }
        return JSONObject(members)
    }

    private func value(of field: AvroField, from decoder: inout AvroDecoder) throws(AvroError) -> JSONValue {
        guard let special else { return try value(of: field.type, from: &decoder) }
        var field = field
        field.type = try Self.branch(of: field.type, from: &decoder)
        if field.type == .null { return .null }
        if let shown = try special(field, &decoder) { return shown }
        return try value(of: field.type, from: &decoder)
    }

    /// The branch of a union that follows; any other type itself.
    static func branch(of schema: AvroSchema, from decoder: inout AvroDecoder) throws(AvroError) -> AvroSchema {
        guard case .union(let branches) = schema else { return schema }
        return branches[try decoder.readUnionIndex(of: branches.count)]
    }

    /// Reads an array or map; `item` reads one item, after its key.
    static func items(
        of element: AvroSchema, isMap: Bool, from decoder: inout AvroDecoder,
        item: (String, inout AvroDecoder) throws(AvroError) -> Void
    ) throws(AvroError) {
        while true {
            let count = try decoder.readItemCount(of: element, isMap: isMap)
            if count == 0 { return }
            for _ in 0..<count {
                let key = isMap ? try decoder.readString() : ""
                try item(key, &decoder)
            }
        }
    }

    // MARK: - Logical types

    private static func integer(_ value: Int64, _ logical: AvroLogicalType?) -> JSONValue {
        switch logical {
        case .date: Int32(exactly: value).map { Datum.date($0).json } ?? .integer(value)
        case .timeMicros: Datum.time(value).json
        case .timestampMicros(let isUTC): (isUTC ? Datum.timestamptz(value) : .timestamp(value)).json
        case .timestampNanos(let isUTC): (isUTC ? Datum.timestamptzNanos(value) : .timestampNanos(value)).json
        case .localTimestampMicros: Datum.timestamp(value).json
        case .localTimestampNanos: Datum.timestampNanos(value).json
        default: .integer(value)
        }
    }

    private static func bytes(_ value: [UInt8], _ logical: AvroLogicalType?) -> JSONValue {
        switch logical {
        case .decimal(_, let scale):
            if let unscaled = Datum.bigEndian(value) { return Datum.decimal(unscaled: unscaled, scale: scale).json }
        case .uuid: if let uuid = UUID(bytes: value) { return .string(uuid.description) }
        default: break
        }
        return BytesRendering.describe(value)
    }
}
