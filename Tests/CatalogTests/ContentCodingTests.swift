import Compression
import HTTP
import Testing

@testable import Catalog

@Suite struct ContentCodingTests {
    @Test(arguments: [
        ("gzip", "gzip"), ("gzip, deflate, zstd", "zstd"), ("zstd;q=0.5, gzip", "gzip"), ("gzip;q=0, zstd;q=0", nil),
        ("br", nil), ("", nil), ("*", nil), ("GZIP ; q=0.1", "gzip"), ("gzip;q=x", nil),
    ])
    func `the coding is the one the client likes best`(field: String, expected: String?) {
        #expect(ContentCoding.preferred(of: [field])?.rawValue == expected)
    }

    @Test func `a large answer is compressed and its tag is that of the same table, a small one goes as it is`() throws
    {
        let body = Array(String(repeating: "{\"snapshot-id\":1},", count: 10_000).utf8)
        let request = HTTPRequest(method: .get, target: "/", headers: ["Accept-Encoding": "zstd"])
        let full = HTTPResponse(status: 200, headers: ["ETag": "\"x\""], body: body)
        let coded = ContentCoding.apply(to: full, for: request)
        #expect(coded.headers["Content-Encoding"] == "zstd")
        #expect(coded.headers["ETag"] == "W/\"x\"")
        #expect(coded.headers["Vary"] == "Accept-Encoding")
        #expect(coded.body.count < body.count / 10)
        #expect(try Zstandard.decompress(coded.body, limit: body.count) == body)
        let small = ContentCoding.apply(to: HTTPResponse(status: 200, body: Array(body.prefix(1000))), for: request)
        #expect(small.headers["Content-Encoding"] == nil && small.body.count == 1000)
        let plain = HTTPRequest(method: .get, target: "/", headers: [:])
        #expect(ContentCoding.apply(to: full, for: plain).body == body)
    }
}
