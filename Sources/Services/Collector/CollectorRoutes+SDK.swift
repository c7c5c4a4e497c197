import HTTP
import ServiceHost

/// `GET /sdk/analytics.js`.
extension CollectorRoutes {
    func addSDK(to router: inout Router) {
        let sdk = service.browserSDK
        router.on(
            .get, "/sdk/analytics.js", access: .open, isRateLimited: false, isQuiet: true, isForAllPages: true
        ) { sdk.response(to: $0.request) }
    }
}
