import Clocks

/// The log one step after another: everything of `WriteAheadLog` but its thread, its mutex and its clock, for whoever
/// decides himself what happens when. Deterministic: the same calls on the same storage with the same random source do
/// the same.
///
/// `Ticket` is whatever the owner wants back with the fate of an append.
package final class LogWriter<Ticket>: TrimmedLog {
    package let identity: LogIdentity
    /// What opening cut off the end: bytes of a group that was never acknowledged.
    package let tornBytes: Int
    private let reader: LogReader
    private var state: LogMachine<Ticket>
    private var files: LogFiles
    private var trimmer: LogTrimmer
    private var effects = LogEffects<Ticket>()

    /// Opens the log, or makes one where there is none.
    package init(
        storage: any LogStorage, configuration: LogConfiguration = LogConfiguration(), _ random: some RandomSource
    ) throws(LogError) {
        let parts = try LogParts<Ticket>(storage, configuration, random)
        identity = parts.identity
        tornBytes = parts.tornBytes
        reader = parts.reader
        state = parts.state
        files = parts.files
        trimmer = parts.trimmer
    }

    package var status: LogStatus { state.status }

    /// Whether all that was written would survive a power loss.
    package var isSynced: Bool { state.unsynced.isEmpty }

    /// Queues a record and numbers it; a later `step` writes it.
    package func enqueue(_ payload: [UInt8], _ ticket: Ticket) throws(LogError) -> UInt64 {
        try state.enqueue(payload, ticket)
    }

    /// Writes the next group, syncs it unless `configuration.sync` is an interval.
    ///
    /// - Returns: false when none waits.
    package func step() -> Bool {
        guard let work = state.nextWork() else { return false }
        perform(work)
        return true
    }

    /// Syncs what was written; with `.interval` only.
    package func sync() {
        if let work = state.syncWork() { perform(work) }
    }

    private func perform(_ work: LogWork<Ticket>) { effects.append(state.absorb(work, files.perform(work))) }

    /// What the calls since the last one mean for those outside.
    package func takeEffects() -> LogEffects<Ticket> {
        defer { effects = LogEffects() }
        return effects
    }

    /// Durable records from `sequence` on, at least one if there is one, about `bytesMax` bytes.
    package func records(from sequence: UInt64, bytesMax: Int) throws(LogError) -> [(UInt64, [UInt8])] {
        try reader.records(
            of: state.segments, from: sequence, through: state.syncedThrough, bytesMax: bytesMax)
    }

    /// Whether `trim` would free anything.
    package func canTrim(through watermark: UInt64) -> Bool {
        !state.removable(through: watermark).isEmpty || state.canEndActive(through: watermark)
    }

    /// As `WriteAheadLog.trim`.
    package func trim(
        through watermark: UInt64,
        beforeRemoving: (LeavingSegment) throws(LogError) -> Void = { _ in }
    ) throws(LogError) -> Int {
        try trimmer.trim(self, through: watermark, beforeRemoving)
    }

    /// As `WriteAheadLog.withReserve`.
    package func withReserve(_ body: () throws(LogError) -> Void) throws(LogError) {
        try trimmer.withReserve(self) { _ throws(LogError) in try body() }
    }

    // MARK: - Being trimmed

    func removable(through watermark: UInt64) -> [(first: UInt64, next: UInt64, bytes: Int)] {
        state.removable(through: watermark)
    }

    func removed(first: UInt64) { state.removed(first: first) }

    func endActive(through watermark: UInt64) -> Bool {
        guard state.endActive(through: watermark) else { return true }
        if let work = state.nextWork(holdingRecords: true) { perform(work) }
        return !state.rotationFoundNoSpace
    }

    func holdAppends() {}
    func releaseAppends() {}
}
