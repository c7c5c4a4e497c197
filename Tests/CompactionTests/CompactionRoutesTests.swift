import HTTP
import ServiceHost
import Testing

@testable import Compaction

struct CompactionRoutesTests {
    @Test(arguments: [("", ""), ("?older_than_days=3&dry_run=true&wait=false", ""), ("?dry_run", " {}\n")])
    func `what is known is taken`(query: String, body: String) throws {
        try CompactionRoutes.check(request(query, body), parameters: ["older_than_days"])
    }

    @Test(arguments: [
        ("?dryrun=true", ""), ("?dry-run=true", ""), ("?force=true", ""), ("?dry_run=false&dry_run=true", ""),
        ("", #"{"dry_run":true}"#), ("", "dry_run=true"), ("", "["),
    ])
    func `what would be ignored is refused before anything is rewritten or deleted`(query: String, body: String) {
        let error = #expect(throws: ServiceError.self) {
            try CompactionRoutes.check(request(query, body), parameters: ["older_than_days"])
        }
        #expect(error?.status == 400)
    }

    private func request(_ query: String, _ body: String) -> HTTPRequest {
        HTTPRequest(method: .post, target: "/expire/events" + query, body: Array(body.utf8))
    }
}
