import WriteAheadLog

/// The keys of the records that went to the tables last, so that a segment of the log need not be read back for them when
/// it goes.
///
/// Holds at most about `keysMax` keys, 24 bytes each: beyond that the oldest are forgotten, and are read from the segment.
package struct RecentKeys: Sendable {
    /// Records that follow each other.
    private struct Block {
        let first: UInt64
        /// For each record the end of its keys.
        var ends: [Int] = []
        var keys: [DedupJournal.Key] = []

        var next: UInt64 { first + UInt64(ends.count) }

        func start(of sequence: UInt64) -> Int { sequence <= first ? 0 : ends[Int(sequence - first) - 1] }
    }

    private let keysMax: Int
    /// In the order of the log, without gaps.
    private var blocks: [Block] = []
    private var count = 0

    package init(keysMax: Int) { self.keysMax = keysMax }

    private static let keysOfBlock = 4096

    /// Takes the record that comes next. One that is known is passed over; behind a gap it begins anew.
    package mutating func note(_ record: [UInt8], sequence: UInt64) {
        if let next = blocks.last?.next {
            if sequence < next { return }
            if sequence > next { forgetAll() }
        }
        if blocks.last.map({ max($0.keys.count, $0.ends.count) >= Self.keysOfBlock }) ?? true {
            blocks.append(Block(first: sequence))
            blocks[blocks.count - 1].keys.reserveCapacity(Self.keysOfBlock)
        }
        let last = blocks.count - 1
        let before = blocks[last].keys.count
        do throws(LogError) {
            try DedupJournal.appendKeys(of: record, to: &blocks[last].keys)
        } catch {
            // Whoever takes the events of the record says so.
            return forgetAll()
        }
        blocks[last].ends.append(blocks[last].keys.count)
        count += blocks[last].keys.count - before
        if count > keysMax, blocks.count > 1 { forget(before: blocks[(blocks.count + 1) / 2].first) }
    }

    /// The keys of the records from `first` on and before `next`, in their order; nil when not all are known.
    package func keys(from first: UInt64, before next: UInt64) -> [DedupJournal.Key]? {
        guard let oldest = blocks.first, let newest = blocks.last, oldest.first <= first, next <= newest.next else {
            return nil
        }
        var keys: [DedupJournal.Key] = []
        for block in blocks where block.next > first && block.first < next {
            keys += block.keys[block.start(of: first)..<block.start(of: min(next, block.next))]
        }
        return keys
    }

    /// Forgets records before `sequence`, or most of them.
    package mutating func forget(before sequence: UInt64) {
        let kept = blocks.firstIndex { $0.next > sequence } ?? blocks.count
        count -= blocks[..<kept].reduce(0) { $0 + $1.keys.count }
        blocks.removeFirst(kept)
    }

    private mutating func forgetAll() {
        blocks.removeAll()
        count = 0
    }
}
