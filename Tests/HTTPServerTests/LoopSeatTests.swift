import Foundation
import Glibc
import HTTP
import HTTPServer
import Synchronization
import Testing

/// A server whose handler may call others, and one to be called.
private struct Servers {
    let front: HTTPServer
    let back: HTTPServer
    let frontPort: Int
    let backURL: String

    init(isShort: Bool = true, _ handler: @escaping @Sendable (HTTPRequest, String) async throws -> String) throws {
        let configuration = HTTPServerConfiguration(endpoints: [.tcp(address: "127.0.0.1", port: 0)])
        back = HTTPServer(configuration) { request in HTTPResponse(status: 200, body: Array(request.target.utf8)) }
        try back.start()
        let url = "http://127.0.0.1:\(try #require(back.ports.first))"
        backURL = url
        front = HTTPServer(configuration, isShort: { _ in isShort }) { request in
            do {
                return HTTPResponse(status: 200, body: Array(try await handler(request, url).utf8))
            } catch {
                return HTTPResponse(status: 502, body: Array("\(error)".utf8))
            }
        }
        try front.start()
        frontPort = try #require(front.ports.first)
    }

    func ask(_ target: String) async throws -> String {
        let client = RawClient(port: frontPort)
        client.send("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n")
        return try #require(await client.receive()).text
    }

    func stop() async {
        await front.stop(graceMilliseconds: 5000)
        await back.stop(graceMilliseconds: 5000)
    }
}

/// Accepts nobody: whoever connects waits.
private func silentURL() throws -> (url: String, listener: Int32) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port = withUnsafeMutableBytes(of: &address) { bytes -> UInt16 in
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return 0 }
        bind(listener, base, length)
        listen(listener, 8)
        getsockname(listener, base, &length)
        return UInt16(bigEndian: base.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_port })
    }
    return ("http://127.0.0.1:\(try #require(port == 0 ? nil : port))", listener)
}

@Suite struct `HTTP client on a server's loop` {
    @Test(arguments: [true, false])
    func `requests of short requests are driven by the loop that runs them, others are not`(isShort: Bool) async throws
    {
        let client = try CurlClient()
        let servers = try Servers(isShort: isShort) { request, back in
            let before = pthread_self()
            let answer = try await client.send(HTTPRequest(method: .get, target: back + request.target))
            let isSeated = LoopSeat.current?.guest != nil
            return "\(String(decoding: answer.body, as: UTF8.self)) \(isSeated) \(!isShort || before == pthread_self())"
        }
        for number in 0..<3 {
            let answer = try await servers.ask("/\(number)")
            #expect(answer == "/\(number) \(isShort) true")
        }
        await servers.stop()
    }

    @Test func `many at once are all answered, each with its own`() async throws {
        let client = try CurlClient()
        let servers = try Servers { request, back in
            var texts: [String] = []
            for step in 0..<3 {
                let answer = try await client.send(
                    HTTPRequest(method: .get, target: "\(back)\(request.target)-\(step)"))
                texts.append(String(decoding: answer.body, as: UTF8.self))
            }
            return texts.joined(separator: " ")
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<100 {
                group.addTask {
                    let answer = try await servers.ask("/\(number)")
                    #expect(answer == "/\(number)-0 /\(number)-1 /\(number)-2")
                }
            }
            try await group.waitForAll()
        }
        await servers.stop()
    }

    @Test func `a loop has one guest; a second client is served by its own thread`() async throws {
        let clients = [try CurlClient(), try CurlClient()]
        let servers = try Servers { request, back in
            var guests: Set<ObjectIdentifier> = []
            for client in clients {
                _ = try await client.send(HTTPRequest(method: .get, target: back + request.target))
                if let guest = LoopSeat.current?.guest { guests.insert(ObjectIdentifier(guest)) }
            }
            return "\(guests.count)"
        }
        let guests = try await servers.ask("/")
        #expect(guests == "1")
        await servers.stop()
    }

    @Test func `a client that is gone leaves its seat to the next`() async throws {
        let servers = try Servers { request, back in
            let isFree = LoopSeat.current?.guest == nil
            let client = try CurlClient()
            _ = try await client.send(HTTPRequest(method: .get, target: back + request.target))
            return "\(isFree) \(LoopSeat.current?.guest != nil)"
        }
        for _ in 0..<3 {
            let answer = try await servers.ask("/")
            #expect(answer == "true true")
        }
        await servers.stop()
    }

    @Test func `cancelling ends a transfer on a loop`() async throws {
        let (silent, listener) = try silentURL()
        defer { close(listener) }
        let client = try CurlClient()
        let servers = try Servers { _, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await client.send(HTTPRequest(method: .get, target: silent)) }
                group.cancelAll()
                try await group.waitForAll()
            }
            return "not cancelled"
        }
        let answer = try await servers.ask("/")
        #expect(answer.contains(": cancelled"))
        await servers.stop()
    }

    @Test func `what is under way when the loop ends fails, and what comes after goes another way`() async throws {
        let (silent, listener) = try silentURL()
        defer { close(listener) }
        let client = try CurlClient()
        let (begun, ended) = (AsyncStream<Void>.makeStream(), AsyncStream<String>.makeStream())
        let servers = try Servers { _, back in
            begun.continuation.yield()
            do {
                _ = try await client.send(HTTPRequest(method: .get, target: silent))
                ended.continuation.yield("answered")
            } catch {
                let after = try await client.send(HTTPRequest(method: .get, target: "\(back)/after"))
                ended.continuation.yield("\(error)\(String(decoding: after.body, as: UTF8.self))")
            }
            return ""
        }
        let asking = RawClient(port: servers.frontPort)
        asking.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        for await _ in begun.stream { break }
        await servers.front.stop(graceMilliseconds: 0)
        for await text in ended.stream {
            #expect(text.contains("the loop that sent it has ended") && text.hasSuffix("/after"))
            break
        }
        await servers.stop()
    }
}

@Suite struct `Loop for tasks that wait` {
    @Test func `its tasks, their children and their requests stay on one thread`() async throws {
        let client = try CurlClient()
        let servers = try Servers { _, _ in "" }
        let url = servers.backURL
        let loop = try WorkLoop()
        let work: @Sendable (Int) async throws -> Set<UInt> = { number in
            var threads: Set<UInt> = []
            for step in 0..<3 {
                threads.insert(UInt(pthread_self()))
                async let other = client.send(HTTPRequest(method: .get, target: "\(url)/other"))
                let answer = try await client.send(HTTPRequest(method: .get, target: "\(url)/\(number)-\(step)"))
                #expect(String(decoding: answer.body, as: UTF8.self) == "/\(number)-\(step)")
                _ = try await other
                #expect(LoopSeat.current?.guest != nil)
            }
            threads.insert(UInt(pthread_self()))
            return threads
        }
        let tasks = (0..<50).map { number in Task.detached(executorPreference: loop) { try await work(number) } }
        var threads: Set<UInt> = []
        for task in tasks { threads.formUnion(try await task.value) }
        #expect(threads.count == 1)
        await servers.stop()
    }

    @Test func `tasks that outlive it go on elsewhere`() async throws {
        let gate = AsyncStream<Void>.makeStream()
        let begun = AsyncStream<Void>.makeStream()
        var loop: WorkLoop? = try WorkLoop()
        let task = Task.detached(executorPreference: loop) {
            begun.continuation.yield()
            for await _ in gate.stream { break }
            return LoopSeat.current?.guest == nil
        }
        for await _ in begun.stream { break }
        loop = nil
        gate.continuation.yield()
        #expect(await task.value)
    }
}
