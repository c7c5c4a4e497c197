import Bytes
import Clocks
import Dispatch
import Foundation
import HTTP
import HTTPServer
import Synchronization
import Testing

private let echo: HTTPServer.Handler = { request in
    let peer =
        switch request.peer {
        case .address(let address): address
        case .unixSocket: "unix"
        case .unknown: "?"
        }
    return HTTPResponse(
        status: 200,
        headers: [
            "X-Method": request.method.rawValue, "X-Target": request.target, "X-Peer": peer,
            "X-Seen": request.headers["x-test"] ?? "",
        ], body: request.body)
}

private func withServer(
    _ limits: HTTPServerLimits = HTTPServerLimits(), isShort: @escaping HTTPServer.Judgement = { _ in false },
    needsBody: @escaping HTTPServer.Judgement = { _ in true }, handler: @escaping HTTPServer.Handler = echo,
    _ body: (HTTPServer, Int) async throws -> Void
) async throws {
    let configuration = HTTPServerConfiguration(
        endpoints: [.tcp(address: "127.0.0.1", port: 0)], limits: limits)
    let server = HTTPServer(
        configuration,
        refusal: { refusal in
            HTTPResponse(
                status: refusal.status, headers: ["Content-Type": "text/plain"],
                body: Array("no \(refusal.status)".utf8))
        }, isShort: isShort, needsBody: needsBody, handler: handler)
    try server.start()
    do {
        try await body(server, try #require(server.ports.first))
    } catch {
        await server.stop(graceMilliseconds: 0)
        throw error
    }
    await server.stop(graceMilliseconds: 5000)
}

private func small() -> HTTPServerLimits {
    var limits = HTTPServerLimits()
    limits.bodyBytesMax = 1000
    limits.headerBytesMax = 2000
    return limits
}

@Suite struct `HTTP server` {
    @Test func `a request comes whole and its response goes back`() async throws {
        try await withServer { _, port in
            let client = RawClient(port: port)
            client.send("POST /a%20b/c?x=%41&y HTTP/1.1\r\nHost: h\r\nX-Test: seen\r\nContent-Length: 5\r\n\r\nhello")
            let response = try #require(await client.receive())
            #expect(response.status == 200 && response.text == "hello")
            #expect(response.headers["x-method"] == "POST")
            #expect(response.headers["x-target"] == "/a%20b/c?x=%41&y")
            #expect(response.headers["x-peer"] == "127.0.0.1")
            #expect(response.headers["x-seen"] == "seen")
        }
    }

    @Test func `a connection serves one request after another, pipelined ones in order`() async throws {
        try await withServer { _, port in
            let client = RawClient(port: port)
            client.send((0..<50).map { "GET /\($0) HTTP/1.1\r\nHost: h\r\n\r\n" }.joined())
            for number in 0..<50 { #expect(await client.receive()?.headers["x-target"] == "/\(number)") }
            client.send("GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            #expect(await client.receive()?.headers["x-target"] == "/last")
            #expect(await client.isClosed())
        }
    }

    @Test func `a body in chunks is put together`() async throws {
        try await withServer { _, port in
            let client = RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            for chunk in ["5\r\nhello\r\n", "1;x=y\r\n \r\n", "5\r\nworld\r\n", "0\r\n\r\n"] { client.send(chunk) }
            #expect(await client.receive()?.text == "hello world")
        }
    }

    @Test func `HEAD is answered without a body`() async throws {
        try await withServer(handler: { _ in HTTPResponse(status: 200, body: Array("12345".utf8)) }) { _, port in
            let client = RawClient(port: port)
            client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(await client.receive(hasBody: false)?.headers["content-length"] == "5")
            #expect(await client.receive()?.text == "12345")
        }
    }

    @Test(arguments: [1000, 1001])
    func `a body is taken up to the limit`(count: Int) async throws {
        try await withServer(small()) { _, port in
            let client = RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(count)\r\n\r\n")
            client.send([UInt8](repeating: 0x61, count: count))
            #expect(await client.receive()?.status == (count <= 1000 ? 200 : 413))
        }
    }

    @Test func `a body that is stated too long is refused before it is sent, and the connection closed`() async throws {
        try await withServer(small()) { _, port in
            let client = RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n")
            let response = try #require(await client.receive())
            #expect(response.status == 413 && response.text == "no 413")
            #expect(response.headers["connection"]?.lowercased() == "close")
            #expect(await client.isClosed())
        }
    }

    @Test func `the refusal of a long body reaches a client that goes on sending`() async throws {
        try await withServer(small()) { _, port in
            let client = RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n")
            for _ in 0..<80 { client.send([UInt8](repeating: 0x61, count: 100_000)) }
            #expect(await client.receive()?.status == 413)
        }
    }

    @Test func `a body in chunks is refused beyond the limit, and the connection closed`() async throws {
        try await withServer(small()) { _, port in
            let client = RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in 0..<20 { client.send("64\r\n" + String(repeating: "x", count: 100) + "\r\n") }
            client.send("0\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(await client.receive()?.status == 413)
            #expect(await client.isClosed())
        }
    }

    @Test(arguments: [1900, 2100, 60_000])
    func `headers are taken up to the limit`(count: Int) async throws {
        try await withServer(small()) { _, port in
            let client = RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Long: \(String(repeating: "a", count: count))\r\n\r\n")
            #expect(await client.receive()?.status == (count < 2000 ? 200 : 431))
        }
    }

    @Test(arguments: [
        "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: +5", "Content-Length: 5x", "Content-Length: -1",
    ])
    func `a request whose end can be read in two ways is refused`(headers: String) async throws {
        try await withServer { _, port in
            let client = RawClient(port: port)
            client.send(
                "POST / HTTP/1.1\r\nHost: h\r\n\(headers)\r\n\r\nhelloGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
            let first = await client.receive()
            #expect(first?.status == 400)
            #expect(await client.receive() == nil)
        }
    }

    @Test func `a client that waits for 100 Continue gets it, or the refusal`() async throws {
        try await withServer(small()) { _, port in
            let client = RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            #expect(await client.receive()?.status == 100)
            client.send("hello")
            #expect(await client.receive()?.text == "hello")
            client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n")
            #expect(await client.receive()?.status == 413)
        }
    }

    @Test(arguments: [
        "GARBAGE\r\n\r\n", "GET\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n", "GET http://[ HTTP/1.1\r\nHost: h\r\n\r\n",
    ])
    func `garbage ends the connection and nothing else`(text: String) async throws {
        var limits = HTTPServerLimits()
        limits.idleTimeoutSeconds = 1
        limits.headerTimeoutSeconds = 1
        try await withServer(limits) { _, port in
            let client = RawClient(port: port)
            client.send(text)
            // The library answers some of it by itself, and closes on the rest.
            let answer = await client.receive()
            #expect(answer == nil || answer?.status == 400)
            #expect(await client.isClosed())
            let next = RawClient(port: port)
            next.send("GET /ok HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(await next.receive()?.headers["x-target"] == "/ok")
        }
    }

    @Test func `clients that leave in the middle cost nothing`() async throws {
        try await withServer { server, port in
            for text in [
                "", "GE", "POST / HTTP/1.1\r\nHost", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nhel",
                "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
            ] {
                let client = RawClient(port: port)
                client.send(text)
            }
            while server.requestCount > 0 || server.connectionCount > 0 { await Task.yield() }
            let next = RawClient(port: port)
            next.send("GET /ok HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(await next.receive()?.headers["x-target"] == "/ok")
        }
    }

    @Test func `a request that comes too slowly is refused, even when bytes trickle in`() async throws {
        var limits = HTTPServerLimits()
        limits.headerTimeoutSeconds = 1
        limits.bodyTimeoutSeconds = 1
        try await withServer(limits) { _, port in
            let (head, body) = (RawClient(port: port), RawClient(port: port))
            head.send("GET / HTTP/1.1\r\nHo")
            body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nh")
            for client in [head, body] {
                #expect(await client.receive()?.status == 408)
                #expect(await client.isClosed())
            }
        }
    }

    @Test func `half a request line is closed in time`() async throws {
        var limits = HTTPServerLimits()
        limits.idleTimeoutSeconds = 1
        try await withServer(limits) { _, port in
            let client = RawClient(port: port)
            client.send("GET / HTT")
            #expect(await client.isClosed())
        }
    }

    @Test func `bodies together take no more memory than allowed`() async throws {
        var limits = HTTPServerLimits()
        limits.bodiesBytesMax = 50_000
        try await withServer(limits) { _, port in
            let client = RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nEA60\r\n")
            client.send([UInt8](repeating: 0x61, count: 60_000))
            client.send("\r\n0\r\n\r\n")
            #expect(await client.receive()?.status == 503)
            #expect(await client.isClosed())
            let next = RawClient(port: port)
            for _ in 0..<5 {
                next.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\n\r\n")
                next.send([UInt8](repeating: 0x61, count: 20_000))
                #expect(await next.receive()?.body.count == 20_000)
            }
        }
    }

    @Test func `short requests are answered on the thread that received them, also after waiting`() async throws {
        let threads = Mutex<Set<UInt>>([])
        let note = { @Sendable in _ = threads.withLock { $0.insert(UInt(pthread_self())) } }
        let handler: HTTPServer.Handler = { request in
            note()
            // Resumed by another thread.
            await withCheckedContinuation { continuation in DispatchQueue.global().async { continuation.resume() } }
            note()
            return HTTPResponse(status: 200, body: request.body)
        }
        try await withServer(isShort: { _ in true }, handler: handler) { _, port in
            let client = RawClient(port: port)
            for number in 0..<50 {
                client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n\(number % 10)")
                #expect(await client.receive()?.text == "\(number % 10)")
            }
        }
        #expect(threads.withLock { $0.count } == 1)
    }

    @Test func `a short request whose sender resets the connection meanwhile is answered to nobody`() async throws {
        let waiting = Mutex<CheckedContinuation<Void, Never>?>(nil)
        let handler: HTTPServer.Handler = { request in
            if request.target == "/wait" {
                await withCheckedContinuation { continuation in waiting.withLock { $0 = continuation } }
            }
            return await echo(request)
        }
        try await withServer(isShort: { _ in true }, handler: handler) { server, port in
            for _ in 0..<20 {
                do {
                    let client = RawClient(port: port)
                    client.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
                    while waiting.withLock({ $0 == nil }) { await Task.yield() }
                    var reset = linger(l_onoff: 1, l_linger: 0)
                    setsockopt(
                        client.descriptor, SOL_SOCKET, SO_LINGER, &reset, socklen_t(MemoryLayout<linger>.size))
                }
                // The server has looked at its connections when this is answered.
                let other = RawClient(port: port)
                other.send("GET /ok HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(await other.receive()?.headers["x-target"] == "/ok")
                waiting.withLock { waiting in
                    waiting?.resume()
                    waiting = nil
                }
            }
            while server.requestCount > 0 || server.connectionCount > 0 { await Task.yield() }
        }
    }

    @Test func `a request that will be refused whatever its body is refused before it`() async throws {
        let handler: HTTPServer.Handler = { HTTPResponse(status: 401, body: Array("\($0.body.count)".utf8)) }
        try await withServer(needsBody: { $0.headers["X-Key"] != nil }, handler: handler) { _, port in
            let client = RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            let response = try #require(await client.receive())
            #expect(response.status == 401 && response.text == "0" && response.headers["connection"] == "close")
            let other = RawClient(port: port)
            other.send("POST / HTTP/1.1\r\nHost: h\r\nX-Key: k\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            #expect(await other.receive()?.status == 100)
            other.send("12345")
            #expect(await other.receive()?.text == "5")
        }
    }

    @Test(arguments: [1, 3])
    func `connections that rest make room for new ones; when none rests, new ones are told`(
        threads: Int
    ) async throws {
        var limits = HTTPServerLimits()
        limits.connectionsMax = 4
        limits.threadCount = threads
        (limits.idleTimeoutSeconds, limits.headerTimeoutSeconds) = (3600, 3600)
        let gate = Mutex<[CheckedContinuation<Void, Never>]>([])
        let handler: HTTPServer.Handler = { request in
            if request.path == "/wait" {
                await withCheckedContinuation { continuation in gate.withLock { $0.append(continuation) } }
            }
            return HTTPResponse(status: 200)
        }
        try await withServer(limits, handler: handler) { server, port in
            let resting = (0..<4).map { _ in RawClient(port: port) }
            while server.connectionCount < 4 { await Task.yield() }
            var busy: [RawClient] = []
            // Those that came this moment are spared for a moment, and whoever comes then is told.
            while busy.count < 4 {
                let client = RawClient(port: port)
                client.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
                while server.requestCount == busy.count, await !client.hasInput() { await Task.yield() }
                if server.requestCount > busy.count { busy.append(client) }
            }
            for client in resting { #expect(await client.isClosed()) }
            let late = RawClient(port: port)
            late.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(await late.receive()?.status == 503)
            while gate.withLock({ $0.count }) < 4 { await Task.yield() }
            for continuation in gate.withLock({ $0 }) { continuation.resume() }
            for client in busy { #expect(await client.receive()?.status == 200) }
            #expect(server.statistics.evicted == 4 && server.statistics.turnedAway > 0)
        }
    }

    @Test func `one address has no more connections than allowed`() async throws {
        var limits = HTTPServerLimits()
        limits.connectionsPerAddressMax = 2
        (limits.idleTimeoutSeconds, limits.headerTimeoutSeconds) = (3600, 3600)
        try await withServer(limits) { server, port in
            var first: RawClient? = RawClient(port: port)
            let second = RawClient(port: port)
            while server.connectionCount < 2 { await Task.yield() }
            let third = RawClient(port: port)
            #expect(await third.receive()?.status == 503)
            first = nil
            while server.connectionCount > 1 { await Task.yield() }
            second.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(await second.receive()?.status == 200)
            let fourth = RawClient(port: port)
            fourth.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(await fourth.receive()?.status == 200)
            _ = first
        }
    }

    @Test func `a body that comes too slowly is refused`() async throws {
        var limits = HTTPServerLimits()
        limits.bodyBytesPerSecondMin = 1_000_000
        limits.bodyGraceSeconds = 0
        try await withServer(limits) { server, port in
            let client = RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\nabc")
            #expect(await client.receive()?.status == 408)
            #expect(server.statistics.timedOut == 1)
        }
    }

    @Test(arguments: ["GET / HTTP/1.1\r\nHo", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"])
    func `half a request behind which the peer has finished is closed; a whole one answered`(text: String) async throws
    {
        try await withServer { _, port in
            let client = RawClient(port: port)
            client.send(text)
            client.finishSending()
            #expect(await client.isClosed())
            let other = RawClient(port: port)
            other.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n")
            other.finishSending()
            #expect(await other.receive()?.headers["x-target"] == "/1")
            #expect(await other.receive()?.headers["x-target"] == "/2")
            #expect(await other.isClosed())
        }
    }

    @Test func `HTTP/1.0 is answered and closed, unless it asks to be kept`() async throws {
        try await withServer { _, port in
            let client = RawClient(port: port)
            client.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(await client.receive()?.headers["connection"]?.lowercased() == "keep-alive")
            client.send("GET /2 HTTP/1.0\r\n\r\n")
            #expect(await client.receive()?.headers["x-target"] == "/2")
            #expect(await client.isClosed())
        }
    }

    @Test func `a long response reaches a client that reads slowly`() async throws {
        let long = [UInt8](repeating: 0x61, count: 20_000_000)
        try await withServer(handler: { _ in HTTPResponse(status: 200, body: long) }) { _, port in
            let client = RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(await client.receive()?.body.count == 20_000_000)
        }
    }

    @Test func `many requests at once are all answered, each with its own response`() async throws {
        try await withServer { _, port in
            let wrong = Tally()
            await withTaskGroup(of: Void.self) { group in
                for client in 0..<8 {
                    group.addTask {
                        let connection = RawClient(port: port)
                        for number in 0..<200 {
                            let body = "\(client)/\(number)"
                            connection.send(
                                "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
                            if await connection.receive()?.text != body { wrong.add() }
                        }
                    }
                }
            }
            #expect(wrong.count == 0)
        }
    }
}

private final class Tally: Sendable {
    private let value = Mutex(0)
    func add() { value.withLock { $0 += 1 } }
    var count: Int { value.withLock { $0 } }
}
