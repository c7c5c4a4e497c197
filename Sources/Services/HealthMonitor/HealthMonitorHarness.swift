import Clocks
import HTTP
import JSONFormat
import ServiceHost

/// The monitor over HTTP. Reading needs no key: it is what load balancers and people look at first.
package struct HealthMonitorHarness: Sendable {
    private let service: HealthMonitorService
    private let clock: any WallClock

    package init(_ service: HealthMonitorService, clock: any WallClock = SystemClock()) {
        self.service = service
        self.clock = clock
    }

    package func router() -> Router {
        var router = Router()
        let (service, clock) = (service, clock)
        router.on(.get, "/health", access: .open, isRateLimited: false, isQuiet: true) { _ in
            let ledger = service.snapshot
            return .json(ledger.summary(at: clock.now()), status: Self.code(ledger.status))
        }
        router.on(.get, "/health/{component}", access: .open, isRateLimited: false, isQuiet: true) { context in
            let name = context.parameter("component")
            guard let component = Component(rawValue: name) else {
                let known = Component.allCases.map(\.rawValue).joined(separator: ", ")
                throw ServiceError.notFound("there is no component \"\(name.prefix(100))\"; there are \(known)")
            }
            let record = service.snapshot.record(of: component)
            return .json(record.details(at: clock.now()), status: Self.code(record.status))
        }
        router.get("/history", access: .open) { _ in .json(service.snapshot.history(at: clock.now())) }
        router.get("/", access: .open) { _ in
            var response = HTTPResponse.html(StatusPage.render(service.snapshot, at: clock.now()))
            response.headers.append(
                "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
            response.headers.append("Cache-Control", "no-store")
            return response
        }
        return router
    }

    private static func code(_ status: HealthStatus) -> Int { status == .unhealthy ? 503 : 200 }
}
