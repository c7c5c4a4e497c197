import Collector
import ServiceHost

await Worker.main(.collector, CollectorConfiguration.self) { configuration, worker in
    try await CollectorWorker.build(configuration, worker)
}
