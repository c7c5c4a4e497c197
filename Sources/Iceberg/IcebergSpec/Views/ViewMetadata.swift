import Clocks
import JSONFormat

/// Everything a view is, as one metadata file says it (specification: "Iceberg View Spec"). Immutable from outside: a
/// new state is made by `applying(_:at:)`.
public struct ViewMetadata: Hashable, Sendable {
    public static let supportedFormatVersions = 1...1

    public internal(set) var formatVersion: Int
    public internal(set) var viewUUID: UUID
    public internal(set) var location: String
    public internal(set) var schemas: [Schema]
    public internal(set) var currentVersionID: Int
    public internal(set) var versions: [ViewVersion]
    /// In the order of time: a version appears as often as it became the current one.
    public internal(set) var versionLog: [ViewVersionLogEntry]
    public internal(set) var properties: [String: String]
    /// Members this library does not know, carried along.
    public internal(set) var additionalMembers: JSONObject

    public var currentVersion: ViewVersion {
        guard let version = version(id: currentVersionID) else {
            preconditionFailure("every way to make metadata checks that the current version exists")
        }
        return version
    }

    public var currentSchema: Schema {
        guard let schema = schema(id: currentVersion.schemaID) else {
            preconditionFailure("every way to make metadata checks that the current version's schema exists")
        }
        return schema
    }

    public func version(id: Int) -> ViewVersion? { versions.last { $0.versionID == id } }
    public func schema(id: Int) -> Schema? { schemas.first { $0.schemaID == id } }
}

extension ViewMetadata {
    private static let known: Set<String> = [
        "view-uuid", "format-version", "location", "schemas", "current-version-id", "versions", "version-log",
        "properties",
    ]

    /// Reads one metadata file and checks that it holds together. Several queries of one dialect, which no writer may
    /// make, are read all the same: replacing the view mends it.
    ///
    /// - Throws: `.unsupported` for an unknown version, `.malformed`, `.invalid`, `.limitExceeded`; with the place.
    public init(json: JSONValue) throws(IcebergError) {
        let reader = JSONReader(json)
        let version = try reader.member("format-version")
        formatVersion = try version.int()
        guard Self.supportedFormatVersions.contains(formatVersion) else {
            throw version.fail("view format version \(formatVersion) is not known, only 1 is", code: .unsupported)
        }
        viewUUID = try reader.member("view-uuid").uuid()
        location = try reader.member("location").string()
        schemas = try reader.member("schemas").map(max: Limits.definitionsMax) { value throws(IcebergError) in
            try Schema(value)
        }
        currentVersionID = try reader.member("current-version-id").int()
        versions = try reader.member("versions").map(max: Limits.definitionsMax) { value throws(IcebergError) in
            try ViewVersion(value)
        }
        versionLog = try reader.member("version-log").map(max: Limits.snapshotsMax) { value throws(IcebergError) in
            try ViewVersionLogEntry(value)
        }
        properties = try reader.optional("properties")?.stringMap() ?? [:]
        additionalMembers = try reader.object().removing(Self.known)
        try validate()
    }

    /// Versions that are not the current one may name schemas that are gone.
    func validate() throws(IcebergError) {
        try Self.require(!location.isEmpty, "$.location", "must not be empty")
        try Self.require(
            Set(schemas.map(\.schemaID)).count == schemas.count, "$.schemas", "a schema id is given twice")
        try Self.require(
            Set(versions.map(\.versionID)).count == versions.count, "$.versions", "a version id is given twice")
        guard let current = version(id: currentVersionID) else {
            throw IcebergError(
                .invalid, "there is no version \(currentVersionID), only \(versions.map(\.versionID))",
                path: "$.current-version-id")
        }
        try Self.require(
            schema(id: current.schemaID) != nil, "$.versions",
            "the current version has the schema \(current.schemaID), there are only \(schemas.map(\.schemaID))")
    }

    private static func require(
        _ holds: Bool, _ path: String, _ message: @autoclosure () -> String
    ) throws(IcebergError) {
        if !holds { throw IcebergError(.invalid, message(), path: path) }
    }

    public var json: JSONValue {
        var builder = JSONBuilder()
        builder.set("view-uuid", viewUUID.description)
        builder.set("format-version", formatVersion)
        builder.set("location", location)
        builder.set("schemas", .array(schemas.map(\.json)))
        builder.set("current-version-id", currentVersionID)
        builder.set("versions", .array(versions.map(\.json)))
        builder.set("version-log", .array(versionLog.map(\.json)))
        builder.set("properties", JSONValue(properties))
        builder.add(additionalMembers)
        return builder.value
    }
}

/// Metadata files of views as they lie in object storage.
public enum ViewMetadataFile {
    /// - Throws: `.limitExceeded` beyond `Limits.metadataBytesMax`; otherwise as `ViewMetadata.init(json:)`.
    public static func decode(_ bytes: [UInt8]) throws(IcebergError) -> ViewMetadata {
        try ViewMetadata(json: TableMetadataFile.decodeJSON(bytes))
    }

    /// - Parameter compressed: with gzip; the file's name must then end in `.gz.metadata.json`.
    public static func encode(_ metadata: ViewMetadata, compressed: Bool = false) throws(IcebergError) -> [UInt8] {
        try TableMetadataFile.encode(metadata.json.serialized(), compressed: compressed)
    }
}
