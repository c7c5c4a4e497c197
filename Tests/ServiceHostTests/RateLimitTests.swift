import Clocks
import Configuration
import HTTP
import Testing

@testable import ServiceHost

@Suite struct `Rate limits` {
    @Test func `a window that is over allows again`() {
        let clock = ManualClock()
        let limiter = RateLimiter(windowMilliseconds: 1000, clock: clock)
        #expect(limiter.decide("a", max: 1).isAllowed)
        #expect(!limiter.decide("a", max: 1).isAllowed)
        #expect(limiter.decide("a", max: 1).resetSeconds == 1)
        clock.advance(milliseconds: 1000)
        #expect(limiter.decide("a", max: 1).isAllowed)
    }

    @Test func `callers beyond what is kept apart share one allowance`() {
        let limiter = RateLimiter(windowMilliseconds: 1000, clock: ManualClock())
        for number in 0..<RateLimiter.callersMax { _ = limiter.decide("\(number)", max: 1) }
        #expect(limiter.decide("new", max: 1).isAllowed)
        #expect(!limiter.decide("newer", max: 1).isAllowed)
    }

    @Test func `looking costs nothing, a charge may overdraw`() {
        let limiter = RateLimiter(windowMilliseconds: 1000, clock: ManualClock())
        #expect(limiter.look("a", max: 10).isAllowed && limiter.look("a", max: 10).remaining == 10)
        limiter.charge("a", 9)
        #expect(limiter.look("a", max: 10).isAllowed)
        limiter.charge("a", 50)
        #expect(!limiter.look("a", max: 10).isAllowed && limiter.look("a", max: 10).remaining == 0)
    }

    @Test func `each key has its own limit, two keys of one name share one`() async throws {
        let rate = #","scopes":{"rate":{"requests":2}}"#
        let file = try temporaryFile(keyFile(("web", "w1", rate), ("web", "w2", rate), ("server", "s", "")))
        let pipeline = try accessPipeline(["WRITE_KEYS_FILE": file, "RATE_LIMIT_MAX_REQUESTS": "3"])
        func send(_ key: String) async -> HTTPResponse {
            await pipeline.respond(to: post("/events", ["X-API-Key": key]))
        }
        let first = await send("w1")
        #expect(first.status == 200 && first.headers["RateLimit-Limit"] == "2")
        #expect(first.headers["RateLimit-Remaining"] == "1" && first.headers["RateLimit-Reset"] == "60")
        #expect(await send("w2").status == 200)
        let refused = await send("w1")
        #expect(refused.status == 429 && refused.headers["Retry-After"] == "60")
        #expect(await send("w2").status == 429)
        for status in [200, 200, 200, 429] { #expect(await send("s").status == status) }
    }

    @Test func `a key may be held to so many events`() async throws {
        let file = try temporaryFile(keyFile(("web", "w", #","scopes":{"rate":{"events":10}}"#)))
        let pipeline = try accessPipeline(["WRITE_KEYS_FILE": file])
        func send(_ events: Int) async -> HTTPResponse {
            await pipeline.respond(
                to: post("/events", ["X-API-Key": "w"], body: String(repeating: "e", count: events)))
        }
        #expect(await send(9).headers["RateLimit-Remaining"] == "10")
        #expect(await send(5).status == 200)
        let refused = await send(1)
        #expect(refused.status == 429 && refused.headers["RateLimit-Limit"] == "10")
    }
}

@Suite struct `Addresses of clients` {
    private func address(_ proxies: [String], _ peer: HTTPPeer, _ headers: HTTPHeaders) throws -> String {
        let trusted = try #require(TrustedProxies(proxies))
        let request = HTTPRequest(method: .get, target: "/", headers: headers, peer: peer)
        return trusted.clientAddress(of: request, isBelieved: trusted.believes(request))
    }

    @Test(arguments: [
        ("1.1.1.1", "9.9.9.9", "1.1.1.1"), ("10.0.0.1", "9.9.9.9", "9.9.9.9"),
        ("10.0.0.1", "8.8.8.8, 9.9.9.9, 10.0.0.2", "9.9.9.9"), ("10.0.0.1", "", "10.0.0.1"),
        ("10.255.0.1", "9.9.9.9:4711", "9.9.9.9"), ("10.0.0.1", "[2001:DB8::1]:80", "2001:db8::1"),
        ("2001:db8:1::5", "2001:db8::7", "2001:db8::7"), ("2001:db9::5", "2001:db8::7", "2001:db9::5"),
        ("::ffff:10.0.0.1", "9.9.9.9", "9.9.9.9"), ("::ffff:9.0.0.1", "", "9.0.0.1"),
        ("10.0.0.1", "9.9.9.9, unknown", "10.0.0.1"), ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.1"),
        ("10.0.0.1", "9.9.9.9,,10.0.0.2", "9.9.9.9"),
    ])
    func `only trusted proxies say whose request it is`(peer: String, forwarded: String, expected: String) throws {
        let headers: HTTPHeaders = forwarded.isEmpty ? [:] : ["X-Forwarded-For": forwarded]
        #expect(try address(["10.0.0.0/8", "2001:db8:1::/48"], .address(peer), headers) == expected)
    }

    @Test func `the field of Cloudflare counts where there is no other, or all are trusted`() throws {
        let both: HTTPHeaders = ["CF-Connecting-IP": "7.7.7.7", "X-Forwarded-For": "8.8.8.8, 9.9.9.9"]
        let one: HTTPHeaders = ["CF-Connecting-IP": "7.7.7.7"]
        #expect(try address(["10.0.0.1"], .address("10.0.0.1"), both) == "9.9.9.9")
        #expect(try address(["10.0.0.1"], .address("10.0.0.1"), one) == "7.7.7.7")
        #expect(try address(["10.0.0.1"], .address("10.0.0.2"), one) == "10.0.0.2")
        #expect(try address(["*"], .address("10.0.0.2"), both) == "7.7.7.7")
        #expect(try address([], .unixSocket, one) == "7.7.7.7")
        #expect(try address([], .unixSocket, [:]) == "unix")
    }

    @Test func `a client cannot hide behind many made-up addresses`() throws {
        let forwarded = Array(repeating: "8.8.8.8", count: 1000) + ["9.9.9.9"]
        let headers: HTTPHeaders = [
            "CF-Connecting-IP": "7.7.7.7", "X-Forwarded-For": forwarded.joined(separator: ", "),
        ]
        #expect(try address(["10.0.0.1"], .address("10.0.0.1"), headers) == "9.9.9.9")
    }

    @Test(arguments: ["10.0.0.0/33", "10.0.0.0/-1", "10.0.0", "example.org", "::1/129", "10.0.0.1:80", "10.0.0.0/8/8"])
    func `what is no address or block is refused`(text: String) {
        #expect(TrustedProxies([text]) == nil)
        var reader = ConfigurationReader(Environment(["TRUSTED_PROXIES": text]))
        _ = WorkerConfiguration(.collector, from: &reader)
        #expect(reader.problems.map(\.variable) == ["TRUSTED_PROXIES"])
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.1.2.3/31", "10.1.2.2", true),
        ("10.1.2.3/31", "10.1.2.4", false), ("0.0.0.0/0", "9.9.9.9", true), ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "2001:db8::1", true), ("2001:db8::/33", "2001:db8:7fff::1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false),
    ])
    func `blocks are compared bit by bit`(block: String, address: String, expected: Bool) throws {
        let network = try #require(IPNetwork(block))
        #expect(network.contains(try #require(IPAddress(address))) == expected)
    }

    @Test func `development believes its own machine, the others nobody`() throws {
        func believes(_ environment: [String: String]) -> Bool {
            var reader = ConfigurationReader(Environment(environment))
            let configuration = WorkerConfiguration(.collector, from: &reader)
            return configuration.trustedProxies.believes(
                HTTPRequest(method: .get, target: "/", peer: .address("127.0.0.1")))
        }
        #expect(believes([:]))
        #expect(!believes(["TRUSTED_PROXIES": "10.0.0.1"]))
        #expect(!believes(["ICEBERG_ENV": "production", "ANALYTICS_API_KEY": "k"]))
    }
}
