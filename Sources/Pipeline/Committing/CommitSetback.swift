/// What a request to commit came to, when it was not plainly committed.
package enum CommitSetback: String, CaseIterable, Sendable {
    /// Another writer was first; it is made again on the new base.
    case conflicted
    /// The catalog would not have it.
    case rejected
    /// No answer says whether it happened; the table is asked.
    case unknown
}
