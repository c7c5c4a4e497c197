import Bytes
import JSONFormat
import Testing

@Suite struct `JSON values` {
    @Test(arguments: [
        "null", "true", "[]", "{}", "[1,-2,9223372036854775807,18446744073709551615]", #"{"a":{"b":[null,1.5,"x"]}}"#,
        #""\u0001\"\\ é 🦊""#,
    ])
    func `what is written is what was read`(text: String) throws {
        let value = try JSONValue.parse(text)
        #expect(try JSONValue.parse(value.serialized()) == value)
        #expect(try JSONValue.parse(value.serialized(pretty: true)) == value)
    }

    @Test(arguments: ["", "{", "[1,]", "{\"a\":1,}", "nul", "\"\u{01}\"", "[1] 2", "'a'", "01", "NaN"])
    func `what is no JSON is refused`(text: String) {
        #expect(throws: JSONError.self) { try JSONValue.parse(text) }
    }

    @Test func `nesting beyond the limit is refused`() throws {
        let deep = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        #expect(try JSONValue.parse(deep(127)).array != nil)
        #expect(throws: JSONError.self) { try JSONValue.parse(deep(129)) }
    }

    @Test func `an error says where`() throws {
        let cursor = JSONCursor(try JSONValue.parse(#"{"schemas":[{"id":"x"}]}"#))
        #expect {
            try cursor.member("schemas").elements()[0].member("id").integer()
        } throws: {
            "\($0)" == "$.schemas[0].id: expected an integer, found a string"
        }
    }

    @Test(arguments: ["9223372036854775808", "18446744073709551615", "-1e300", "1e300"])
    func `a number that 64 bits cannot hold is refused with those that they can`(text: String) throws {
        let cursor = JSONCursor(try JSONValue.parse(text))
        #expect { try cursor.integer() } throws: {
            "\($0)".contains("expected an integer from \(Int64.min) to \(Int64.max), found ")
        }
        #expect { try cursor.integer(as: Int8.self) } throws: {
            "\($0)".contains("expected an integer from -128 to 127, found ")
        }
    }
}
