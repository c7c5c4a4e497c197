/// How closely commits to a table are looked at, as its property `commit.gate.level` says. Locations and what the metadata
/// itself shows are checked at every level.
enum GateLevel: String, CaseIterable, Sendable {
    static let property = "commit.gate.level"
    /// Whether what can be put right is put right instead of refused.
    static let repairProperty = "commit.gate.repair"

    /// Manifest lists and the manifests that a snapshot adds.
    case full
    /// Manifest lists.
    case list
    /// Neither.
    case off

    init(of properties: [String: String]) {
        self =
            properties[Self.property].flatMap { GateLevel(rawValue: $0.lowercased()) } ?? .full
    }
}
