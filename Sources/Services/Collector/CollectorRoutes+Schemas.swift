import Clocks
import JSONFormat
import Schemas
import ServiceHost

/// `GET /debug/schemas`: which schemas events are judged by, and which typed tables are fed.
extension CollectorRoutes {
    func addSchemas(to router: inout Router) {
        router.get("/debug/schemas", access: .keyOutsideDevelopment) { _ in .json(await schemas()) }
    }

    private func schemas() async -> JSONValue {
        let (sync, tables) = await service.schemas.status()
        let listed = sync.schemas.map { registered -> JSONValue in
            var object = registered.schema.json.object ?? JSONObject()
            object["revision"] = .integer(registered.revision)
            return .object(object)
        }
        let fed = tables.map { table -> JSONValue in
            ["table": .string(table.table), "type": .string(table.type), "columns": JSONValue(table.columns)]
        }
        return [
            "registry": [
                "configured": .bool(sync.hasRegistry), "error": sync.trouble.map { .string($0) } ?? .null,
                "refreshed_at": sync.refreshedAt.map { .string($0.description) } ?? .null,
            ],
            "schemas": .array(listed), "tables": .array(fed),
        ]
    }
}
