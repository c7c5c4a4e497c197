import CSimdJSON
import Clocks
import Foundation
import JSONFormat
import Testing

@testable import Events

private func isJSON(_ text: [UInt8]) -> Bool {
    var begin = 0
    var end = 0
    return cevents_is_utf8(text, text.count) == 1 && cevents_is_json(text, text.count, 128, &begin, &end) == 1
}

struct ScannerTests {
    /// simdjson refuses integers beyond 64 bits and numbers beyond a double, which are JSON; nothing else may differ.
    @Test func `the scanner and simdjson agree on mutated texts`() {
        let seeds = [
            #"{"a":[1,-2.5e+10,true,false,null,"x\u00e9\n\\\"",{}],"b":{"c":[]}}"#, #"[0,-0,1e5,0.1,"\ud83d\ude00"]"#,
            #" { "key" : "value" , "long" : "0123456789abcdef0123456789abcdef" } "#, "\"\\/\\b\\f\\r\\t\"", "12",
            "true",
        ].map { Array($0.utf8) }
        let alphabet = Array(#"{}[]",:\u0123456789abcdefE+-.tn "#.utf8) + [0x00, 0x1F, 0x7F, 0x80, 0xC3, 0xFF, 0x0A]
        var random = SplitMix(state: 7)
        var accepted = 0
        for round in 0..<20_000 {
            var text = seeds[round % seeds.count]
            for _ in 0..<(1 + Int(random.next() % 3)) {
                let at = Int(random.next() % UInt64(text.count))
                switch random.next() % 3 {
                case 0: text[at] = alphabet[Int(random.next() % UInt64(alphabet.count))]
                case 1: text.insert(alphabet[Int(random.next() % UInt64(alphabet.count))], at: at)
                default: if text.count > 1 { text.remove(at: at) }
                }
            }
            let ours = isJSON(text)
            let theirs = (try? JSONValue.parse(text)) != nil
            accepted += ours ? 1 : 0
            // Halves of surrogate pairs and numbers too large for 64 bits are grammar to us and an error to simdjson.
            if ours != theirs {
                let shown = String(decoding: text, as: UTF8.self)
                #expect(ours && shown.contains(/\\u|[eE]\+?[0-9]{3,}|[0-9]{19,}/), "\(shown)")
            }
        }
        #expect(accepted > 1000)
    }

    @Test(arguments: [
        "2018-04-05T17:31:00Z", "2018-04-05t17:31:00z", "2018-04-05 17:31:00.5Z", "2018-04-05T17:31:00.123456789-01:30",
        "0000-01-01T00:00:00Z", "9999-12-31T23:59:60.999999+23:59", "1969-12-31T23:59:59.999999Z",
        "0000-12-31T23:59:00-00:01", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:60Z",
        "9999-12-31T23:59:59-23:59", "2024-02-29T00:00:00Z",
        "2023-02-29T00:00:00Z", "2018-04-05T17:31Z", "2018-04-05T17:31:00", "2018-04-05T24:00:00Z", "lunchtime", "",
        "2018-04-05T17:31:00.Z", "2018-04-05T17:31:00+25:00", "2018-04-05T17:31:00+05", "2018-13-05T17:31:00Z",
        "2018-04-05T17:31:00Zx", "2018-04-05T17:61:00Z", "2018-04-31T17:31:00Z", "1900-02-29T00:00:00Z",
    ])
    func `times are read as Timestamp reads them`(text: String) {
        var microseconds: Int64 = 0
        let bytes = Array(text.utf8)
        let isTime = cevents_parse_time(bytes, bytes.count, &microseconds) == 1
        #expect((isTime ? Timestamp(microseconds: microseconds) : nil) == Timestamp(rfc3339: text))
    }

    struct SplitMix {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }
    }
}
