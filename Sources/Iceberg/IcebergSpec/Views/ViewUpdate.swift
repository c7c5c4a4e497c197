import Clocks
import JSONFormat

/// One change of a view, as the REST catalog protocol names it (`ViewUpdate`).
public enum ViewUpdate: Hashable, Sendable {
    case assignUUID(UUID)
    case upgradeFormatVersion(Int)
    case addSchema(Schema)
    case setLocation(String)
    case setProperties([String: String])
    case removeProperties([String])
    case addViewVersion(ViewVersion)
    /// -1: the one added last in the same commit.
    case setCurrentViewVersion(id: Int)

    /// The `action` of the REST catalog protocol.
    public var action: String {
        switch self {
        case .assignUUID: "assign-uuid"
        case .upgradeFormatVersion: "upgrade-format-version"
        case .addSchema: "add-schema"
        case .setLocation: "set-location"
        case .setProperties: "set-properties"
        case .removeProperties: "remove-properties"
        case .addViewVersion: "add-view-version"
        case .setCurrentViewVersion: "set-current-view-version"
        }
    }

    public var json: JSONValue {
        var builder = JSONBuilder()
        builder.set("action", action)
        switch self {
        case .assignUUID(let uuid): builder.set("uuid", uuid.description)
        case .upgradeFormatVersion(let version): builder.set("format-version", version)
        case .addSchema(let schema): builder.set("schema", schema.json)
        case .setLocation(let location): builder.set("location", location)
        case .setProperties(let properties): builder.set("updates", JSONValue(properties))
        case .removeProperties(let keys): builder.set("removals", .array(keys.map { .string($0) }))
        case .addViewVersion(let version): builder.set("view-version", version.json)
        case .setCurrentViewVersion(let id): builder.set("view-version-id", id)
        }
        return builder.value
    }

    /// - Throws: `.unsupported` for an action that views do not have: the commit must then be refused as a whole.
    public init(json: JSONValue) throws(IcebergError) {
        let reader = JSONReader(json)
        let action = try reader.member("action")
        switch try action.string() {
        case "add-view-version": self = .addViewVersion(try ViewVersion(reader.member("view-version")))
        case "set-current-view-version":
            self = .setCurrentViewVersion(id: try reader.member("view-version-id").int())
        default:
            switch try TableUpdate(reader) {
            case .assignUUID(let uuid): self = .assignUUID(uuid)
            case .upgradeFormatVersion(let version): self = .upgradeFormatVersion(version)
            case .addSchema(let schema): self = .addSchema(schema)
            case .setLocation(let location): self = .setLocation(location)
            case .setProperties(let properties): self = .setProperties(properties)
            case .removeProperties(let keys): self = .removeProperties(keys)
            case let other: throw action.fail("a view has no update \(other.action)", code: .unsupported)
            }
        }
    }
}

/// What must hold for a commit to be made, as the REST catalog protocol names it (`ViewRequirement`).
public enum ViewRequirement: Hashable, Sendable {
    /// There is no view yet: of clients that create views by commits.
    case create
    case viewUUID(UUID)

    /// The `type` of the REST catalog protocol.
    public var type: String {
        switch self {
        case .create: "assert-create"
        case .viewUUID: "assert-view-uuid"
        }
    }

    public var json: JSONValue {
        var builder = JSONBuilder()
        builder.set("type", type)
        if case .viewUUID(let uuid) = self { builder.set("uuid", uuid.description) }
        return builder.value
    }

    /// - Throws: `.unsupported` for a type this library does not know: the commit must then be refused.
    public init(json: JSONValue) throws(IcebergError) {
        let reader = JSONReader(json)
        let type = try reader.member("type")
        switch try type.string() {
        case "assert-create": self = .create
        case "assert-view-uuid": self = .viewUUID(try reader.member("uuid").uuid())
        case let other:
            throw type.fail("the view requirement \"\(other.prefix(80))\" is not known", code: .unsupported)
        }
    }

    /// Checks against the view as it is, or nil when there is none.
    ///
    /// - Throws: `.stale` when it does not hold.
    public func check(against metadata: ViewMetadata?) throws(IcebergError) {
        switch (self, metadata) {
        case (.create, nil): break
        case (.create, _): throw IcebergError(.stale, "Requirement failed: view already exists")
        case (.viewUUID, nil): throw IcebergError(.stale, "Requirement failed: view does not exist")
        case (.viewUUID(let uuid), let metadata?):
            guard metadata.viewUUID == uuid else {
                throw IcebergError(
                    .stale, "Requirement failed: UUID does not match: expected \(metadata.viewUUID) != \(uuid)")
            }
        }
    }
}
