/// Decides, step by step, how one batch of the log gets into the table exactly once. Pure: no clock, no network.
///
/// The rules (docs: commit protocol). The commit that adds the files also sets the watermark, a table property with the
/// last sequence that is in the table. The watermark is checked on the very state of the table the commit requires as its
/// base. An answer can be lost, so after anything but a certain refusal, and also after success, the table is loaded and
/// looked at; only what is read there counts.
package struct CommitMachine: Sendable {
    package enum State: Hashable, Sendable {
        /// → loading
        case idle
        /// Waits for the table's state. → storing, committing, idle, stopped
        case loading
        /// Waits for the data files. → loading
        case storing
        /// Waits for the catalog's answer. → loading
        case committing
        /// For good.
        case stopped(String)
    }

    package enum Input: Hashable, Sendable {
        /// Records `first` to `last` are sealed.
        case begin(first: UInt64, last: UInt64)
        /// What the table says of this log; nil: nothing.
        case loaded(watermark: UInt64?)
        case loadFailed
        case stored
        case storeFailed
        case committed
        /// Certainly refused, since another commit came first.
        case conflicted
        /// Certainly refused, for another reason.
        case rejected
        case unknown
    }

    package enum Effect: Hashable, Sendable {
        case load
        /// Put the data files, each only if absent, and prove those that are there.
        case store
        /// Commit on the base that was loaded last.
        case commit
        /// Wait before the next effect, longer for each attempt in a row.
        case wait(attempt: Int)
        /// Everything up to here is in the table.
        case finish(watermark: UInt64)
        /// Part of the batch is in the table already: seal anew from behind here.
        case restart(after: UInt64)
        case stop(String)
    }

    package private(set) var state = State.idle
    /// As read from the table.
    package private(set) var watermark: UInt64?
    /// The first sequence the log still has: what lies before was in the table.
    package var firstInLog: UInt64
    private var batch: (first: UInt64, last: UInt64) = (1, 0)
    private var isStored = false
    private var attempt = 0

    package init(firstInLog: UInt64, watermark: UInt64? = nil) {
        self.firstInLog = firstInLog
        self.watermark = watermark
    }

    package mutating func handle(_ input: Input) -> [Effect] {
        switch (state, input) {
        case (.idle, .begin(let first, let last)):
            batch = (first, last)
            isStored = false
            attempt = 0
            state = .loading
            return [.load]
        case (.loading, .loaded(let found)): return look(at: found)
        case (.loading, .loadFailed): return again()
        case (.storing, .stored):
            isStored = true
            attempt = 0
            state = .loading
            return [.load]
        case (.storing, .storeFailed): return again()
        case (.committing, .committed):
            state = .loading
            return [.load]
        case (.committing, .conflicted), (.committing, .rejected), (.committing, .unknown): return again()
        case (.stopped(let why), _): return [.stop(why)]
        default: return stop("a step came out of turn: \(input) while \(state)")
        }
    }

    /// Every second attempt begins with a look at the table, whatever went wrong with the first.
    private mutating func again() -> [Effect] {
        attempt += 1
        state = .loading
        return [.wait(attempt: attempt), .load]
    }

    private mutating func stop(_ why: String) -> [Effect] {
        state = .stopped(why)
        return [.stop(why)]
    }

    private mutating func look(at found: UInt64?) -> [Effect] {
        if let problem = Self.contradiction(found: found, known: watermark, firstInLog: firstInLog) {
            return stop(problem)
        }
        watermark = found
        let done = found ?? 0
        if done == batch.last {
            state = .idle
            return [.finish(watermark: done)]
        }
        if done >= batch.first {
            state = .idle
            return [.restart(after: done)]
        }
        guard done + 1 == batch.first else {
            return stop(
                "the table has the log up to record \(done), but the next batch begins with \(batch.first): the records "
                    + "between are missing")
        }
        state = isStored ? .committing : .storing
        return [isStored ? .commit : .store]
    }

    /// Why a watermark read from the table cannot be; nil when it can.
    ///
    /// - Parameter known: the watermark read before, if any.
    package static func contradiction(found: UInt64?, known: UInt64?, firstInLog: UInt64) -> String? {
        let advice =
            "The table was rolled back, replaced or edited. Restore the property, or move the log directory away to begin a "
            + "new log; going on could lose or double events"
        switch found {
        case nil where known != nil || firstInLog > 1:
            return
                "the table no longer says how far this log is committed, and records before \(firstInLog) are gone from "
                + "the log or were committed before. \(advice)"
        case let found? where found < known ?? 0:
            return "the table's watermark of this log fell from \(known ?? 0) to \(found). \(advice)"
        case let found? where found + 1 < firstInLog:
            return
                "the table has this log up to record \(found), but the log begins with record \(firstInLog). \(advice)"
        default: return nil
        }
    }
}
