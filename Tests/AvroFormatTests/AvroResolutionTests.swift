import JSONFormat
import Testing

@testable import AvroFormat

private func schema(_ json: String) throws -> AvroSchema { try AvroSchema(json: Array(json.utf8)) }

private func record(_ fields: String, name: String = "n.r") -> String {
    #"{"type":"record","name":"\#(name)","fields":[\#(fields)]}"#
}

/// Writes `value` by one schema and reads it by another.
private func carry(_ value: AvroValue, from writer: String, to reader: String) throws -> AvroValue {
    let writer = try schema(writer)
    var encoder = AvroEncoder()
    try encoder.write(value, as: writer)
    // Another value behind it shows that not a byte more or less was read.
    encoder.write(Int64(77))
    var decoder = AvroDecoder(encoder.bytes)
    let read = try decoder.read(try AvroResolution(writer: writer, reader: schema(reader)))
    #expect(try decoder.readLong() == 77)
    return read
}

private func code(_ body: () throws -> AvroValue) -> AvroError.Code? {
    do {
        _ = try body()
        return nil
    } catch {
        return (error as? AvroError)?.code
    }
}

@Suite struct AvroResolutionTests {
    @Test(
        arguments: [
            (.int(7), "int", "long", .long(7)), (.int(-7), "int", "float", .float(-7)),
            (.int(7), "int", "double", .double(7)), (.long(1 << 40), "long", "float", .float(0x1p40)),
            (.long(1 << 53), "long", "double", .double(0x1p53)), (.float(1.5), "float", "double", .double(1.5)),
            (.string("ü"), "string", "bytes", .bytes([0xC3, 0xBC])), (.bytes([0x61]), "bytes", "string", .string("a")),
        ] as [(AvroValue, String, String, AvroValue)])
    func `what can be promoted is`(value: AvroValue, writer: String, reader: String, expected: AvroValue) throws {
        #expect(try carry(value, from: "\"\(writer)\"", to: "\"\(reader)\"") == expected)
        // In a union, an array and a map as well.
        #expect(try carry(value, from: "\"\(writer)\"", to: #"["null","\#(reader)"]"#) == expected)
        #expect(try carry(value, from: #"["null","\#(writer)"]"#, to: "\"\(reader)\"") == expected)
        let arrays = [writer, reader].map { #"{"type":"array","items":"\#($0)"}"# }
        #expect(try carry(.array([value, value]), from: arrays[0], to: arrays[1]) == .array([expected, expected]))
        let maps = [writer, reader].map { #"{"type":"map","values":"\#($0)"}"# }
        let entry = AvroMapEntry("k", value)
        #expect(try carry(.map([entry]), from: maps[0], to: maps[1]) == .map([AvroMapEntry("k", expected)]))
    }

    @Test(
        arguments: [
            (#""long""#, #""int""#), (#""double""#, #""float""#), (#""double""#, #""long""#),
            (#""boolean""#, #""int""#),
            (#""string""#, #""int""#), (#""null""#, #""int""#), (#""int""#, #"["null","string"]"#),
            (#"{"type":"fixed","name":"f","size":2}"#, #"{"type":"fixed","name":"f","size":3}"#),
            (#"{"type":"fixed","name":"f","size":2}"#, #"{"type":"fixed","name":"g","size":2}"#),
            (#"{"type":"fixed","name":"f","size":2}"#, #""bytes""#),
            (#"{"type":"enum","name":"e","symbols":["A"]}"#, #"{"type":"enum","name":"f","symbols":["A"]}"#),
            (#"{"type":"array","items":"string"}"#, #"{"type":"array","items":"int"}"#),
            (#"{"type":"array","items":"int"}"#, #"{"type":"map","values":"int"}"#),
            (record(#"{"name":"a","type":"int"}"#), record(#"{"name":"a","type":"int"}"#, name: "n.other")),
            (record(#"{"name":"a","type":"int"}"#), record(#"{"name":"b","type":"int"}"#)),
            (record(#"{"name":"a","type":"int"}"#), record(#"{"name":"b","type":"int","default":"text"}"#)),
            (record(#"{"name":"a","type":"int"}"#), record(#"{"name":"b","type":["null","int"]}"#)),
            (
                #"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#,
                #"{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}"#
            ),
        ])
    func `what cannot be read as the reader's is refused before it is read`(writer: String, reader: String) throws {
        #expect(throws: AvroError.self) { try AvroResolution(writer: schema(writer), reader: schema(reader)) }
    }

    @Test func `fields are found by name, renamed by alias, defaulted, dropped and reordered`() throws {
        let writer = record(
            #"""
            {"name":"a","type":"int"},{"name":"dropped","type":{"type":"array","items":["null","string"]}},
            {"name":"old","type":"string"},{"name":"b","type":["null","long"]}
            """#)
        let reader = record(
            #"""
            {"name":"b","type":["null","double"]},{"name":"new","type":"string","aliases":["older","old"]},
            {"name":"added","type":{"type":"map","values":"int"},"default":{"k":5}},
            {"name":"none","type":["null","int"],"default":null},{"name":"some","type":["int","null"],"default":3},
            {"name":"a","type":"long"}
            """#)
        let read = try carry(
            .record([.int(1), .array([.null, .string("x")]), .string("text"), .long(9)]), from: writer, to: reader)
        #expect(
            read
                == .record([
                    .double(9), .string("text"), .map([AvroMapEntry("k", .int(5))]), .null, .int(3), .long(1),
                ]))
    }

    @Test func `a field's own name goes before another's alias`() throws {
        let writer = record(#"{"name":"a","type":"int"},{"name":"b","type":"int"}"#)
        let reader = record(#"{"name":"x","type":"int","aliases":["a"],"default":0},{"name":"a","type":"int"}"#)
        #expect(try carry(.record([.int(1), .int(2)]), from: writer, to: reader) == .record([.int(0), .int(1)]))
    }

    @Test(
        arguments: [
            (#""boolean""#, "true", .boolean(true)), (#""int""#, "-3", .int(-3)), (#""long""#, "3", .long(3)),
            (#""float""#, "1.5", .float(1.5)), (#""double""#, "2", .double(2)), (#""string""#, #""x""#, .string("x")),
            (#""bytes""#, #""\u00ffa""#, .bytes([255, 97])),
            (#"{"type":"fixed","name":"f","size":1}"#, #""\u0001""#, .fixed([1])),
            (#"{"type":"enum","name":"e","symbols":["A","B"]}"#, #""B""#, .enumeration("B")),
            (#"{"type":"array","items":"int"}"#, "[1,2]", .array([.int(1), .int(2)])),
            (
                #"{"type":"record","name":"d","fields":[{"name":"p","type":"int"},{"name":"q","type":"int","default":8}]}"#,
                #"{"p":7}"#, .record([.int(7), .int(8)])
            ),
            (#"["null","string"]"#, #""second branch""#, .string("second branch")),
        ] as [(String, String, AvroValue)])
    func `defaults are values of their types`(type: String, json: String, expected: AvroValue) throws {
        let reader = record(#"{"name":"a","type":\#(type),"default":\#(json)}"#)
        #expect(try carry(.record([]), from: record(""), to: reader) == .record([expected]))
    }

    @Test func `an enum's unknown symbol is its default, or refused when it is met`() throws {
        let writer = #"{"type":"enum","name":"e","symbols":["A","B","C"]}"#
        let strict = #"{"type":"enum","name":"e","symbols":["C","A"]}"#
        let lenient = #"{"type":"enum","name":"e","symbols":["C","A"],"default":"A"}"#
        #expect(try carry(.enumeration("C"), from: writer, to: strict) == .enumeration("C"))
        #expect(try carry(.enumeration("B"), from: writer, to: lenient) == .enumeration("A"))
        #expect(code { try carry(.enumeration("B"), from: writer, to: strict) } == .corrupt)
    }

    @Test func `named types are found without their namespaces and by aliases`() throws {
        let fixed = { (name: String, aliases: String) in
            #"{"type":"fixed","name":"\#(name)","size":1,"aliases":[\#(aliases)]}"#
        }
        for (writer, reader, isFound) in [
            (fixed("a.f", ""), fixed("b.f", ""), true), (fixed("a.f", ""), fixed("b.g", #""f""#), true),
            (fixed("a.f", ""), fixed("b.g", #""a.f""#), true), (fixed("a.f", #""b.g""#), fixed("b.g", ""), false),
        ] {
            let read = code { try carry(.fixed([5]), from: writer, to: reader) }
            #expect((read == nil) == isFound, "\(writer) as \(reader)")
        }
    }

    @Test func `of a union the writer's own type is taken, then the first it can become`() throws {
        #expect(try carry(.long(5), from: #""long""#, to: #"["double","long"]"#) == .long(5))
        #expect(try carry(.int(5), from: #""int""#, to: #"["string","double","long"]"#) == .double(5))
        let twoRecords = "[\(record(#"{"name":"a","type":"int"}"#, name: "p")),\(record("", name: "q"))]"
        #expect(
            try carry(.record([.int(5)]), from: record(#"{"name":"a","type":"int"}"#, name: "p"), to: twoRecords)
                == .record([.int(5)]))
    }

    @Test func `branches of one name in two namespaces are told apart`() throws {
        let union = "[\(record(#"{"name":"a","type":"int"}"#, name: "p.r")),\(record("", name: "q.r"))]"
        #expect(try carry(.record([]), from: union, to: union) == .record([]))
        #expect(try carry(.record([.int(1)]), from: union, to: union) == .record([.int(1)]))
    }

    @Test func `a branch that the reader lacks is refused when it is met`() throws {
        #expect(try carry(.int(5), from: #"["int","string"]"#, to: #""int""#) == .int(5))
        #expect(code { try carry(.string("x"), from: #"["int","string"]"#, to: #""int""#) } == .corrupt)
    }

    @Test func `a file is read by another schema`() throws {
        let writer = try schema(record(#"{"name":"a","type":"int"},{"name":"b","type":"string"}"#))
        var file = AvroFileWriter(schema: writer, codec: .zstandard, sync: [UInt8](0..<16), blockBytes: 30)
        for row in 0..<20 as Range<Int32> {
            try file.append {
                $0.write(row)
                $0.write("row \(row)")
            }
        }
        let bytes = try file.finish()
        var reader = try AvroFileReader(bytes)
        let values = try reader.readAll(as: schema(record(#"{"name":"a","type":"long"}"#)))
        #expect(values == (0..<20).map { .record([.long($0)]) })
        reader = try AvroFileReader(bytes)
        #expect(try reader.readAll().last == .record([.int(19), .string("row 19")]))
    }

    @Test func `values that take no bytes are bounded`() throws {
        let nulls = String(repeating: #"{"name":"n#","type":"null"},"#, count: 200)
        var index = 0
        let fields = nulls.split(separator: "#").map { part in
            index += 1
            return "\(part)\(index)"
        }.joined().dropLast(String(index).count)
        // 200 nulls for every byte.
        let wide = try schema(#"{"type":"array","items":\#(record(fields + #"{"name":"a","type":"boolean"}"#))}"#)
        var encoder = AvroEncoder()
        encoder.write(items: [Bool](repeating: true, count: 100_000)) { $0.write($1) }
        let resolution = try AvroResolution(writer: wide, reader: wide)
        for body in [
            { (decoder: inout AvroDecoder) in _ = try decoder.read(resolution) },
            { (decoder: inout AvroDecoder) in _ = try decoder.readJSON(wide) },
            { (decoder: inout AvroDecoder) in try decoder.skip(wide) },
        ] as [(inout AvroDecoder) throws -> Void] {
            var decoder = AvroDecoder(encoder.bytes)
            do {
                try body(&decoder)
                Issue.record("20 million values of 100,000 bytes")
            } catch {
                #expect((error as? AvroError)?.code == .tooLarge)
            }
        }
    }
}

@Suite struct AvroLogicalTypeTests {
    @Test(
        arguments: [
            (#"{"type":"int","logicalType":"date"}"#, .int(-1), .date(-1)),
            (#"{"type":"int","logicalType":"time-millis"}"#, .int(5), .time(5, .milliseconds)),
            (#"{"type":"long","logicalType":"time-micros"}"#, .long(5), .time(5, .microseconds)),
            (
                #"{"type":"long","logicalType":"timestamp-millis"}"#, .long(5),
                .timestamp(5, .milliseconds, isAdjustedToUTC: true)
            ),
            (
                #"{"type":"long","logicalType":"timestamp-micros","adjust-to-utc":true}"#, .long(5),
                .timestamp(5, .microseconds, isAdjustedToUTC: true)
            ),
            (
                #"{"type":"long","logicalType":"timestamp-nanos","adjust-to-utc":false}"#, .long(5),
                .timestamp(5, .nanoseconds, isAdjustedToUTC: false)
            ),
            (
                #"{"type":"long","logicalType":"local-timestamp-millis"}"#, .long(5),
                .timestamp(5, .milliseconds, isAdjustedToUTC: false)
            ),
            (
                #"{"type":"long","logicalType":"local-timestamp-micros"}"#, .long(5),
                .timestamp(5, .microseconds, isAdjustedToUTC: false)
            ),
            (
                #"{"type":"long","logicalType":"local-timestamp-nanos"}"#, .long(5),
                .timestamp(5, .nanoseconds, isAdjustedToUTC: false)
            ),
            (
                #"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#, .bytes([0xFF, 0x00]),
                .decimal(unscaled: -256, scale: 2)
            ),
            (
                #"{"type":"fixed","name":"d","size":2,"logicalType":"decimal","precision":4,"scale":0}"#,
                .fixed([0x01, 0x00]), .decimal(unscaled: 256, scale: 0)
            ),
            (
                #"{"type":"string","logicalType":"uuid"}"#, .string("00010203-0405-0607-0809-0a0b0c0d0e0f"),
                .uuid(Array(0..<16))
            ),
            (
                #"{"type":"fixed","name":"u","size":16,"logicalType":"uuid"}"#, .fixed(Array(0..<16)),
                .uuid(Array(0..<16))
            ),
            (
                #"{"type":"fixed","name":"i","size":12,"logicalType":"duration"}"#,
                .fixed([1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0]), .duration(months: 1, days: 2, milliseconds: 256)
            ),
        ] as [(String, AvroValue, AvroLogicalValue)])
    func `a logical type is parsed, written and understood`(
        json: String, value: AvroValue, meaning: AvroLogicalValue
    ) throws {
        let type = try schema(json)
        #expect(try AvroSchema(json: type.json.serialized()) == type)
        #expect(value.logical(as: try #require(type.logicalType)) == meaning)
    }

    @Test(arguments: [
        #"{"type":"int","logicalType":"timestamp-micros"}"#, #"{"type":"long","logicalType":"date"}"#,
        #"{"type":"bytes","logicalType":"decimal","precision":0}"#,
        #"{"type":"bytes","logicalType":"decimal","precision":2,"scale":3}"#,
        #"{"type":"fixed","name":"d","size":2,"logicalType":"decimal","precision":5}"#,
        #"{"type":"fixed","name":"i","size":11,"logicalType":"duration"}"#,
        #"{"type":"string","logicalType":"never heard of"}"#,
    ])
    func `a logical type that its plain type cannot have is ignored`(json: String) throws {
        #expect(try schema(json).logicalType == nil)
    }

    @Test func `text that is no UUID means nothing`() {
        #expect(AvroValue.string("0001020304050607-0809-0a0b0c0d0e0f").logical(as: .uuid) == nil)
        #expect(AvroValue.bytes([]).logical(as: .decimal(precision: 1, scale: 0)) == nil)
    }
}
