/// The bug zoo: mistakes that others made, each of which the simulation must find. None of them is in the product; each
/// is a wrapper around what it is made of, or a lie of what it stands on.
package enum Mistake: String, CaseIterable, Sendable {
    /// After an unknown outcome the commit is made again without a look whether it took place.
    case blindRetry
    /// After an unknown outcome the files of the commit are deleted.
    case cleanUpOnUnknown
    /// A 503 counts as a refusal: the manifests of the attempt are deleted.
    case unavailableIsRefused
    /// The watermark is checked, then appended on whatever the table is by then, as client libraries do.
    case unpinnedCheck
    /// What was sent counts as committed, and the log is trimmed.
    case trimBeforeReadBack
    /// The log is trimmed through what is durable in it.
    case trimBeforeCommit
    /// A new log has the name of a lost one.
    case reusedLogIdentity
    /// Files are named by their range of the log alone, and put whatever is there.
    case reusedFileNames
    /// The watermark stands only in the snapshot's summary.
    case watermarkInSummary
    /// Senders are answered when their record is queued.
    case acknowledgeBeforeWrite
    /// Files of the log are not synced.
    case missingSync
    /// A sync that failed counts as done.
    case failedSyncIgnored
    /// Syncing at intervals, every write puts the sync off.
    case syncPutOff
    /// Syncing at intervals, records go to the tables as soon as they are written.
    case handedOnUnsynced
    /// The log's directory is not synced.
    case missingDirectorySync
    /// A torn tail is not cut off in the file.
    case tornTailKept
    /// After a restart nobody knows which events came before.
    case forgottenDuplicates
    /// Segments go without their keys being kept.
    case keysNotKept
    /// Nobody writes down where the log ended when a life began, and so whose records are whose.
    case endsForgotten
    /// Nobody keeps that the log went on without a table, which then seems to have lost a part.
    case passedOverForgotten
    /// A table that comes back claims all of the log, not what is gone of it.
    case claimTooWide
    /// The compactor deletes what it has replaced at once.
    case compactionDeletesInputs
    /// Files that no snapshot names yet count as orphans.
    case youngOrphansRemoved
    /// Another writer sets all properties as it once read them.
    case propertiesWrittenBack
    /// The catalog checks, and then writes.
    case catalogWithoutSwap

    /// The worlds in which it is looked for.
    package var scenario: Scenario {
        switch self {
        case .tornTailKept, .keysNotKept, .missingSync, .failedSyncIgnored, .missingDirectorySync: .storage
        case .acknowledgeBeforeWrite, .forgottenDuplicates, .trimBeforeCommit, .reusedLogIdentity: .road
        case .endsForgotten: .copies
        case .syncPutOff, .handedOnUnsynced: .interval
        case .passedOverForgotten, .claimTooWide: .leftOut
        default: .commits
        }
    }
}
