import Foundation
import HTTP
import Synchronization
import Testing

struct CurlClientTests {
    let client: CurlClient

    init() throws { client = try CurlClient() }

    @Test func `status, headers and body come back whole`() async throws {
        let server = try ScriptedServer { _ in
            .bytes("HTTP/1.1 418 Teapot\r\nX-One:  a b \r\nx-two:\r\nContent-Length: 5\r\n\r\nhello")
        }
        defer { server.stop() }
        let response = try await client.send(HTTPRequest(method: .get, target: server.url + "/a%2Fb?x=1"))
        #expect(response.status == 418)
        #expect(response.headers["x-one"] == "a b")
        #expect(response.headers["X-Two"] == "")
        #expect(response.body == Array("hello".utf8))
        #expect(server.requests.first?.head.hasPrefix("GET /a%2Fb?x=1 HTTP/1.1\r\n") == true)
    }

    @Test(arguments: [0, 1, 49_152, 49_153, 70_000, 3_000_000]) func `a body of any size arrives unchanged`(count: Int)
        async throws
    {
        let server = try ScriptedServer { _ in .bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
        defer { server.stop() }
        let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for method in [HTTPMethod.put, .post] {
            let request = HTTPRequest(
                method: method, target: server.url + "/", headers: ["Content-Type": "text/x", "X-Empty": ""], body: body
            )
            #expect(try await client.send(request).status == 200)
        }
        for (request, method) in zip(server.requests, ["PUT", "POST"]) {
            #expect(request.body == body)
            #expect(request.head.hasPrefix(method))
            #expect(request.head.contains("\r\nContent-Length: \(count)"))
            #expect(request.head.contains("\r\nContent-Type: text/x"))
            #expect(request.head.contains("\r\nX-Empty:"))
            #expect(!request.head.contains("Expect"))
        }
    }

    @Test(arguments: [HTTPMethod.put, .post, .delete])
    func `a body is called nothing that the request does not call it`(
        method: HTTPMethod
    ) async throws {
        let server = try ScriptedServer { _ in .bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
        defer { server.stop() }
        let request = HTTPRequest(method: method, target: server.url + "/", body: [1, 2])
        #expect(try await client.send(request).status == 200)
        let sent = try #require(server.requests.first)
        #expect(sent.head.hasPrefix("\(method) / ") && !sent.head.contains("Content-Type") && sent.body == [1, 2])
    }

    @Test func `a connection is used again`() async throws {
        let server = try ScriptedServer { _ in .bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
        defer { server.stop() }
        for _ in 0..<5 { _ = try await client.send(HTTPRequest(method: .get, target: server.url + "/")) }
        #expect(server.requests.map(\.connection) == [1, 1, 1, 1, 1])
    }

    @Test func `many requests run at the same time`() async throws {
        let server = try ScriptedServer { request in
            .bytes(
                "HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n\(String(decoding: request.body, as: UTF8.self))"
            )
        }
        defer { server.stop() }
        let client = client
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<100 {
                group.addTask {
                    let body = Array("body \(number)".utf8)
                    let request = HTTPRequest(method: .post, target: server.url + "/", body: body)
                    return try await client.send(request).body == body
                }
            }
            for try await isEqual in group { #expect(isEqual) }
        }
    }

    @Test func `a Unix socket serves as well`() async throws {
        let path = NSTemporaryDirectory() + "http-\(UUID().uuidString.prefix(8)).sock"
        let server = try ScriptedServer(unixSocketPath: path) { _ in
            .bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
        defer {
            server.stop()
            unlink(path)
        }
        let options = HTTPRequestOptions(unixSocketPath: path)
        let response = try await client.send(HTTPRequest(method: .get, target: "/path"), options: options)
        #expect(response.body == Array("ok".utf8))
        #expect(server.requests.first?.head.hasPrefix("GET /path HTTP/1.1\r\n") == true)
    }

    @Test func `the answer to HEAD has a length but no body`() async throws {
        let server = try ScriptedServer { _ in .bytes("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n") }
        defer { server.stop() }
        let response = try await client.send(HTTPRequest(method: .head, target: server.url + "/"))
        #expect(response.headers["Content-Length"] == "500")
        #expect(response.body.isEmpty)
    }

    @Test func `a redirect is an answer like any other`() async throws {
        let server = try ScriptedServer { _ in
            .bytes("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
        }
        defer { server.stop() }
        #expect(try await client.send(HTTPRequest(method: .get, target: server.url + "/")).status == 302)
        #expect(server.requests.count == 1)
    }

    // MARK: - How far a failed request got

    enum Fault: String, CaseIterable, CustomTestStringConvertible {
        case unknownHost, refusedPort, noTLS, otherProtocol, missingSocket
        case closedWithoutAnswer, cutHeader, cutBody, notHTTP, silence, longBody, longHeader

        var testDescription: String { rawValue }
    }

    static let certain: Set<Fault> = [.unknownHost, .refusedPort, .noTLS, .otherProtocol, .missingSocket]

    @Test(arguments: Fault.allCases) func `the stage tells whether anything was sent`(fault: Fault) async throws {
        let server = try ScriptedServer { _ in
            switch fault {
            case .closedWithoutAnswer: .bytesThenClose("")
            case .cutHeader: .bytesThenClose("HTTP/1.1 200 OK\r\nContent-Le")
            case .cutBody: .bytesThenClose("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            case .notHTTP: .bytesThenClose("220 mail ready\r\n\r\n")
            case .longBody:
                .bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + String(repeating: "a", count: 100))
            case .longHeader:
                .bytes(
                    "HTTP/1.1 200 OK\r\n"
                        + String(repeating: "X-A: \(String(repeating: "b", count: 1000))\r\n", count: 300) + "\r\n")
            default: .silence
            }
        }
        defer { server.stop() }
        var options = HTTPRequestOptions()
        options.connectTimeoutMilliseconds = 200
        options.timeoutMilliseconds = 100
        options.responseBytesMax = 99
        var target = server.url + "/"
        switch fault {
        case .unknownHost: target = "http://no-such-host.invalid/"
        case .refusedPort: server.stop()
        case .noTLS: target = "https://127.0.0.1:\(server.port)/"
        case .otherProtocol: target = "file:///etc/passwd"
        case .missingSocket: options.unixSocketPath = "/nonexistent/socket"
        default: break
        }
        let request = HTTPRequest(method: .put, target: target, body: [1, 2, 3])
        do throws(HTTPClientError) {
            let response = try await client.send(request, options: options)
            Issue.record("answered with \(response.status)")
        } catch {
            #expect(error.stage == (Self.certain.contains(fault) ? .notSent : .maybeSent), "\(error)")
            #expect(error.message.hasPrefix("PUT "))
            #expect(error.isTimeout == (fault == .silence || fault == .noTLS), "\(error)")
        }
    }

    @Test(arguments: [(HTTPMethod.put, false), (.post, false), (.delete, false), (.get, true)])
    func `only a safe request is repeated when a reused connection dies`(method: HTTPMethod, repeats: Bool) async throws
    {
        let server = try ScriptedServer { request in
            request.connection == 1 && request.head.contains("/second")
                ? .bytesThenClose("") : .bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        defer { server.stop() }
        _ = try await client.send(HTTPRequest(method: method, target: server.url + "/first"))
        do throws(HTTPClientError) {
            let response = try await client.send(HTTPRequest(method: method, target: server.url + "/second"))
            #expect(repeats && response.status == 200)
        } catch {
            #expect(!repeats)
            #expect(error.stage == .maybeSent)
        }
        #expect(server.requests.count(where: { $0.head.contains("/second") }) == (repeats ? 2 : 1))
    }

    @Test func `cancelling the task ends the transfer`() async throws {
        let arrived = AsyncStream<Void>.makeStream()
        let server = try ScriptedServer { _ in
            arrived.continuation.yield()
            return .silence
        }
        defer { server.stop() }
        let client = client
        let task = Task { () async -> HTTPClientError? in
            do throws(HTTPClientError) {
                _ = try await client.send(HTTPRequest(method: .post, target: server.url + "/"))
                return nil
            } catch {
                return error
            }
        }
        for await _ in arrived.stream { break }
        task.cancel()
        let error = await task.value
        #expect(error?.stage == .maybeSent)
        #expect(error?.message.hasSuffix("cancelled") == true)
    }

    @Test func `a task that is cancelled already sends nothing`() async throws {
        let server = try ScriptedServer { _ in .silence }
        defer { server.stop() }
        let client = client
        let task = Task { () async -> HTTPClientError.Stage? in
            withUnsafeCurrentTask { $0?.cancel() }
            do throws(HTTPClientError) {
                _ = try await client.send(HTTPRequest(method: .post, target: server.url + "/"))
                return nil
            } catch {
                return error.stage
            }
        }
        #expect(await task.value == .notSent)
        #expect(server.requests.isEmpty)
    }
}
