/// A named place where a test can make the process die, stop or fail: on both sides of every step that makes something
/// durable. This is the list of all of them; each stands once or more in the code that it names.
///
/// Not armed, passing one costs a load. `ANALYTICS_FAILPOINTS` arms (`FailpointPlan`).
package enum Failpoint: String, CaseIterable, Sendable {
    // A new log.
    case logBeforeIdentity = "log.before-identity"
    case logAfterIdentity = "log.after-identity"
    // A torn tail, when a log is opened.
    case logBeforeCut = "log.before-cut"
    case logAfterCut = "log.after-cut"
    // A group of records.
    case logBeforeWrite = "log.before-write"
    case logAfterWrite = "log.after-write"
    case logBeforeSync = "log.before-sync"
    case logAfterSync = "log.after-sync"
    /// The events are durable; nobody has been told.
    case intakeBeforeReply = "intake.before-reply"
    // A new segment.
    case logBeforeRotate = "log.before-rotate"
    case logAfterCreate = "log.after-create"
    case logAfterHeader = "log.after-header"
    case logAfterHeaderSync = "log.after-header-sync"
    case logAfterRotate = "log.after-rotate"
    // A segment that goes.
    case trimBeforeKeys = "trim.before-keys"
    case trimAfterKeys = "trim.after-keys"
    case trimBeforeUnlink = "trim.before-unlink"
    case trimAfterUnlink = "trim.after-unlink"
    case trimAfterDirectorySync = "trim.after-directory-sync"
    // A batch on its way into a table.
    case committerBeforeDataPut = "committer.before-data-put"
    case committerAfterDataPut = "committer.after-data-put"
    case committerBeforeManifestPut = "committer.before-manifest-put"
    case committerAfterManifestPut = "committer.after-manifest-put"
    case committerBeforeCommit = "committer.before-commit"
    case committerAfterCommit = "committer.after-commit"
    case committerBeforeReadBack = "committer.before-read-back"
    case committerAfterReadBack = "committer.after-read-back"
    /// The list of the tables that have parts of a log.
    case targetsBeforeWrite = "targets.before-write"
    case targetsAfterWrite = "targets.after-write"
    // A change of the catalog.
    case catalogBeforeClaim = "catalog.before-claim"
    case catalogAfterClaim = "catalog.after-claim"
    case catalogBeforeListPut = "catalog.before-list-put"
    case catalogAfterListPut = "catalog.after-list-put"
    case catalogBeforeMetadataPut = "catalog.before-metadata-put"
    case catalogAfterMetadataPut = "catalog.after-metadata-put"
    case catalogBeforeRegisterPut = "catalog.before-register-put"
    /// The change is durable, unless it is part of a transaction; nobody has been told.
    case catalogAfterRegisterPut = "catalog.after-register-put"
    case catalogBeforeDecisionPut = "catalog.before-decision-put"
    /// The transaction is durable; nobody has been told.
    case catalogAfterDecisionPut = "catalog.after-decision-put"
    case catalogBeforeRemoval = "catalog.before-removal"
    case catalogAfterRemoval = "catalog.after-removal"
}

extension Failpoint {
    /// Dies or stops here, if the process was told to.
    package func pass() {
        guard Failpoints.isArmed else { return }
        _ = Failpoints.pass(self)
    }

    /// Dies, stops or throws here, if the process was told to.
    package func pass<Failure: Error>(failingWith failure: () -> Failure) throws(Failure) {
        guard Failpoints.isArmed else { return }
        if Failpoints.pass(self) == .error { throw failure() }
    }
}
