/// A log as those see it who fill and empty it: `WriteAheadLog`, or one whose steps a simulation takes.
package protocol RecordLog: AnyObject, Sendable {
    var identity: LogIdentity { get }
    var status: WriteAheadLog.Status { get }
    /// Queues a record; `completion` is called exactly once, unless this throws. Sequences are given in the order of calls.
    func enqueue(
        _ payload: [UInt8], completion: @escaping WriteAheadLog.Completion
    ) throws(LogError) -> UInt64
    /// Returns when everything queued so far may be acknowledged: with `Sync.always`, when it is durable.
    func waitForQueued() async throws(LogError)
    /// Returns when everything queued so far is durable, whatever the configuration says about waiting.
    func waitForSynced() async throws(LogError)
    /// Durable records from `sequence` on, at least one if there is one, about `bytesMax` bytes.
    func records(from sequence: UInt64, bytesMax: Int) throws(LogError) -> [(UInt64, [UInt8])]
    /// Whether `trim` would free anything.
    func canTrim(through watermark: UInt64) -> Bool
    /// Removes the segments that hold nothing behind `watermark`, which the caller has read back from the table.
    func trim(
        through watermark: UInt64,
        beforeRemoving: (LeavingSegment) throws(LogError) -> Void
    ) throws(LogError) -> Int
    /// Writes a little beside the log also when the disk is full: `body` is done again with what is set aside when it finds
    /// no space. Not while the log is trimmed.
    func withReserve(_ body: () throws(LogError) -> Void) throws(LogError)
}

extension WriteAheadLog: RecordLog {}
