import IcebergSpec

/// The smallest box around some partition tuples.
struct PartitionRange {
    private var lower: [Datum?] = []
    private var upper: [Datum?] = []
    private var hasNull: [Bool] = []
    private var hasNaN: [Bool] = []

    mutating func add(_ partition: [Datum?]) {
        while lower.count < partition.count {
            lower.append(nil)
            upper.append(nil)
            hasNull.append(false)
            hasNaN.append(false)
        }
        for (index, value) in partition.enumerated() {
            guard let value else {
                hasNull[index] = true
                continue
            }
            guard !value.isNaN else {
                hasNaN[index] = true
                continue
            }
            if lower[index].map({ value.order(to: $0) == .less }) ?? true { lower[index] = value }
            if upper[index].map({ value.order(to: $0) == .greater }) ?? true { upper[index] = value }
        }
    }

    /// Whether the manifest's summaries allow it to list a file in the box.
    func mayOverlap(_ manifest: ManifestFile, types: [IcebergType]) throws(TableError) -> Bool {
        guard let summaries = manifest.partitions, summaries.count == types.count else { return true }
        for (index, summary) in summaries.enumerated() where index < lower.count {
            if hasNull[index] && summary.containsNull { continue }
            if hasNaN[index] && summary.containsNaN ?? true { continue }
            guard let low = lower[index], let high = upper[index], let from = summary.lowerBound,
                let to = summary.upperBound
            else { return false }
            do {
                let bottom = try Datum(singleValueBinary: from, type: types[index])
                let top = try Datum(singleValueBinary: to, type: types[index])
                if high.order(to: bottom) == .less || low.order(to: top) == .greater { return false }
            } catch {
                throw TableError(.malformed, "\(manifest.path): a partition summary is damaged: \(error)")
            }
        }
        return true
    }
}
