import CSimdJSON
import Bytes

extension JSONValue {
    /// Nesting no text of ours needs; deeper ones are refused.
    public static let defaultDepthLimit = 128

    /// Parses one JSON text with simdjson. Strict: UTF-8 only, nothing after the value, integers within 64 bits.
    ///
    /// Cost: linear; memory a small multiple of the text.
    public static func parse(_ text: [UInt8], depthLimit: Int = defaultDepthLimit) throws(JSONError) -> JSONValue {
        guard text.count <= UInt32.max else { throw JSONError("the text is longer than 4 GiB") }
        var tape: UnsafeMutablePointer<UInt8>?
        var length = 0
        let code = csimdjson_parse(text, text.count, depthLimit, &tape, &length)
        guard code == 0, let tape else {
            throw JSONError("not JSON: \(String(cString: csimdjson_error_message(code)))")
        }
        defer { csimdjson_free(tape) }
        var reader = TapeReader(base: UnsafeRawPointer(tape))
        return reader.readValue()
    }

    /// The same from text.
    public static func parse(_ text: String, depthLimit: Int = defaultDepthLimit) throws(JSONError) -> JSONValue {
        try parse(Array(text.utf8), depthLimit: depthLimit)
    }
}

/// Walks the tape that our own shim wrote: trusted, so unchecked.
private struct TapeReader {
    var base: UnsafeRawPointer

    private mutating func read<T: FixedWidthInteger>(_ type: T.Type) -> T {
        defer { base += MemoryLayout<T>.size }
        return base.loadUnaligned(as: T.self)
    }

    private mutating func readText() -> String {
        let count = Int(read(UInt32.self))
        defer { base += count }
        return String(decoding: UnsafeRawBufferPointer(start: base, count: count), as: UTF8.self)
    }

    mutating func readValue() -> JSONValue {
        switch read(UInt8.self) {
        case UInt8(ascii: "t"): return .bool(true)
        case UInt8(ascii: "f"): return .bool(false)
        case UInt8(ascii: "i"): return .integer(read(Int64.self))
        case UInt8(ascii: "u"): return .unsigned(read(UInt64.self))
        case UInt8(ascii: "d"): return .double(Double(bitPattern: read(UInt64.self)))
        case UInt8(ascii: "s"): return .string(readText())
        case UInt8(ascii: "["):
            let count = Int(read(UInt32.self))
            var values: [JSONValue] = []
            values.reserveCapacity(count)
            for _ in 0..<count { values.append(readValue()) }
            return .array(values)
        case UInt8(ascii: "{"):
            let count = Int(read(UInt32.self))
            var members: [JSONObject.Member] = []
            members.reserveCapacity(count)
            for _ in 0..<count {
                let key = readText()
                members.append(JSONObject.Member(key: key, value: readValue()))
            }
            return .object(JSONObject(members))
        default: return .null
        }
    }
}
