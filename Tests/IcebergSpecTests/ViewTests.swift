import Clocks
import Foundation
import IcebergSpec
import JSONFormat
import Testing

struct ViewTests {
    static let uuid = Clocks.UUID("fa6506c3-7681-40c8-86dc-e36561f83385") ?? Fixture.uuid

    static func schema(_ names: String...) throws -> Schema {
        try Schema(fields: names.enumerated().map { .optional($0.offset + 1, $0.element, .long) })
    }

    static func version(_ sql: String, dialect: String = "spark", at milliseconds: Int64 = 1000) -> ViewVersion {
        ViewVersion(
            timestampMilliseconds: milliseconds, summary: ["engine-name": "test"],
            representations: [.sql(sql, dialect: dialect)], defaultNamespace: ["db"])
    }

    static func view(properties: [String: String] = [:]) throws -> ViewMetadata {
        try ViewMetadata.new(
            location: "s3://b/view/", schema: schema("a"), version: version("select 1"), properties: properties,
            uuid: uuid, at: Timestamp(microseconds: 1_000_000))
    }

    private static func time(_ milliseconds: Int64) -> Timestamp { Timestamp(microseconds: milliseconds * 1000) }

    @Test func `a new view has one version of one schema`() throws {
        let view = try Self.view(properties: ["comment": "c"])
        #expect(view.location == "s3://b/view")
        #expect(view.versions.map(\.versionID) == [1])
        #expect(view.currentSchema.fields == (try Self.schema("a").fields))
        #expect(view.versionLog == [.init(timestampMilliseconds: 1000, versionID: 1)])
        #expect(view.currentVersion.sql(dialect: "SPARK") == "select 1")
        #expect(try ViewMetadata(json: JSONValue.parse(view.json.serialized())) == view)
    }

    @Test func `a replaced view can be rolled back, and the log tells when`() throws {
        let view = try Self.view()
        let next = try view.applying(
            ViewMetadata.replacement(schema: Self.schema("a", "b"), version: Self.version("select 2", at: 2000)),
            at: Self.time(2500))
        #expect(next.versions.map(\.versionID) == [1, 2])
        #expect(next.versions.map(\.schemaID) == [0, 1])
        let back = try next.applying([.setCurrentViewVersion(id: 1)], at: Self.time(3000))
        #expect(back.versionLog.map(\.versionID) == [1, 2, 1])
        #expect(back.versionLog.map(\.timestampMilliseconds) == [1000, 2000, 3000])
    }

    @Test func `an equal definition is used again`() throws {
        let view = try Self.view()
        let same = try view.applying(
            ViewMetadata.replacement(schema: Self.schema("a"), version: Self.version("select 1", at: 9)),
            at: Self.time(9000))
        #expect(same == view)
    }

    /// What is asked for, and a word of the refusal.
    static let refused: [([ViewUpdate], String)] = [
        ([.addViewVersion(version("select 2"))], "-1"), ([.setCurrentViewVersion(id: -1)], "-1"),
        ([.setCurrentViewVersion(id: 7)], "7"), ([.upgradeFormatVersion(2)], "version 2"),
        ([.assignUUID(Fixture.uuid)], "UUID"), ([.setLocation("")], "location"),
        ([.setProperties(["version.history.num-entries": "0"])], "num-entries"),
        (
            [
                .addViewVersion(
                    ViewVersion(
                        schemaID: 0, timestampMilliseconds: 1,
                        representations: [.sql("a", dialect: "Spark"), .sql("b", dialect: "spark")],
                        defaultNamespace: []))
            ], "dialect"
        ),
        (
            [
                .addViewVersion(
                    ViewVersion(schemaID: 5, timestampMilliseconds: 1, representations: [], defaultNamespace: []))
            ], "schema 5"
        ),
        (
            [
                .addViewVersion(
                    ViewVersion(
                        schemaID: 0, timestampMilliseconds: 1, representations: [.sql("a", dialect: "trino")],
                        defaultNamespace: [])), .setCurrentViewVersion(id: -1),
            ], "drop-dialect"
        ),
    ]

    @Test(arguments: refused)
    func `a change that breaks a rule is refused`(_ updates: [ViewUpdate], _ word: String) throws {
        let view = try Self.view()
        let error = requireIcebergError { _ = try view.applying(updates, at: Self.time(5000)) }
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
    }

    @Test func `a dialect may be dropped where the property says so`() throws {
        let view = try Self.view(properties: ["replace.drop-dialect.allowed": "true"])
        let next = try view.applying(
            ViewMetadata.replacement(schema: Self.schema("a"), version: Self.version("x", dialect: "trino")),
            at: Self.time(2))
        #expect(next.currentVersion.sql(dialect: "spark") == nil)
    }

    @Test func `old versions are forgotten, with what the log says before them`() throws {
        var view = try Self.view(properties: ["version.history.num-entries": "3"])
        for number in 2...6 {
            view = try view.applying(
                ViewMetadata.replacement(
                    schema: Self.schema("a"), version: Self.version("select \(number)", at: Int64(number) * 1000)),
                at: Self.time(1))
        }
        #expect(view.versions.map(\.versionID) == [4, 5, 6])
        #expect(view.versionLog.map(\.versionID) == [4, 5, 6])
        view = try view.applying([.setCurrentViewVersion(id: 4)], at: Self.time(9000))
        view = try view.applying([.setProperties(["version.history.num-entries": "1"])], at: Self.time(9001))
        #expect(view.versions.map(\.versionID) == [4])
        #expect(view.versionLog.map(\.versionID) == [4])
    }

    static let updates: [ViewUpdate] = [
        .assignUUID(uuid), .upgradeFormatVersion(1), .setLocation("s3://x"), .setProperties(["a": "b"]),
        .removeProperties(["a"]), .addViewVersion(version("select 1")), .setCurrentViewVersion(id: -1),
    ]

    @Test(arguments: updates)
    func `an update is written and read`(_ update: ViewUpdate) throws {
        #expect(try ViewUpdate(json: update.json) == update)
    }

    @Test func `what only tables have is refused`() throws {
        for json in [TableUpdate.enableRowLineage.json, ["action": "dance"]] {
            let error = requireIcebergError { _ = try ViewUpdate(json: json) }
            #expect(error?.code == .unsupported)
        }
        let schema = ViewUpdate.addSchema(try Self.schema("a"))
        #expect(try ViewUpdate(json: schema.json) == schema)
    }

    @Test func `requirements name what has changed`() throws {
        let view = try Self.view()
        for requirement in [ViewRequirement.create, .viewUUID(Self.uuid)] {
            #expect(try ViewRequirement(json: requirement.json) == requirement)
        }
        try ViewRequirement.viewUUID(Self.uuid).check(against: view)
        try ViewRequirement.create.check(against: nil)
        for (requirement, metadata) in [
            (ViewRequirement.create, view), (.viewUUID(Fixture.uuid), view), (.viewUUID(Self.uuid), nil),
        ] as [(ViewRequirement, ViewMetadata?)] {
            let error = requireIcebergError { try requirement.check(against: metadata) }
            #expect(error?.code == .stale)
        }
    }

    @Test func `representations and members of other kinds are carried along`() throws {
        var json = try Self.view().json
        guard case .object(var object) = json, case .object(var version)? = object["versions"]?.array?.first else {
            Issue.record("the view is no object")
            return
        }
        version["representations"] = [["type": "substrait", "plan": [1, 2]]]
        object["versions"] = [.object(version)]
        object["x-note"] = "kept"
        json = .object(object)
        let view = try ViewMetadata(json: json)
        #expect(view.json["x-note"] == "kept")
        #expect(view.json["versions"] == [.object(version)])
    }
}

extension CorpusTests {
    static let views = Corpus.files(under: "spec-resources") { $0.hasPrefix("View") || $0 == "ValidViewMetadata.json" }

    /// Two queries of one dialect can be read, as by the Java implementation, but not be written.
    @Test(arguments: views)
    func `a view resource is taken or refused as its name says`(_ url: URL) throws {
        let bytes = try Corpus.bytes(url)
        let name = url.lastPathComponent
        let refused = ["Missing", "NotFound", "Unsupported", "Invalid"]
        guard refused.contains(where: name.contains) else {
            let view = try ViewMetadataFile.decode(bytes)
            #expect(try ViewMetadataFile.decode(ViewMetadataFile.encode(view, compressed: true)) == view)
            #expect(Difference.lost(from: try TableMetadataFile.decodeJSON(bytes), in: view.json) == [])
            let again = ViewUpdate.addViewVersion(view.currentVersion)
            if name.contains("MultipleSQLs") {
                #expect(throws: IcebergError.self) {
                    try view.applying([again], at: Timestamp(microseconds: 0))
                }
            }
            return
        }
        let error = #expect(throws: IcebergError.self) { try ViewMetadataFile.decode(bytes) }
        #expect(error?.message.isEmpty == false)
    }

    @Test func `the view resources are there`() {
        #expect(Self.views.count == 12)
    }
}
