/// Decides, step by step, how one batch of the log gets into the table exactly once. Pure: no clock, no network.
///
/// The rules (docs: commit protocol). The commit that adds the files also sets the watermark, a table property with the
/// last sequence that is in the table. The watermark is checked on the very state of the table the commit requires as its
/// base. An answer can be lost, so after anything but a certain refusal, and also after success, the table is loaded and
/// looked at; only what is read there counts. Who committed is looked at in the same way (`CommitFence`).
package struct CommitMachine: Hashable, Sendable {
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
        /// Records `first` to `last` are sealed. `token` is random and names the batch in its mark.
        case begin(first: UInt64, last: UInt64, token: UInt64 = 0)
        /// Nothing behind `after` and up to `last` is for the table, whatever the log has trimmed of it: the table is new to
        /// the log (nil), or was left out while that part went.
        case claim(after: UInt64? = nil, last: UInt64, token: UInt64 = 0)
        /// What the table says of this log; nil: nothing.
        case loaded(watermark: UInt64?, mark: CommitMark? = nil)
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
    private var first: UInt64 = 1
    private var last: UInt64 = 0
    private var claim: Claim?
    private var token: UInt64 = 0
    private var isStored = false
    private var attempt = 0
    private var fence: CommitFence?

    private struct Claim: Hashable {
        /// What the table is expected to say.
        let after: UInt64?
    }

    /// - Parameter fence: nil where no other process can have the log, as in tools.
    package init(firstInLog: UInt64, watermark: UInt64? = nil, fence: CommitFence? = nil) {
        self.firstInLog = firstInLog
        self.watermark = watermark
        self.fence = fence
    }

    /// What the commit of the present batch leaves in the table.
    package var mark: CommitMark? { fence.map { CommitMark(life: $0.life, token: token) } }

    /// Looks at what the table says before anything is sealed: what it says may not be this log's.
    ///
    /// - Returns: why nothing may be committed or trimmed; nil when it may.
    package mutating func judge(watermark: UInt64?, mark: CommitMark?) -> String? {
        if case .stopped(let why) = state { return why }
        guard let why = fence?.judge(mark, watermark: watermark) else { return nil }
        state = .stopped(why)
        return why
    }

    /// Gives the batch up: its records are still in the log. What was attempted may land yet.
    package mutating func abandon() {
        if case .stopped = state { return }
        state = .idle
    }

    package mutating func handle(_ input: Input) -> [Effect] {
        switch (state, input) {
        case (.idle, .begin(let first, let last, let token)): return begin(first, last, token)
        case (.idle, .claim(let after, let last, let token)):
            return begin((after ?? 0) + 1, last, token, Claim(after: after))
        case (.loading, .loaded(let found, let mark)):
            if let why = fence?.judge(mark, watermark: found) { return stop(why) }
            return look(at: found)
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

    private mutating func begin(
        _ first: UInt64, _ last: UInt64, _ token: UInt64, _ claim: Claim? = nil
    ) -> [Effect] {
        self.first = first
        self.last = last
        self.token = token
        self.claim = claim
        isStored = false
        attempt = 0
        state = .loading
        return [.load]
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
        if let problem = problem(with: found) { return stop(problem) }
        watermark = found
        let done = found ?? 0
        if found != nil, done == last {
            state = .idle
            return [.finish(watermark: done)]
        }
        if claim.map({ $0.after != found }) ?? false || done >= first {
            state = .idle
            return [.restart(after: done)]
        }
        guard done + 1 == first else {
            return stop(
                "the table has the log up to record \(done), but the next batch begins with \(first): the records "
                    + "between are missing")
        }
        guard isStored else {
            state = .storing
            return [.store]
        }
        state = .committing
        if let mark { fence?.attempt(mark) }
        return [.commit]
    }

    private func problem(with found: UInt64?) -> String? {
        guard let claim else { return Self.contradiction(found: found, known: watermark, firstInLog: firstInLog) }
        // What a claim expects is no contradiction, whatever the log has trimmed.
        if claim.after == found, watermark == nil || watermark == found { return nil }
        return Self.contradiction(
            found: found, known: watermark ?? claim.after, firstInLog: claim.after == nil ? firstInLog : 1)
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
