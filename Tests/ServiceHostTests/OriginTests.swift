import Configuration
import HTTP
import Testing

@testable import ServiceHost

@Suite struct `Pages of other origins` {
    private func preflight(_ target: String, _ origin: String) -> HTTPRequest {
        HTTPRequest(
            method: .options, target: target,
            headers: [
                "Origin": origin, "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type,x-api-key",
            ], peer: .address("10.0.0.9"))
    }

    @Test(arguments: ["https://shop.example", "*"])
    func `an origin that may call is mirrored, with credentials`(allowed: String) async throws {
        let pipeline = try accessPipeline([
            "ICEBERG_ENV": "production", "ANALYTICS_API_KEY": "k", "ALLOWED_ORIGINS": allowed,
        ])
        let response = await pipeline.respond(to: preflight("/events", "https://shop.example"))
        #expect(response.status == 204)
        #expect(response.headers["Access-Control-Allow-Origin"] == "https://shop.example")
        #expect(response.headers["Access-Control-Allow-Credentials"] == "true")
        #expect(response.headers["Access-Control-Allow-Headers"] == "content-type,x-api-key")
        #expect(response.headers["Access-Control-Allow-Methods"] == "OPTIONS, POST")
        #expect(response.headers["Access-Control-Max-Age"] == "7200")
        #expect(response.headers.values("Vary").joined(separator: ", ").contains("Origin"))
        // A refusal can be read by the page too.
        let refused = await pipeline.respond(to: post("/events", ["Origin": "https://shop.example"]))
        #expect(refused.status == 401 && refused.headers["Access-Control-Allow-Origin"] == "https://shop.example")
    }

    @Test func `an origin that may not is refused, and told nothing`() async throws {
        let pipeline = try accessPipeline([
            "ICEBERG_ENV": "production", "ANALYTICS_API_KEY": "k", "ALLOWED_ORIGINS": "https://*.shop.example",
        ])
        for request in [
            preflight("/events", "https://shop.example.evil"), post("/events", ["Origin": "null", "X-API-Key": "k"]),
        ] {
            let response = await pipeline.respond(to: request)
            #expect(response.status == 403 && response.headers["Access-Control-Allow-Origin"] == nil)
            #expect(response.headers["Access-Control-Allow-Credentials"] == nil && response.headers["Vary"] == "Origin")
        }
        let inside = await pipeline.respond(
            to: post("/events", ["Origin": "https://a.shop.example", "X-API-Key": "k"]))
        #expect(inside.status == 200)
    }

    @Test func `a key for some pages is for no others, and opens them for no other key`() async throws {
        let file = try temporaryFile(
            keyFile(("web", "w", #","scopes":{"origins":["https://a.example"]}"#), ("server", "s", "")))
        let pipeline = try accessPipeline([
            "ICEBERG_ENV": "production", "WRITE_KEYS_FILE": file, "ALLOWED_ORIGINS": "https://b.example",
        ])
        for (key, origin, status) in [
            ("w", "https://a.example", 200), ("w", "https://b.example", 403), ("w", "https://c.example", 403),
            ("w", "", 403), ("s", "https://a.example", 403), ("s", "https://b.example", 200), ("s", "", 200),
        ] {
            let origins: HTTPHeaders = origin.isEmpty ? ["X-API-Key": key] : ["X-API-Key": key, "Origin": origin]
            #expect(await pipeline.respond(to: post("/events", origins)).status == status, "\(key) \(origin)")
        }
        // The preflight does not say which key will come.
        for (origin, status) in [("https://a.example", 204), ("https://b.example", 204), ("https://c.example", 403)] {
            #expect(await pipeline.respond(to: preflight("/events", origin)).status == status)
        }
    }

    @Test func `what is for all pages is for all pages`() async throws {
        let pipeline = try accessPipeline([
            "ICEBERG_ENV": "production", "ANALYTICS_API_KEY": "k", "ALLOWED_ORIGINS": "https://b.example",
        ])
        let response = await pipeline.respond(
            to: HTTPRequest(method: .get, target: "/script", headers: ["Origin": "https://c.example"]))
        #expect(response.status == 200 && response.headers["Access-Control-Allow-Origin"] == "*")
        #expect(response.headers["Access-Control-Allow-Credentials"] == nil)
    }

    @Test func `a sender of webhooks is allowed to deliver`() async throws {
        let pipeline = try accessPipeline([:])
        let response = await pipeline.respond(
            to: HTTPRequest(method: .options, target: "/events", headers: ["WebHook-Request-Origin": "events.example"]))
        #expect(response.status == 204 && response.headers["WebHook-Allowed-Origin"] == "events.example")
    }
}
