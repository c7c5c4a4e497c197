import IcebergTable
import JSONFormat

/// What it takes to list the files of a table anew, and how sure that is.
public struct RebuildPlan: Sendable {
    /// A file, and what there is to say of it.
    public struct Note: Hashable, Sendable {
        public let path: String
        public let message: String
        public let rows: Int64?
    }

    /// The change to commit; nil when nothing has to be mended.
    public internal(set) var operation: RebuildManifests?
    /// Why the result may not be the table as it was; empty when it certainly is.
    public internal(set) var doubts: [String] = []
    public internal(set) var keptManifests = 0
    /// Manifests (or the list) that are not in the new snapshot, and why.
    public internal(set) var replaced: [Note] = []
    /// Listed again as an older manifest had them.
    public internal(set) var recovered: [Note] = []
    /// Listed by their footers alone.
    public internal(set) var described: [Note] = []
    /// Listed once from now on.
    public internal(set) var duplicates: [Note] = []
    /// What manifests said of them was not so.
    public internal(set) var corrected: [Note] = []
    /// No longer listed: their rows are lost.
    public internal(set) var lost: [Note] = []
    /// Lie in the table's folders and are not listed.
    public internal(set) var leftOut: [Note] = []
    public internal(set) var totals: [String: Int64] = [:]

    public init() {}

    public var isCertain: Bool { doubts.isEmpty }

    public var json: JSONValue {
        [
            "needed": .bool(operation != nil), "certain": .bool(isCertain),
            "doubts": .array(doubts.map { .string($0) }), "kept-manifests": JSONValue(keptManifests),
            "replaced-manifests": Self.json(replaced), "recovered-files": Self.json(recovered),
            "described-files": Self.json(described), "duplicate-files": Self.json(duplicates),
            "corrected-files": Self.json(corrected), "lost-files": Self.json(lost),
            "left-out-files": Self.json(leftOut),
            "totals": .object(
                JSONObject(
                    totals.sorted { $0.key < $1.key }.map { JSONObject.Member(key: $0.key, value: JSONValue($0.value)) }
                )),
        ]
    }

    /// At most 100 of a kind are named.
    private static func json(_ notes: [Note]) -> JSONValue {
        [
            "count": JSONValue(notes.count), "rows": JSONValue(notes.reduce(Int64(0)) { $0 &+ ($1.rows ?? 0) }),
            "files": .array(
                notes.prefix(100).map { note in
                    [
                        "path": .string(note.path), "message": .string(note.message),
                        "rows": note.rows.map { JSONValue($0) } ?? .null,
                    ]
                }),
        ]
    }
}

/// What a rebuild holds in memory at most.
public enum RebuildLimits {
    /// Files of one table.
    public static let filesMax = 2_000_000
}
