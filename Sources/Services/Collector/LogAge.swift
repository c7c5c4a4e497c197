/// When records of the log were received, roughly: enough to say how old the oldest is that a table does not have yet.
///
/// Keeps a mark a second at most. Exact to that second, across restarts too, and bounded: beyond `marksMax` every other mark
/// is dropped, and marks are then twice as far apart.
struct LogAge: Sendable {
    static let marksMax = 4096

    /// Records from `sequence` on were received at `milliseconds` or later.
    private var marks: [(sequence: UInt64, milliseconds: Int64)] = []
    private var spacing: Int64 = 1000

    var count: Int { marks.count }

    /// Sequences come in ascending order.
    mutating func note(_ sequence: UInt64, at milliseconds: Int64) {
        if let last = marks.last, milliseconds < last.milliseconds + spacing { return }
        if marks.count == Self.marksMax {
            marks = marks.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
            spacing *= 2
        }
        marks.append((sequence, milliseconds))
    }

    /// How long ago, at most, the first record behind `committed` was received; nil when none is known.
    mutating func age(behind committed: UInt64, through last: UInt64, now milliseconds: Int64) -> Int64? {
        forget(through: committed)
        guard last > committed, let mark = marks.first else { return nil }
        return max(0, milliseconds - mark.milliseconds)
    }

    /// The mark that covers the record behind `committed` stays.
    private mutating func forget(through committed: UInt64) {
        let covering = marks.lastIndex { $0.sequence <= committed + 1 } ?? 0
        if covering > 0 { marks.removeFirst(covering) }
        if marks.count < Self.marksMax / 4 { spacing = 1000 }
    }
}
