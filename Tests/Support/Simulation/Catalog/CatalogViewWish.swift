import Catalog
import Clocks
import IcebergCatalog
import IcebergSpec

/// What a client asks of views.
struct CatalogViewWish: Sendable {
    let wish: CatalogWish
    let number: Int64
    let world: CatalogWorld

    func ask(_ request: CatalogService.Request) -> CatalogClient.Ask {
        { (service) async throws(CatalogError) in
            switch wish {
            case .createView(let view):
                let (schema, version) = try definition()
                let wanted = CatalogService.ViewCreation(schema: schema, version: version, properties: mark)
                return .at(try await service.createView(view, wanted, request).file.location)
            case .replaceView(let view):
                let (schema, version) = try definition()
                let change = CatalogService.ViewChange(
                    identifier: view, requirements: [],
                    updates: ViewMetadata.replacement(schema: schema, version: version) + [.setProperties(mark)])
                return .at(try await service.commit(change, request).file.location)
            case .dropView(let view):
                try await service.dropView(view, request)
                return .done
            case .renameView(let source, let destination):
                try await service.renameView(source, to: destination, request)
                return .done
            default:
                return .at(try await service.loadView(wish.name).file.location)
            }
        }
    }

    private var mark: [String: String] { ["w\(number)": "1"] }

    private func definition() throws(CatalogError) -> (Schema, ViewVersion) {
        let version = ViewVersion(
            timestampMilliseconds: world.clock.now().milliseconds,
            representations: [.sql("select \(number)", dialect: "spark")],
            defaultNamespace: world.namespace.levels)
        do { return (try world.schema(), version) } catch { throw CatalogError(.badRequest, "\(error)") }
    }
}
