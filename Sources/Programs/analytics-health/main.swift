import HealthMonitor
import ServiceHost

await Worker.main(.health, HealthMonitorConfiguration.self) { configuration, worker in
    let service = try await HealthMonitorService.assemble(configuration, worker)
    return HealthMonitorHarness(service).router()
}
