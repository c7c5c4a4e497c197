import Clocks

/// Who made a log's last commit to a table: one life of a process, and one batch of it. The table property
/// `analytics.log.<id>.epoch` holds it as `<life>/<token>`.
package struct CommitMark: Hashable, Sendable, CustomStringConvertible {
    /// Random for every start of a collector.
    package let life: UUID
    /// Random for every batch: of two processes with one memory, only one knows it.
    package let token: UInt64

    package init(life: UUID, token: UInt64) {
        self.life = life
        self.token = token
    }

    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let life = UUID(String(parts[0])), let token = UInt64(parts[1], radix: 16) else {
            return nil
        }
        self.init(life: life, token: token)
    }

    package var description: String { "\(life)/\(String(token, radix: 16))" }
}

/// Keeps two processes with one log (a restored machine, a copied volume) from writing one table. Pure.
///
/// Each life of a collector has a random id, known to the log's directory before its first commit. Every commit leaves
/// its mark in the table, in the same step as its files and pinned to the same base. So a mark found in the table is of
/// this life, of one this directory knows as earlier, or of a process that should not be. Once this life's mark is there,
/// requests of earlier lives that are still on their way conflict with it, and an earlier life that still runs finds a
/// mark it does not know.
package struct CommitFence: Hashable, Sendable {
    package let life: UUID
    /// The lives that the directory had when this one began, each with the last record of the log when the next life
    /// began to accept: it cannot have committed more. If the table says so, the directory was copied, and what both
    /// accepted since is not the same.
    package let predecessors: [UUID: UInt64]
    /// The last record of the log when this life began: a table without a mark cannot have more.
    package let logEnd: UInt64
    /// As found in the table last.
    package private(set) var confirmed: CommitMark?
    /// What may land yet.
    private var attempted: Set<CommitMark> = []

    /// - Parameter attempted: commits of this life that may be found, or land yet.
    package init(life: UUID, predecessors: [UUID: UInt64], logEnd: UInt64, attempted: Set<CommitMark> = []) {
        self.life = life
        self.predecessors = predecessors
        self.logEnd = logEnd
        self.attempted = attempted
    }

    /// A commit with this mark may be made from now on.
    package mutating func attempt(_ mark: CommitMark) { attempted.insert(mark) }

    /// Judges what the table says.
    ///
    /// - Returns: why this process must not go on; nil when it may.
    package mutating func judge(_ found: CommitMark?, watermark: UInt64?) -> String? {
        defer {
            if let found, found != confirmed {
                // Whatever else was on its way had the same base, and lost.
                if attempted.contains(found) { attempted.removeAll() }
                confirmed = found
            }
        }
        guard let found else {
            guard confirmed == nil else {
                return "the table no longer says which process committed this log last. \(Self.rolledBack)"
            }
            return judge(watermark, end: logEnd)
        }
        if found == confirmed || attempted.contains(found) { return nil }
        if found.life == life {
            return "the table has a commit of this very process that it did not make: it runs twice, as a restored or "
                + "cloned machine does. The other one was first and goes on; stop this one. \(Self.moveAway)"
        }
        guard let end = predecessors[found.life] else {
            return
                "another process has taken over this log's place in the table (\(found.life)): the log directory was "
                + "copied, or restored from a backup. Stop one of the two. \(Self.moveAway)"
        }
        if confirmed?.life == life {
            return "the table shows a commit of an earlier life of this log after one of this life. \(Self.rolledBack)"
        }
        return judge(watermark, end: end)
    }

    private func judge(_ watermark: UInt64?, end: UInt64) -> String? {
        guard let watermark, watermark > end else { return nil }
        if watermark > logEnd {
            return
                "the table has this log up to record \(watermark), but the log ended with record \(logEnd) when this "
                + "process began: the directory is an old copy. \(Self.moveAway)"
        }
        return
            "the table has this log up to record \(watermark), committed by a process after which this directory's log "
            + "ended with record \(end): the directory is an old copy, and has accepted other events under the same "
            + "numbers. \(Self.moveAway)"
    }

    private static let moveAway =
        "What it accepted and has not committed is in its log directory: move that away to begin a new log, and send the "
        + "events again from there"
    private static let rolledBack =
        "The table was rolled back, replaced or edited. Restore the properties, or move the log directory away to begin "
        + "a new log; going on could lose or double events"
}
