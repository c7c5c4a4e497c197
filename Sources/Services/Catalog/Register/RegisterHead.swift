import Clocks

/// The newest version of a register, as just read.
package struct RegisterHead: Sendable {
    let chain: RegisterChain
    /// 0: the register was never written.
    let version: Int64
    let entry: RegisterEntry?
    /// What counts now.
    let state: RegisterState
    /// The transaction that the newest entry waits for; whoever writes next must decide it first.
    let undecided: UUID?
    /// When the store was last asked and had no newer version.
    let confirmedAt: Timestamp

    init(
        chain: RegisterChain, version: Int64, entry: RegisterEntry?, decision: RegisterDecision?,
        confirmedAt: Timestamp
    ) {
        self.chain = chain
        self.confirmedAt = confirmedAt
        self.version = version
        self.entry = entry
        guard let entry, let transaction = entry.transaction else {
            state = entry?.state ?? .absent
            undecided = nil
            return
        }
        state = decision == .committed ? entry.state : transaction.before
        undecided = decision == nil ? transaction.id : nil
    }
}

/// What became of a transaction, once and for all.
package enum RegisterDecision: String, Sendable {
    case committed, aborted
}

/// What became of writing the next version of a register.
package enum AdvanceOutcome: Sendable {
    case advanced(RegisterHead)
    /// Another writer made that version; nothing of ours took place.
    case lost
}
