import Bytes
import JSONFormat

extension AvroDecoder {
    /// Reads one value as JSON, for people to look at: bytes and fixed become hexadecimal, a union its branch's value,
    /// an array of key and value records stays one.
    public mutating func readJSON(_ schema: AvroSchema) throws(AvroError) -> JSONValue {
        switch schema {
        case .null:
            try countEmptyValue()
            return .null
        case .boolean: return .bool(try readBoolean())
        case .int: return JSONValue(try readInt())
        case .long: return JSONValue(try readLong())
        case .float: return JSONValue(Double(try readFloat()))
        case .double: return JSONValue(try readDouble())
        case .string: return .string(try readString())
        case .bytes: return .string(Hexadecimal.encode(try readBytes()))
        case .fixed(_, let size, _):
            if size == 0 { try countEmptyValue() }
            return .string(Hexadecimal.encode(try readFixed(size)))
        case .enumeration(let enumeration):
            return .string(enumeration.symbols[try readUnionIndex(of: enumeration.symbols.count)])
        case .union(let branches):
            let branch = branches[try readUnionIndex(of: branches.count)]
            return branch == .null ? .null : try readJSON(branch)
        case .record(let record):
            if record.fields.isEmpty { try countEmptyValue() }
            var members: [JSONObject.Member] = []
            for field in record.fields {
                members.append(JSONObject.Member(key: field.name, value: try readJSON(field.type)))
            }
            return .object(JSONObject(members))
        case .array(let array):
            var values: [JSONValue] = []
            while true {
                let count = try readItemCount(of: array.element)
                if count == 0 { return .array(values) }
                for _ in 0..<count { values.append(try readJSON(array.element)) }
            }
        case .map(let type, _, _):
            var members: [JSONObject.Member] = []
            while true {
                let count = try readItemCount(of: type, isMap: true)
                if count == 0 { return .object(JSONObject(members)) }
                for _ in 0..<count {
                    let key = try readString()
                    members.append(JSONObject.Member(key: key, value: try readJSON(type)))
                }
            }
        }
    }
}

extension AvroFileReader {
    /// All objects as JSON. Cost: linear, and several times the file's size in memory. Errors as those of `nextBlock`.
    public mutating func readAllJSON() throws(AvroError) -> [JSONValue] {
        var objects: [JSONValue] = []
        while var block = try nextBlock() {
            for _ in 0..<block.count { objects.append(try block.decoder.readJSON(schema)) }
            try block.finish()
        }
        return objects
    }
}
