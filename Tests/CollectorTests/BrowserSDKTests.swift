import Compression
import HTTP
import Testing

@testable import Collector

@Suite struct `The browser SDK` {
    private func get(_ headers: HTTPHeaders = [:]) throws -> HTTPResponse {
        try BrowserSDK().response(to: HTTPRequest(method: .get, target: "/sdk/analytics.js", headers: headers))
    }

    @Test func `is small, and the same in both forms`() throws {
        let plain = try get()
        #expect(plain.status == 200 && plain.headers["Content-Type"] == "text/javascript; charset=utf-8")
        #expect(plain.headers["Content-Encoding"] == nil && plain.headers["Vary"] == "Accept-Encoding")
        #expect(plain.headers["Cache-Control"]?.contains("max-age=3600") == true)
        let packed = try get(["Accept-Encoding": "br, gzip;q=0.5"])
        #expect(packed.headers["Content-Encoding"] == "gzip" && packed.body.count < 6 << 10)
        #expect(try Deflate.decompress(packed.body, container: .gzip, limit: 1 << 20) == plain.body)
        #expect(packed.headers["ETag"] != plain.headers["ETag"])
    }

    @Test(arguments: [nil, "br", "gzip;q=0", "gzip; q=0.000", "identity, x-gzip-not"])
    func `is not compressed for those who do not ask`(accepted: String?) throws {
        let response = try get(accepted.map { ["Accept-Encoding": $0] } ?? [:])
        #expect(response.headers["Content-Encoding"] == nil)
    }

    @Test func `is not sent again to those who have it`() throws {
        let tag = try #require(get().headers["ETag"])
        for known in [tag, "W/\(tag)", "\"x\", \(tag)", "*"] {
            let response = try get(["If-None-Match": known])
            #expect(response.status == 304 && response.body.isEmpty && response.headers["ETag"] == tag)
        }
        #expect(try get(["If-None-Match": "\"x\""]).status == 200)
        #expect(try get(["If-None-Match": tag, "Accept-Encoding": "gzip"]).status == 200)
    }
}
