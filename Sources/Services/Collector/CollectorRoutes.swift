import ServiceHost

/// The HTTP face of the collector: the only place that knows its paths, headers and status codes. Each group of routes is
/// an extension in a file of its own, added here with one line.
package struct CollectorRoutes: Sendable {
    let service: CollectorService

    package init(_ service: CollectorService) { self.service = service }

    var metrics: CollectorMetrics { service.metrics }

    package var router: Router {
        var router = Router()
        addEvents(to: &router)
        addDebug(to: &router)
        addSchemas(to: &router)
        addAdministration(to: &router)
        addSDK(to: &router)
        addQuarantine(to: &router)
        router.errorMapper = Self.serviceError
        return router
    }
}
