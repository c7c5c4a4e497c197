import HTTP
import Testing

@testable import HTTPServer

private func reader(_ head: Int = 1000, _ body: Int = 1000) -> RequestReader {
    RequestReader(headerBytesMax: head, bodyBytesMax: body, budget: BodyBudget(bytesMax: 1 << 20))
}

/// What a reader makes of bytes that come in pieces: each request as method, target and body, and the status of the refusal.
private func read(_ text: [UInt8], cuts: [Int] = [], head: Int = 1000, body: Int = 1000) -> [String] {
    var reader = reader(head, body)
    var results: [String] = []
    var input: [UInt8] = []
    var start = 0
    for end in cuts.sorted() + [text.count] {
        input += text[start..<end]
        start = end
        do {
            var isMore = true
            while isMore {
                let (consumed, event) = try input.withUnsafeBytes { try reader.read($0) }
                input.removeFirst(consumed)
                switch event {
                case .needsMore: isMore = false
                case .head: break
                case .request(let head, let body):
                    results.append("\(head.method) \(head.target) \(String(decoding: body, as: UTF8.self))")
                    reader.reset()
                    isMore = !input.isEmpty
                }
            }
        } catch let error as HTTPRefusal {
            return results + ["\(error.status)"]
        } catch {
            return results + ["\(error)"]
        }
    }
    return results
}

private func read(_ text: String) -> [String] { read(Array(text.utf8)) }

@Suite struct `Request reader` {
    static let conversation =
        "\r\nPOST /a?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
        + "POST /b HTTP/1.1\r\nhOST:h\r\ntransfer-encoding: Chunked\r\n\r\n2\r\nde\r\n00a;q=\"x\" \r\n0123456789\r\n0\r\nT: v\r\n\r\n"
        + "GET http://other/c HTTP/1.1\r\nHost: h\r\nX:\r\n\r\nOPTIONS * HTTP/1.0\r\n\r\n"

    @Test func `requests are the same wherever the bytes are cut`() {
        let bytes = Array(Self.conversation.utf8)
        let whole = ["POST /a?x=1 abc", "POST /b de0123456789", "GET /c ", "OPTIONS * "]
        #expect(read(bytes) == whole)
        #expect(read(bytes, cuts: Array(0..<bytes.count)) == whole)
        for first in 0..<bytes.count {
            #expect(read(bytes, cuts: [first]) == whole, "cut at \(first)")
            #expect(read(bytes, cuts: [first, min(first + 7, bytes.count)]) == whole, "cut at \(first) and 7 on")
        }
    }

    @Test func `every request cut short is awaited, and none invented`() {
        let bytes = Array(Self.conversation.utf8)
        for end in 0..<bytes.count {
            let results = read(Array(bytes[..<end]))
            #expect(results.allSatisfy { $0.contains("/") || $0.contains("*") }, "\(results) of \(end) bytes")
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\n\r\n", "400"),  // no Host
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\nHost: h\n\n", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\u{0}\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", "400"),
        ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "400"),
        ("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", "400"),
        ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", "400"),
        ("GET /#x HTTP/1.1\r\nHost: h\r\n\r\n", "400"),
        ("GET a HTTP/1.1\r\nHost: h\r\n\r\n", "400"),
        ("GET ftp://a/ HTTP/1.1\r\nHost: h\r\n\r\n", "400"),
        ("GET http://u@a/ HTTP/1.1\r\nHost: h\r\n\r\n", "400"),
        ("CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", "400"),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
        ("GET /\r\n\r\n", "400"),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "400"),
        ("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\na", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\na", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\na", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\na", "413"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", "413"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", "501"),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nExpect: coffee\r\nContent-Length: 1\r\n\r\n", "417"),
    ])
    func `what can be read in two ways, or not at all, is refused`(text: String, status: String) {
        #expect(read(text) == [status])
        #expect(read(Array(text.utf8), cuts: Array(0..<text.utf8.count)) == [status])
    }

    @Test(arguments: [
        "-1\r\n", "g\r\n", "\r\n", ";x\r\n", "0x5\r\nhello\r\n", "5\nhello\r\n", "5\r\nhello0\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5 \u{0}\r\n", "fffffffffffffffff\r\n", "5\rhello\r\n", "0\r\nA\u{1}: b\r\n\r\n", "0\r\nA: b\n\r\n",
    ])
    func `bad chunks are refused`(chunks: String) {
        #expect(read("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks) == ["400"])
    }

    @Test func `chunks, their extensions and trailers have limits`() {
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        #expect(read(head + "fffffffffffffff\r\n" + String(repeating: "a", count: 1001)) == ["413"])
        #expect(read(head + "1;" + String(repeating: "x", count: 5000)) == ["400"])
        #expect(
            read(head + String(repeating: "1;" + String(repeating: "x", count: 4000) + "\r\na\r\n", count: 17)) == [
                "400"
            ])
        #expect(read(head + "0\r\n" + String(repeating: "A: b\r\n", count: 4000)) == ["431"])
        #expect(read(head + String(repeating: "0", count: 70)) == ["400"])
        #expect(read(head + String(repeating: "1\r\na\r\n", count: 1000) + "0\r\n\r\n").first?.utf8.count == 1007)
        #expect(read(head + String(repeating: "1\r\na\r\n", count: 1001)) == ["413"])
    }

    @Test func `heads have limits, and no end is waited for beyond them`() {
        let fill = { (count: Int) in String(repeating: "a", count: count) }
        #expect(read("GET /" + fill(2000)) == ["414"])
        #expect(read("GET / HTTP/1.1\r\nHost: h\r\nA: " + fill(2000)) == ["431"])
        #expect(read("GET / HTTP/1.1\r\nHost: h\r\nA: " + fill(2000) + "\r\n\r\n") == ["431"])
        #expect(read("GET / HTTP/1.1\r\nHost: h\r\nA: " + fill(900) + "\r\n\r\n") == ["GET / "])
        let many = "GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: "a:\r\n", count: 256) + "\r\n"
        #expect(read(Array(many.utf8), head: 10_000) == ["431"])
        #expect(read(fill(40)) == [] && read(fill(2000)) == ["414"])
    }

    @Test func `what bodies take of the budget is given back`() throws {
        let budget = BodyBudget(bytesMax: 100)
        let head = Array("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60\r\n\r\n".utf8)
        let body = [UInt8](repeating: 0x61, count: 60)
        var first = RequestReader(headerBytesMax: 1000, bodyBytesMax: 1000, budget: budget)
        var second = RequestReader(headerBytesMax: 1000, bodyBytesMax: 1000, budget: budget)
        _ = try head.withUnsafeBytes { try second.read($0) }
        _ = try head.withUnsafeBytes { try first.read($0) }
        _ = try body.withUnsafeBytes { try first.read($0) }
        #expect(budget.bytes == 60)
        let refusal = #expect(throws: HTTPRefusal.self) { _ = try body.withUnsafeBytes { try second.read($0) } }
        #expect(refusal?.status == 503)
        second.reset()
        first.reset()
        #expect(budget.bytes == 0)
    }
}
