import AvroFormat
import JSONFormat

enum AvroInspection {
    static func describe(_ bytes: [UInt8]) throws -> JSONValue {
        var file = try AvroFileReader(bytes)
        var records: [JSONValue] = []
        while var block = try file.nextBlock() {
            for _ in 0..<block.count { records.append(try value(of: file.schema, from: &block.decoder)) }
            try block.finish()
        }
        let metadata = file.metadata.sorted { $0.key < $1.key }.map {
            JSONObject.Member(key: $0.key, value: BytesRendering.describe($0.value))
        }
        return [
            "codec": .string("\(file.codec)"),
            "metadata": .object(JSONObject(metadata)),
            "records": .array(records),
        ]
    }

    /// One value as the writer's schema says it. Depth is bounded by the schema, which the reader has bounded.
    private static func value(of schema: AvroSchema, from decoder: inout AvroDecoder) throws(AvroError) -> JSONValue {
        switch schema {
        case .null: return .null
        case .boolean: return .bool(try decoder.readBoolean())
        case .int: return JSONValue(try decoder.readInt())
        case .long: return JSONValue(try decoder.readLong())
        case .float: return JSONValue(Double(try decoder.readFloat()))
        case .double: return JSONValue(try decoder.readDouble())
        case .bytes: return BytesRendering.describe(try decoder.readBytes())
        case .string: return .string(try decoder.readString())
        case .fixed(_, let size, _): return BytesRendering.describe(try decoder.readFixed(size))
        case .enumeration(_, let symbols):
            let index = Int(try decoder.readInt())
            guard symbols.indices.contains(index) else { throw decoder.corrupt("no enum symbol \(index)") }
            return .string(symbols[index])
        case .union(let branches):
            let index = try decoder.readUnionIndex(of: branches.count)
            return try value(of: branches[index], from: &decoder)
        case .record(let record):
            var members: [JSONObject.Member] = []
            for field in record.fields {
                members.append(JSONObject.Member(key: field.name, value: try value(of: field.type, from: &decoder)))
            }
            return .object(JSONObject(members))
        case .array(let array):
            return .array(try items(of: array.element, isMap: false, from: &decoder).map(\.value))
        case .map(let element, _, _):
            return .object(JSONObject(try items(of: element, isMap: true, from: &decoder)))
        }
    }

    private static func items(
        of element: AvroSchema, isMap: Bool, from decoder: inout AvroDecoder
    ) throws(AvroError) -> [JSONObject.Member] {
        var items: [JSONObject.Member] = []
        while true {
            let count = try decoder.readItemCount(of: element, isMap: isMap)
            if count == 0 { return items }
            for _ in 0..<count {
                let key = isMap ? try decoder.readString() : ""
                items.append(JSONObject.Member(key: key, value: try value(of: element, from: &decoder)))
            }
        }
    }
}
