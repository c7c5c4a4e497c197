import IcebergSpec
import JSONFormat

/// What `GET /v1/config` says: overrides win over defaults.
struct RESTCatalogConfiguration: Hashable {
    /// `/v1/` or `/v1/<prefix>/`.
    let pathPrefix: String

    init(body: [UInt8]) throws(CatalogError) {
        do {
            let cursor = JSONCursor(try JSONValue.parse(body))
            let defaults = try cursor.optional("defaults")?.stringMap() ?? [:]
            let overrides = try cursor.optional("overrides")?.stringMap() ?? [:]
            let prefix = overrides["prefix"] ?? defaults["prefix"] ?? ""
            guard prefix.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x3F && $0 != 0x23 }) else {
                throw cursor.fail("the prefix \"\(prefix)\" cannot stand in a path")
            }
            pathPrefix = prefix.isEmpty ? "/v1/" : "/v1/\(prefix)/"
        } catch {
            throw CatalogError(.internalError, "the catalog's configuration: \(error)")
        }
    }
}

extension TableIdentifier {
    /// `{"namespace":[…],"name":…}`.
    public var json: JSONValue {
        ["namespace": .array(namespace.levels.map(JSONValue.string)), "name": .string(name)]
    }

    public init(json: JSONValue) throws(CatalogError) {
        guard let levels = json["namespace"]?.array, let name = json["name"]?.string else {
            throw CatalogError(.badRequest, "a table identifier has \"namespace\" (an array of strings) and \"name\"")
        }
        try self.init(NamespaceName(jsonLevels: levels), name)
    }
}

extension NamespaceName {
    /// - Throws: `.badRequest` also when a level is no string.
    public init(jsonLevels levels: [JSONValue]) throws(CatalogError) {
        let texts = levels.compactMap(\.string)
        guard texts.count == levels.count else {
            throw CatalogError(.badRequest, "every level of a namespace must be a string")
        }
        try self.init(texts)
    }
}

extension TableCreation {
    func json(name: String) -> JSONValue {
        var body = JSONObject()
        body["name"] = .string(name)
        if let location { body["location"] = .string(location) }
        body["schema"] = schema.json
        if let partitionSpec { body["partition-spec"] = partitionSpec.json }
        if let sortOrder { body["write-order"] = sortOrder.json }
        body["stage-create"] = false
        body["properties"] = JSONValue(properties)
        return .object(body)
    }
}
