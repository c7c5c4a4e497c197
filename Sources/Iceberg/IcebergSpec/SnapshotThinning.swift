import Clocks

/// Which states of a table stay, fewer the older they are, when the others expire: of each hour one for a month, of each
/// day one for a year (decision 0014).
///
/// The table property `snapshots.thinning` says so as `1h:30d,1d:365d`: pairs of how often and for how long, in minutes
/// (`m`), hours (`h`) or days (`d`). What stays is the last state of main in an interval, under a tag of its own; intervals begin at
/// multiples of their length since 1970 in UTC.
public struct SnapshotThinning: Hashable, Sendable {
    public static let property = "snapshots.thinning"
    /// Tags of all steps that can exist at a time.
    public static let tagsMax: Int64 = 10_000
    /// What the value of the property may be.
    public static let allowed =
        "pairs of an interval and how long to keep one snapshot of each, with the units m, h and d, as in 1h:30d,1d:365d; at "
        + "most 36500d, 8 pairs and \(tagsMax) intervals in all"

    /// One snapshot of each interval for a time.
    public struct Step: Hashable, Sendable {
        public let intervalMilliseconds: Int64
        public let keptMilliseconds: Int64
        /// The interval as it was written.
        fileprivate let name: String
    }

    public let steps: [Step]

    /// What the table's properties ask for; nil when they ask for nothing.
    ///
    /// - Throws: `.invalid` when the property is not in its form.
    public init?(properties: [String: String]) throws(IcebergError) {
        guard let text = properties[Self.property] else { return nil }
        try self.init(text)
    }

    /// - Throws: `.invalid` when the text is not in its form.
    public init(_ text: String) throws(IcebergError) {
        var steps: [Step] = []
        var tags: Int64 = 0
        let pairs = text.split(separator: ",", omittingEmptySubsequences: false)
        for pair in pairs.prefix(9) {
            let ends = pair.split(separator: ":", omittingEmptySubsequences: false)
            guard ends.count == 2, let interval = Self.milliseconds(ends[0]), let kept = Self.milliseconds(ends[1]),
                kept >= interval, !steps.contains(where: { $0.intervalMilliseconds == interval })
            else { throw Self.refusal(text) }
            let name = String(ends[0].drop { $0 == " " }.prefix { $0 != " " })
            steps.append(Step(intervalMilliseconds: interval, keptMilliseconds: kept, name: name))
            tags += kept / interval
        }
        guard pairs.count <= 8, tags <= Self.tagsMax else { throw Self.refusal(text) }
        self.steps = steps
    }

    private static func refusal(_ text: String) -> IcebergError {
        IcebergError(.invalid, "\(property) is \"\(text.prefix(60))\"; allowed are \(allowed)")
    }

    private static func milliseconds(_ text: Substring) -> Int64? {
        let trimmed = text.drop { $0 == " " }.prefix { $0 != " " }
        let units: [Character: Int64] = ["m": 60_000, "h": 3_600_000, "d": 86_400_000]
        guard text.allSatisfy({ $0 == " " || $0.isASCII && ($0.isNumber || $0.isLowercase) }),
            let unit = trimmed.last.flatMap({ units[$0] }), trimmed.count <= 10,
            let number = Int64(trimmed.dropLast()), number >= 1, number <= 36_500 * 86_400_000 / unit
        else { return nil }
        return number * unit
    }

    /// The tags of `leaving`, snapshots of main that expire, which are to keep some of them; those of `references` that name
    /// a newer snapshot of their interval stay as they are.
    public func tags(
        for leaving: [Snapshot], of metadata: TableMetadata, at now: Timestamp
    ) -> [String: SnapshotReference] {
        var newest: [String: Int64] = [:]
        var tags: [String: SnapshotReference] = [:]
        for snapshot in leaving {
            let time = snapshot.timestampMilliseconds
            for step in steps where now.milliseconds - time <= step.keptMilliseconds {
                let start = Timestamp.floorDivide(time, step.intervalMilliseconds) * step.intervalMilliseconds
                let name = Self.tag(step, start)
                let known = newest[name] ?? metadata.snapshot(reference: name)?.timestampMilliseconds ?? .min
                guard time > known else { continue }
                newest[name] = time
                tags[name] = SnapshotReference(
                    snapshotID: snapshot.snapshotID, kind: .tag, maxReferenceAgeMilliseconds: step.keptMilliseconds)
            }
        }
        return tags
    }

    private static let prefix = "kept-"

    /// `kept-1h-20240115T140000Z`: as engines, shells and paths take it.
    private static func tag(_ step: Step, _ start: Int64) -> String {
        let time = Timestamp(milliseconds: start).rfc3339().prefix(19).filter { $0 != "-" && $0 != ":" }
        return "\(prefix)\(step.name)-\(time)Z"
    }

    /// Whether a reference of this name was made here.
    static func isTag(_ name: String, _ reference: SnapshotReference) -> Bool {
        reference.kind == .tag && name.hasPrefix(prefix)
    }
}

extension TableMetadata {
    /// The states that thinning has kept of the time before the snapshot log, the oldest first.
    public var thinnedSnapshots: [Snapshot] {
        let ids = Set(references.filter { SnapshotThinning.isTag($0.key, $0.value) }.map(\.value.snapshotID))
        return ids.compactMap { snapshot(id: $0) }.sorted { $0.timestampMilliseconds < $1.timestampMilliseconds }
    }
}
