import Clocks
import JSONFormat

extension ViewMetadata {
    /// How many versions are kept: as many as this property says (10, at least 1), and always those of the commit and
    /// the current one.
    public static let versionsKeptProperty = "version.history.num-entries"
    /// Whether a new version may lack a dialect that the view had; `false` unless set.
    public static let dropDialectProperty = "replace.drop-dialect.allowed"

    /// The view after a commit of these updates, in order, all or none. Nothing is written: that is the catalog's part.
    ///
    /// - Parameter time: when the commit is made: of versions that become current again.
    /// - Returns: `self`, unchanged, when the updates change nothing.
    /// - Throws: `.invalid`, `.unsupported`, `.limitExceeded`.
    public func applying(_ updates: [ViewUpdate], at time: Timestamp) throws(IcebergError) -> ViewMetadata {
        var builder = ViewMetadataBuilder(self, at: time)
        for update in updates { try builder.apply(update) }
        return try builder.build()
    }

    /// A new view made of updates alone. They must set a UUID, a location, a schema and a current version.
    public static func creating(from updates: [ViewUpdate], at time: Timestamp) throws(IcebergError) -> ViewMetadata {
        var builder = ViewMetadataBuilder(nil, at: time)
        for update in updates { try builder.apply(update) }
        return try builder.build()
    }

    /// A new view of one version, as a create request asks for it: the schema id of the version is replaced.
    public static func new(
        location: String, schema: Schema, version: ViewVersion, properties: [String: String] = [:], uuid: UUID,
        at time: Timestamp
    ) throws(IcebergError) -> ViewMetadata {
        var version = version
        version.schemaID = -1
        return try creating(
            from: [
                .assignUUID(uuid), .setLocation(location), .setProperties(properties), .addSchema(schema),
                .addViewVersion(version), .setCurrentViewVersion(id: -1),
            ], at: time)
    }

    /// What replaces the view's definition, as a commit.
    public static func replacement(schema: Schema, version: ViewVersion) -> [ViewUpdate] {
        var version = version
        version.schemaID = -1
        return [.addSchema(schema), .addViewVersion(version), .setCurrentViewVersion(id: -1)]
    }
}

/// A view being changed: the state after some of the updates of one commit.
struct ViewMetadataBuilder {
    private let base: ViewMetadata?
    private let now: Int64
    private var uuid: UUID?
    private var formatVersion: Int
    private var location: String
    private var schemas: [Schema]
    private var versions: [ViewVersion]
    private var currentVersionID: Int?
    private var properties: [String: String]
    private var lastAddedSchemaID: Int?
    private var lastAddedVersionID: Int?
    private var addedVersions: Set<Int> = []
    /// Only the last change of the current version in a commit is one others have seen.
    private var logEntry: ViewVersionLogEntry?

    init(_ base: ViewMetadata?, at time: Timestamp) {
        self.base = base
        now = time.milliseconds
        uuid = base?.viewUUID
        formatVersion = base?.formatVersion ?? 1
        location = base?.location ?? ""
        schemas = base?.schemas ?? []
        versions = base?.versions ?? []
        currentVersionID = base?.currentVersionID
        properties = base?.properties ?? [:]
    }

    mutating func apply(_ update: ViewUpdate) throws(IcebergError) {
        switch update {
        case .assignUUID(let uuid):
            try require(self.uuid == nil || self.uuid == uuid, "the view's UUID cannot become \(uuid)")
            self.uuid = uuid
        case .upgradeFormatVersion(let version): try upgrade(to: version)
        case .addSchema(let schema): try add(schema)
        case .setLocation(let text):
            location = TableMetadata.withoutTrailingSlash(text)
            try require(!location.isEmpty, "the location must not be empty")
        case .setProperties(let properties):
            self.properties.merge(properties) { $1 }
            try require(
                self.properties.count <= Limits.propertiesMax, "more than \(Limits.propertiesMax) properties",
                .limitExceeded)
        case .removeProperties(let keys): for key in keys { properties[key] = nil }
        case .addViewVersion(let version): try add(version)
        case .setCurrentViewVersion(let id): try setCurrent(id)
        }
    }

    private func require(
        _ holds: Bool, _ message: @autoclosure () -> String, _ code: IcebergError.Code = .invalid
    ) throws(IcebergError) {
        if !holds { throw IcebergError(code, message()) }
    }

    private func requireOneQueryEach(_ dialects: [String]) throws(IcebergError) {
        var seen: Set<String> = []
        for dialect in dialects {
            // The words that Iceberg's compatibility kit looks for.
            try require(
                seen.insert(dialect).inserted,
                "Invalid view version: Cannot add multiple queries for dialect \(dialect)")
        }
    }

    private mutating func upgrade(to version: Int) throws(IcebergError) {
        try require(
            ViewMetadata.supportedFormatVersions.contains(version),
            "view format version \(version) is not known, only 1 is", .unsupported)
        try require(version >= formatVersion, "a view of version \(formatVersion) cannot go back to \(version)")
        formatVersion = version
    }

    /// An equal schema is used again; otherwise it gets the next id.
    private mutating func add(_ schema: Schema) throws(IcebergError) {
        if let same = schemas.first(where: { $0.hasSameColumns(as: schema) }) {
            lastAddedSchemaID = same.schemaID
            return
        }
        try require(
            schemas.count < Limits.definitionsMax, "more than \(Limits.definitionsMax) schemas", .limitExceeded)
        let id = (schemas.map(\.schemaID).max() ?? -1) + 1
        schemas.append(schema.withID(id))
        lastAddedSchemaID = id
    }

    /// An equal version is used again; otherwise it keeps its id, or gets the next where that is taken.
    private mutating func add(_ added: ViewVersion) throws(IcebergError) {
        var version = added
        if version.schemaID == -1 {
            guard let last = lastAddedSchemaID else {
                throw IcebergError(.invalid, "schema id -1 needs a schema added in the same commit")
            }
            version.schemaID = last
        }
        try require(
            schemas.contains { $0.schemaID == version.schemaID }, "there is no schema \(version.schemaID)")
        try require(!version.representations.isEmpty, "a view version needs a representation")
        try requireOneQueryEach(version.representations.compactMap(\.dialect))
        if let same = versions.first(where: { $0.isSameDefinition(as: version) }) {
            lastAddedVersionID = same.versionID
            return
        }
        try require(
            versions.count < Limits.definitionsMax, "more than \(Limits.definitionsMax) versions", .limitExceeded)
        version.versionID = max(version.versionID, (versions.map(\.versionID).max() ?? 0) + 1)
        try require(version.versionID <= Int32.max, "ids beyond 32 bits")
        versions.append(version)
        addedVersions.insert(version.versionID)
        lastAddedVersionID = version.versionID
    }

    private mutating func setCurrent(_ requested: Int) throws(IcebergError) {
        guard let id = requested == -1 ? lastAddedVersionID : requested else {
            throw IcebergError(.invalid, "version id -1 needs a version added in the same commit")
        }
        guard let version = versions.first(where: { $0.versionID == id }) else {
            throw IcebergError(.invalid, "the current version cannot be \(id): there is no such version")
        }
        guard id != currentVersionID else { return }
        currentVersionID = id
        let time = addedVersions.contains(id) ? version.timestampMilliseconds : now
        logEntry = ViewVersionLogEntry(timestampMilliseconds: time, versionID: id)
    }

    func build() throws(IcebergError) -> ViewMetadata {
        guard let uuid else { throw IcebergError(.invalid, "the view has no UUID") }
        guard let currentVersionID, let current = versions.first(where: { $0.versionID == currentVersionID }) else {
            throw IcebergError(.invalid, "the view has no current version")
        }
        try checkDialects(of: current)
        var log = base?.versionLog ?? []
        if let logEntry, logEntry.versionID != base?.currentVersionID { log.append(logEntry) }
        var result = ViewMetadata(
            formatVersion: formatVersion, viewUUID: uuid, location: location, schemas: schemas,
            currentVersionID: currentVersionID, versions: versions, versionLog: log, properties: properties,
            additionalMembers: base?.additionalMembers ?? JSONObject())
        if let base, result == base { return base }
        try expireVersions(of: &result)
        try result.validate()
        return result
    }

    /// Losing a dialect would break every engine that reads it.
    private func checkDialects(of current: ViewVersion) throws(IcebergError) {
        guard let base, current.versionID != base.currentVersionID,
            properties[ViewMetadata.dropDialectProperty]?.lowercased() != "true"
        else { return }
        let lost = base.currentVersion.dialects.subtracting(current.dialects).sorted()
        try require(
            lost.isEmpty,
            "the new version lacks the dialects \(lost), which \(ViewMetadata.dropDialectProperty)=true would allow")
    }

    /// The log is cut before the last entry of a version that is gone: a gap would give wrong answers.
    private func expireVersions(of view: inout ViewMetadata) throws(IcebergError) {
        let text = properties[ViewMetadata.versionsKeptProperty] ?? "10"
        guard let wanted = Int(text), wanted > 0 else {
            throw IcebergError(
                .invalid, "\(ViewMetadata.versionsKeptProperty) is \"\(text.prefix(20))\", not a number above 0")
        }
        let always = addedVersions.union([view.currentVersionID])
        let keep = max(wanted, always.count)
        guard view.versions.count > keep else { return }
        let newest = view.versions.map(\.versionID).sorted(by: >).filter { !always.contains($0) }
        let kept = always.union(newest.prefix(keep - always.count))
        view.versions.removeAll { !kept.contains($0.versionID) }
        if let last = view.versionLog.lastIndex(where: { !kept.contains($0.versionID) }) {
            view.versionLog.removeSubrange(...last)
        }
    }
}
