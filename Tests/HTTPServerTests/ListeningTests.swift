import Clocks
import Foundation
import Glibc
import HTTP
import HTTPServer
import Synchronization
import Testing

private func temporaryDirectory() throws -> String {
    let path = "/tmp/http-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
}

private func server(_ endpoints: HTTPServerConfiguration.Endpoint..., body: String = "ok") -> HTTPServer {
    HTTPServer(HTTPServerConfiguration(endpoints: endpoints)) { request in
        HTTPResponse(status: 200, headers: ["X-Peer": "\(request.peer)"], body: Array(body.utf8))
    }
}

private let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

@Suite struct `Listening` {
    @Test(arguments: [UInt32(0o600), 0o660])
    func `a Unix socket has its mode, marks its peers, and is gone after the stop`(mode: UInt32) async throws {
        let path = try temporaryDirectory() + "/s.sock"
        let server = server(.unix(path: path, mode: mode), .tcp(address: "127.0.0.1", port: 0))
        try server.start()
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? NSNumber == NSNumber(value: mode))
        let client = RawClient(path: path)
        client.send(get)
        #expect(await client.receive()?.headers["x-peer"] == "unixSocket")
        let other = RawClient(port: try #require(server.ports.first))
        other.send(get)
        #expect(await other.receive()?.headers["x-peer"]?.contains("127.0.0.1") == true)
        await server.stop(graceMilliseconds: 1000)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func `a socket left by a dead process is replaced, a live one is not`() async throws {
        let path = try temporaryDirectory() + "/s.sock"
        let dead = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(dead, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(status == 0)
        close(dead)
        let first = server(.unix(path: path, mode: 0o600), body: "first")
        try first.start()
        let second = server(.unix(path: path, mode: 0o600))
        let error = #expect(throws: HTTPServerError.self) { try second.start() }
        #expect(error?.code == .addressInUse)
        let client = RawClient(path: path)
        client.send(get)
        #expect(await client.receive()?.text == "first")
        await first.stop(graceMilliseconds: 1000)
    }

    @Test func `a file in the place of the socket is not touched`() throws {
        let path = try temporaryDirectory() + "/s.sock"
        try Data("precious".utf8).write(to: URL(filePath: path))
        let error = #expect(throws: HTTPServerError.self) { try server(.unix(path: path, mode: 0o600)).start() }
        #expect(error?.code == .invalid)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    }

    @Test func `a taken port is refused, with the address in the message, and nothing stays open`() async throws {
        let path = try temporaryDirectory() + "/s.sock"
        let first = server(.tcp(address: "127.0.0.1", port: 0))
        try first.start()
        let port = try #require(first.ports.first)
        let second = server(.unix(path: path, mode: 0o600), .tcp(address: "127.0.0.1", port: port))
        let error = #expect(throws: HTTPServerError.self) { try second.start() }
        #expect(error?.code == .addressInUse && error?.message.contains("127.0.0.1:\(port)") == true)
        #expect(!FileManager.default.fileExists(atPath: path))
        await first.stop(graceMilliseconds: 1000)
    }

    @Test func `TLS is served with a certificate, and a wrong one is refused at the start`() async throws {
        let directory = try temporaryDirectory()
        let (certificate, key) = ("\(directory)/c.pem", "\(directory)/k.pem")
        let openssl = Process()
        openssl.executableURL = URL(filePath: "/usr/bin/openssl")
        openssl.arguments = [
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate,
        ]
        openssl.standardError = FileHandle.nullDevice
        try openssl.run()
        openssl.waitUntilExit()
        func serve(_ key: String) throws -> HTTPServer {
            let tls = HTTPServerConfiguration.TLS(
                certificate: try String(contentsOfFile: certificate, encoding: .utf8), key: key)
            return HTTPServer(
                HTTPServerConfiguration(endpoints: [.tcp(address: "127.0.0.1", port: 0)], tls: tls)
            ) { request in HTTPResponse(status: 200, body: request.body) }
        }
        let server = try serve(try String(contentsOfFile: key, encoding: .utf8))
        try server.start()
        let client = try CurlClient(CurlClient.Configuration(certificateAuthorityFile: certificate))
        let body = [UInt8](repeating: 7, count: 300_000)
        let port = try #require(server.ports.first)
        let response = try await client.send(
            HTTPRequest(method: .post, target: "https://127.0.0.1:\(port)/", body: body),
            options: HTTPRequestOptions())
        #expect(response.status == 200 && response.body == body)
        await server.stop(graceMilliseconds: 1000)
        let error = #expect(throws: HTTPServerError.self) { try serve("no key").start() }
        #expect(error?.code == .invalid)
    }

    @Test(arguments: ["example", "300.1.1.1", ""])
    func `an address that is none is refused`(address: String) {
        let error = #expect(throws: HTTPServerError.self) { try server(.tcp(address: address, port: 0)).start() }
        #expect(error?.code == .invalid)
    }
}

@Suite struct `Stopping` {
    /// A handler that waits until the test lets it go on.
    private final class Gate: Sendable {
        private let state = Mutex<(entered: Int, waiting: [CheckedContinuation<Void, Never>])>((0, []))
        var entered: Int { state.withLock { $0.entered } }
        func pass() async {
            await withCheckedContinuation { continuation in
                state.withLock {
                    $0.entered += 1
                    $0.waiting.append(continuation)
                }
            }
        }
        func open() {
            let waiting = state.withLock { $0.waiting }
            for continuation in waiting { continuation.resume() }
        }
    }

    @Test func `requests in flight are finished, connections then closed, new ones refused`() async throws {
        let gate = Gate()
        let server = HTTPServer(
            HTTPServerConfiguration(endpoints: [.tcp(address: "127.0.0.1", port: 0)])
        ) { _ in
            await gate.pass()
            return HTTPResponse(status: 200, body: Array("finished".utf8))
        }
        try server.start()
        let port = try #require(server.ports.first)
        let client = RawClient(port: port)
        let idle = RawClient(port: port)
        client.send(get)
        while gate.entered == 0 { await Task.yield() }
        let stop = Task { await server.stop(graceMilliseconds: 20_000) }
        while RawClient(port: port).isConnected { await Task.yield() }
        gate.open()
        let response = try #require(await client.receive())
        #expect(response.text == "finished" && response.headers["connection"]?.lowercased() == "close")
        #expect(await client.isClosed())
        #expect(await idle.isClosed())
        #expect(await stop.value)
    }

    @Test func `what is not finished in time is cut off, and its late answer goes nowhere`() async throws {
        let gate = Gate()
        let server = HTTPServer(
            HTTPServerConfiguration(endpoints: [.tcp(address: "127.0.0.1", port: 0)])
        ) { _ in
            await gate.pass()
            return HTTPResponse(status: 200)
        }
        try server.start()
        let client = RawClient(port: try #require(server.ports.first))
        client.send(get)
        while gate.entered == 0 { await Task.yield() }
        #expect(await server.stop(graceMilliseconds: 10) == false)
        #expect(await client.receive() == nil)
        gate.open()
    }

    @Test func `a request whose end comes while the server stops does not disturb the stop`() async throws {
        for _ in 0..<10 {
            let entered = Atomic(0)
            let isOpen = Atomic(false)
            let server = HTTPServer(
                HTTPServerConfiguration(endpoints: [.tcp(address: "127.0.0.1", port: 0)]), isShort: { _ in true }
            ) { request in
                guard request.target == "/holds-the-thread" else { return HTTPResponse(status: 200) }
                entered.add(1, ordering: .relaxed)
                while !isOpen.load(ordering: .acquiring) { sched_yield() }
                return HTTPResponse(status: 200)
            }
            try server.start()
            let port = try #require(server.ports.first)
            let late = RawClient(port: port)
            late.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
            while server.requestCount == 0 { await Task.yield() }
            let holding = RawClient(port: port)
            holding.send("GET /holds-the-thread HTTP/1.1\r\nHost: x\r\n\r\n")
            while entered.load(ordering: .relaxed) == 0 { await Task.yield() }
            late.send("}")
            let stop = Task { await server.stop(graceMilliseconds: 0) }
            while RawClient(port: port).isConnected { await Task.yield() }
            isOpen.store(true, ordering: .releasing)
            #expect(await stop.value == false)
            #expect(server.connectionCount == 0)
        }
    }

    @Test func `servers can be started and stopped again and again under load`() async throws {
        for _ in 0..<10 {
            let server = server(.tcp(address: "127.0.0.1", port: 0))
            try server.start()
            let port = try #require(server.ports.first)
            let load = Task {
                while true {
                    let client = RawClient(port: port)
                    guard client.isConnected else { return }
                    client.send(get + get)
                    _ = await client.receive()
                    _ = await client.receive()
                }
            }
            while server.connectionCount == 0 { await Task.yield() }
            await server.stop(graceMilliseconds: 2000)
            await load.value
        }
    }
}
