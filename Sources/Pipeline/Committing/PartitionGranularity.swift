import Batching
import Clocks

/// What one partition of a type spans: files of recent events hold an hour, those of late ones a day or a month.
package enum PartitionGranularity: Hashable, Sendable, CaseIterable {
    case hour, day, month

    /// The first hour of the partition that `hour` lies in; both in hours since 1970.
    package func start(of hour: Int64) -> Int64 {
        switch self {
        case .hour: return hour
        case .day: return Timestamp.floorDivide(hour, 24) * 24
        case .month:
            var date = CivilDate(daysSinceEpoch: Timestamp.floorDivide(hour, 24))
            date.day = 1
            return date.daysSinceEpoch * 24
        }
    }
}

/// From which age on events are written to coarser partitions.
package struct GranularityLimits: Hashable, Sendable {
    /// Younger than this goes to hours.
    package var hourMicroseconds: Int64
    /// What is no longer for hours and younger than this goes to days, all else to months.
    package var dayMicroseconds: Int64

    package init(hourMicroseconds: Int64 = 7 * 86_400_000_000, dayMicroseconds: Int64 = 30 * 86_400_000_000) {
        self.hourMicroseconds = hourMicroseconds
        self.dayMicroseconds = dayMicroseconds
    }

    /// Where the events of an hour go: its age is from its beginning to when the newest of them was received.
    ///
    /// Both are in the log's records: writing the same records again decides the same, whenever that is. An hour that had
    /// not begun when its events were received stays an hour, whatever the limits.
    package func granularity(ofHour hour: Int64, receivedAt: Int64) -> PartitionGranularity {
        let (difference, overflow) = receivedAt.subtractingReportingOverflow(hour &* 3_600_000_000)
        let age = overflow ? (receivedAt < 0 ? Int64.min : .max) : difference
        if age < max(0, hourMicroseconds) { return .hour }
        return age < dayMicroseconds ? .day : .month
    }
}

/// A data file to be: which buffers of a batch it holds.
package struct EventFile: Hashable, Sendable {
    package let granularity: PartitionGranularity
    /// Type, and first hour of what the partition spans.
    package let partition: EventPartition
    /// Indexes into the batch's buffers, in the order of their hours.
    package fileprivate(set) var buffers: [Int]

    /// Divides a batch into files: one for each hour, day or month of a type, as the ages of the hours say.
    ///
    /// Cost: a look-up for each buffer. Same batch, same files in the same order.
    ///
    /// - Parameter available: an hour whose granularity is not among them stays an hour.
    package static func files(
        of batch: SealedBatch, limits: GranularityLimits, available: Set<PartitionGranularity>
    ) -> [EventFile] {
        struct Key: Hashable {
            let granularity: PartitionGranularity
            let partition: EventPartition
        }
        var files: [EventFile] = []
        var indexes: [Key: Int] = [:]
        for (index, buffer) in batch.buffers.enumerated() {
            let hour = buffer.partition.hour
            var granularity = limits.granularity(ofHour: hour, receivedAt: buffer.newestReceivedAt)
            if !available.contains(granularity) { granularity = .hour }
            let partition = EventPartition(type: buffer.partition.type, hour: granularity.start(of: hour))
            let key = Key(granularity: granularity, partition: partition)
            if let file = indexes[key] {
                files[file].buffers.append(index)
            } else {
                indexes[key] = files.count
                files.append(EventFile(granularity: granularity, partition: partition, buffers: [index]))
            }
        }
        for index in files.indices where files[index].buffers.count > 1 {
            files[index].buffers.sort { batch.buffers[$0].partition.hour < batch.buffers[$1].partition.hour }
        }
        return files
    }
}
