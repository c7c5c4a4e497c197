import HTTP
import JSONFormat
import ServiceHost

/// `/admin/*`: pausing the intake.
extension CollectorRoutes {
    func addAdministration(to router: inout Router) {
        router.post("/admin/pause", access: .keyOutsideDevelopment) { _ in try await setPaused(true) }
        router.post("/admin/resume", access: .keyOutsideDevelopment) { _ in try await setPaused(false) }
        router.get("/admin/status", access: .keyOutsideDevelopment) { _ in .json(administration) }
    }

    private func setPaused(_ isPaused: Bool) async throws -> HTTPResponse {
        try await service.pause.set(isPaused)
        return .json(administration)
    }

    private var administration: JSONValue { ["paused": .bool(service.pause.isPaused)] }
}
