import Bytes
import Clocks
import Compression
import Configuration
import Foundation
import HTTP
import JSONFormat
import ServiceHost
import Synchronization
import Testing

final class ManualClock: MonotonicClock, WallClock {
    private let time = Mutex<UInt64>(1_000_000_000_000_000_000)
    func advance(milliseconds: Int) { time.withLock { $0 += UInt64(milliseconds) * 1_000_000 } }
    func nanoseconds() -> UInt64 { time.withLock { $0 } }
    func now() -> Timestamp { Timestamp(microseconds: Int64(nanoseconds() / 1000)) }
    func sleep(milliseconds: Int) async throws { advance(milliseconds: milliseconds) }
}

@Suite struct `Request bodies` {
    private static func decode(_ body: [UInt8], _ coding: String, limit: Int = 1000) -> Result<[UInt8], ServiceError> {
        var request = HTTPRequest(method: .post, target: "/", headers: ["Content-Encoding": coding], body: body)
        do {
            try RequestBody.decode(&request, bytesMax: limit)
            return .success(request.body)
        } catch {
            return .failure(error)
        }
    }

    private static func status(_ result: Result<[UInt8], ServiceError>) -> Int {
        switch result {
        case .success: 200
        case .failure(let error): error.status
        }
    }

    @Test func `gzip, deflate and zstd are undone, also one in another`() throws {
        let text = Array("hello hello hello".utf8)
        let gzip = try Deflate.compress(text)
        #expect(Self.decode(gzip, "gzip") == .success(text))
        #expect(Self.decode(try Deflate.compress(text, container: .zlib), "deflate") == .success(text))
        #expect(Self.decode(try Zstandard.compress(text), "ZSTD") == .success(text))
        #expect(Self.decode(try Zstandard.compress(gzip), "gzip, zstd") == .success(text))
        #expect(Self.decode(text, "identity") == .success(text))
    }

    @Test func `what is too long, damaged or unknown is told apart`() throws {
        for count in [1000, 1001] {
            let bytes = [UInt8](repeating: 0, count: count)
            let expected = count <= 1000 ? 200 : 413
            #expect(Self.status(Self.decode(try Deflate.compress(bytes), "gzip")) == expected)
            #expect(Self.status(Self.decode(try Zstandard.compress(bytes), "zstd")) == expected)
        }
        let whole = try Deflate.compress(Array("hello".utf8))
        for end in 0..<whole.count { #expect(Self.status(Self.decode(Array(whole[..<end]), "gzip")) == 400) }
        let frame = try Zstandard.compress(Array("hello".utf8))
        for end in 1..<frame.count { #expect(Self.status(Self.decode(Array(frame[..<end]), "zstd")) == 400) }
        #expect(Self.status(Self.decode([], "br")) == 415)
        #expect(Self.status(Self.decode([], "gzip,gzip,gzip,gzip")) == 415)
    }
}

@Suite struct `Binding signatures` {
    private static let signature = BindingSignature(secret: "0123456789abcdef")

    private static func signed(at clock: ManualClock) -> HTTPRequest {
        var request = HTTPRequest(method: .post, target: "/v1/x?y=1", body: Array("body".utf8))
        signature.sign(&request, caller: "api", at: clock.now(), nonce: 7)
        return request
    }

    @Test func `a signed request is its caller's, once`() throws {
        let (clock, seen) = (ManualClock(), ReplayCache())
        let request = Self.signed(at: clock)
        #expect(try Self.signature.verify(request, at: clock.now(), seen: seen).name == "api")
        #expect(throws: ServiceError.self) { try Self.signature.verify(request, at: clock.now(), seen: seen) }
    }

    @Test(arguments: [(-60, true), (60, true), (-61, false), (61, false)])
    func `it holds for a minute either way`(seconds: Int64, isGood: Bool) throws {
        let clock = ManualClock()
        let request = Self.signed(at: clock)
        let now = Timestamp(microseconds: clock.now().microseconds + seconds * 1_000_000)
        let verify = { try Self.signature.verify(request, at: now, seen: ReplayCache()) }
        if isGood { _ = try verify() } else { #expect(throws: ServiceError.self) { try verify() } }
    }

    @Test func `whatever is changed breaks it`() throws {
        let clock = ManualClock()
        let original = Self.signed(at: clock)
        var changed: [HTTPRequest] = []
        func change(_ body: (inout HTTPRequest) -> Void) {
            var copy = original
            body(&copy)
            changed.append(copy)
        }
        change { $0.method = .put }
        change { $0.target = "/v1/x?y=2" }
        change { $0.body.append(0) }
        change { $0.headers["X-Binding-Caller"] = "admin" }
        change { $0.headers["X-Binding-Nonce"] = "8" }
        change { $0.headers["X-Binding-Timestamp"] = "\(clock.now().microseconds + 1)" }
        change { $0.headers["X-Binding-Signature"] = String(repeating: "0", count: 64) }
        change { $0.headers["X-Binding-Signature"] = nil }
        for request in changed {
            let error = #expect(throws: ServiceError.self) {
                try Self.signature.verify(request, at: clock.now(), seen: ReplayCache())
            }
            #expect(error?.status == 401)
        }
    }

    @Test func `used signatures are known for as long as they are good`() {
        let (clock, cache) = (ManualClock(), ReplayCache())
        #expect(cache.insert([1], at: clock.now()))
        for _ in 0..<12 {
            clock.advance(milliseconds: 10_000)
            #expect(!cache.insert([1], at: clock.now()))
        }
    }
}

@Suite struct `Bindings files` {
    @Test func `entries are found by binding, the own socket by service`() throws {
        let file = try BindingsFile(
            json: Array(
                #"""
                {"services":[
                  {"binding":"ANALYTICS","service":"analytics-event-collector-staging","url":"unix:/run/c.sock"},
                  {"binding":"ANALYTICS_CATALOG","service":"x","url":"https://h:1/p"}]}
                """#.utf8))
        #expect(file["ANALYTICS_CATALOG"]?.url.text == "https://h:1/p")
        #expect(file.socketPath(service: "analytics-event-collector-staging", binding: "-") == "/run/c.sock")
        #expect(file.socketPath(service: "-", binding: "ANALYTICS") == "/run/c.sock")
        #expect(file.socketPath(service: "x", binding: "-") == nil)
    }

    @Test(arguments: [
        "", "[]", #"{"services":[{"binding":"A","service":"s"}]}"#,
        #"{"services":[{"binding":"A","service":"s","url":"ftp://h"}]}"#,
        #"{"services":[{"binding":"A","service":"s","url":"unix:/a"},{"binding":"A","service":"s","url":"unix:/b"}]}"#,
    ])
    func `what is no bindings file is refused`(text: String) {
        #expect(throws: JSONError.self) { try BindingsFile(json: Array(text.utf8)) }
    }
}
