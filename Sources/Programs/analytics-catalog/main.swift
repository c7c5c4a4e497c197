import Catalog
import ServiceHost

await Worker.main(.catalog, CatalogConfiguration.self) { configuration, worker in
    try await CatalogWorker.build(configuration, worker)
}
