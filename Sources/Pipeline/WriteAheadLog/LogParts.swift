import Clocks
import Files

/// What an open log is made of: the state, the files being written, reading and trimming. Each owner puts them together
/// in its own way: `LogWriter` one step after another, `WriteAheadLog` with a thread.
struct LogParts<Ticket> {
    let identity: LogIdentity
    /// What opening cut off the end.
    let tornBytes: Int
    let state: LogMachine<Ticket>
    let files: LogFiles
    let reader: LogReader
    let trimmer: LogTrimmer

    /// Opens the log, or makes one where there is none. Blocks. A log that was used opens on a full disk too.
    init(
        _ storage: any LogStorage, _ configuration: LogConfiguration, _ random: some RandomSource
    ) throws(LogError) {
        let capacity: Int
        do throws(FileError) {
            capacity = try storage.capacityBytes()
        } catch {
            throw LogError(.failed, "the log cannot be opened: \(error)")
        }
        let opened = try LogOpening.open(storage, random)
        let segmentBytes = configuration.segmentBytes(capacity: capacity)
        identity = opened.identity
        tornBytes = opened.tornBytes
        state = LogMachine(
            bytesMax: configuration.bytesMax, segmentBytes: segmentBytes,
            groupBytesMax: min(configuration.groupBytesMax, segmentBytes),
            segments: opened.segments.map { LogMachine.Segment(first: $0.first, bytes: $0.validBytes) },
            nextSequence: opened.next, syncsEveryGroup: configuration.sync == .always)
        files = LogFiles(storage, opened.identity, active: opened.activeFile)
        reader = LogReader(storage: storage, identity: opened.identity)
        trimmer = LogTrimmer(reader, reserveBytes: configuration.reserveBytes(capacity: capacity))
    }
}
