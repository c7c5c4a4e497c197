import JSONFormat

/// One way to say what a view shows (specification: "Iceberg View Spec", "Representations").
public enum ViewRepresentation: Hashable, Sendable {
    case sql(String, dialect: String)
    /// One this library does not know, carried along.
    case other(type: String, JSONObject)

    /// Of SQL, in lower case: dialects are told apart without regard to case.
    var dialect: String? {
        if case .sql(_, let dialect) = self { dialect.lowercased() } else { nil }
    }
}

/// A definition of a view, never changed once made (specification: "Versions").
public struct ViewVersion: Hashable, Sendable {
    /// In a version to be added, a hint: the catalog chooses.
    public var versionID: Int
    /// -1 in a version to be added: the schema added last in the same commit.
    public var schemaID: Int
    public var timestampMilliseconds: Int64
    /// Such as `engine-name` and `engine-version`.
    public var summary: [String: String]
    public var representations: [ViewRepresentation]
    /// Where names without a catalog are looked up; nil for the catalog of the view.
    public var defaultCatalog: String?
    /// Where names without a namespace are looked up.
    public var defaultNamespace: [String]

    public init(
        versionID: Int = 1, schemaID: Int = -1, timestampMilliseconds: Int64, summary: [String: String] = [:],
        representations: [ViewRepresentation], defaultCatalog: String? = nil, defaultNamespace: [String]
    ) {
        self.versionID = versionID
        self.schemaID = schemaID
        self.timestampMilliseconds = timestampMilliseconds
        self.summary = summary
        self.representations = representations
        self.defaultCatalog = defaultCatalog
        self.defaultNamespace = defaultNamespace
    }

    /// The SQL of a dialect, whatever its case.
    public func sql(dialect: String) -> String? {
        for case .sql(let text, let name) in representations where name.lowercased() == dialect.lowercased() {
            return text
        }
        return nil
    }

    var dialects: Set<String> { Set(representations.compactMap(\.dialect)) }

    /// Whether both define the same view: all but id and time.
    func isSameDefinition(as other: ViewVersion) -> Bool {
        var copy = other
        copy.versionID = versionID
        copy.timestampMilliseconds = timestampMilliseconds
        return self == copy
    }
}

/// When a version became the current one.
public struct ViewVersionLogEntry: Hashable, Sendable {
    public var timestampMilliseconds: Int64
    public var versionID: Int

    public init(timestampMilliseconds: Int64, versionID: Int) {
        self.timestampMilliseconds = timestampMilliseconds
        self.versionID = versionID
    }
}

extension ViewRepresentation {
    public var json: JSONValue {
        switch self {
        case .sql(let text, let dialect):
            ["type": "sql", "sql": .string(text), "dialect": .string(dialect)]
        case .other(_, let members): .object(members)
        }
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        let type = try reader.member("type").string()
        guard type.lowercased() == "sql" else {
            self = .other(type: type, try reader.object())
            return
        }
        let text = try reader.member("sql")
        guard try text.string().utf8.count <= Limits.viewTextBytesMax else {
            throw text.fail("longer than \(Limits.viewTextBytesMax) bytes", code: .limitExceeded)
        }
        self = .sql(try text.string(), dialect: try reader.member("dialect").string())
    }
}

extension ViewVersion {
    public var json: JSONValue {
        var builder = JSONBuilder()
        builder.set("version-id", versionID)
        builder.set("timestamp-ms", timestampMilliseconds)
        builder.set("schema-id", schemaID)
        builder.set("summary", JSONValue(summary))
        builder.set("default-catalog", defaultCatalog)
        builder.set("default-namespace", .array(defaultNamespace.map { .string($0) }))
        builder.set("representations", .array(representations.map(\.json)))
        return builder.value
    }

    public init(json: JSONValue) throws(IcebergError) {
        try self.init(JSONReader(json))
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        self.init(
            versionID: try reader.member("version-id").int(), schemaID: try reader.member("schema-id").int(),
            timestampMilliseconds: try reader.member("timestamp-ms").milliseconds(),
            summary: try reader.member("summary").stringMap(),
            representations: try reader.member("representations").map(max: Limits.viewRepresentationsMax) {
                value throws(IcebergError) in try ViewRepresentation(value)
            },
            defaultCatalog: try reader.optional("default-catalog")?.string(),
            defaultNamespace: try reader.member("default-namespace").map(max: Limits.namespaceLevelsMax) {
                level throws(IcebergError) in try level.string()
            })
    }
}

extension ViewVersionLogEntry {
    var json: JSONValue {
        ["timestamp-ms": JSONValue(timestampMilliseconds), "version-id": JSONValue(versionID)]
    }

    init(_ reader: JSONReader) throws(IcebergError) {
        self.init(
            timestampMilliseconds: try reader.member("timestamp-ms").milliseconds(),
            versionID: try reader.member("version-id").int())
    }
}
