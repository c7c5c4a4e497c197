import Clocks
import IcebergSpec
import JSONFormat

/// `view`: the versions of a view and their queries (specification: "Iceberg View Spec").
enum ViewInspection {
    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        let view = try ViewMetadataFile.decode(try await invocation.file().bytes())
        report["format-version"] = JSONValue(view.formatVersion)
        report["view-uuid"] = .string(view.viewUUID.description)
        report["location"] = .string(view.location)
        report["properties"] = JSONValue(view.properties)
        report["current-version-id"] = JSONValue(view.currentVersionID)
        report["schemas"] = .array(
            view.schemas.map { schema in
                ["schema-id": JSONValue(schema.schemaID), "fields": SchemaRendering.fields(of: schema)]
            })
        report["versions"] = .array(view.versions.map(describe))
        report["version-log"] = .array(
            view.versionLog.map { entry in
                [
                    "time": .time(milliseconds: entry.timestampMilliseconds),
                    "version-id": JSONValue(entry.versionID),
                ]
            })
    }

    private static func describe(_ version: ViewVersion) -> JSONValue {
        [
            "version-id": JSONValue(version.versionID),
            "schema-id": JSONValue(version.schemaID),
            "time": .time(milliseconds: version.timestampMilliseconds),
            "default-catalog": JSONValue(version.defaultCatalog),
            "default-namespace": .array(version.defaultNamespace.map { .string($0) }),
            "summary": JSONValue(version.summary),
            "representations": .array(version.representations.map(\.json)),
        ]
    }
}
