/// What one run takes on, all in one place.
package enum CompactionLimits {
    /// Groups of files that one commit replaces.
    package static let groupsPerCommit = 64
    /// Bytes of input files that one commit replaces, one group aside.
    package static let inputBytesPerCommit: Int64 = 4 << 30
    /// Input files of one group: each costs a request at least.
    package static let filesPerGroup = 2_000
    /// Input files read ahead at the same time.
    package static let concurrentReads = 8
    /// Times a commit is tried again on a newer state of the table.
    package static let commitAttemptsMax = 20
    package static let commitRetryMilliseconds = 50
    package static let commitRetryMillisecondsMax = 5_000
    /// Decoded bytes for each byte of memory allowed that a sorted rewrite may hold: input, sorted copy, output.
    package static let sortMemoryDivisor = 4
    /// Finished jobs kept in memory, and in the bucket as history.
    package static let jobsKept = 500
    /// Files named one by one in a reply.
    package static let filesListed = 1_000
    /// Age below which no orphan is deleted, whatever is asked for.
    package static let orphanAgeHoursMin = 24
}
