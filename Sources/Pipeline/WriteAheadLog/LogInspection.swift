import Bytes
import Files

/// Looks at a log from outside, without its lock and without changing a byte: for `analytics-inspect`.
package struct LogInspection {
    package struct Segment {
        package let name: String
        package let bytes: Int
        package let first: UInt64
        package let records: Int
        /// Payload bytes of all whole records.
        package let payloadBytes: Int
        /// What follows the last whole record: a torn tail of a log that was killed, or a group being written now.
        package let trailingBytes: Int
        /// Why the segment cannot be used; nil for a whole one.
        package let problem: String?
    }

    package let identity: LogIdentity
    package let segments: [Segment]

    /// Reads the directory of a log; a running collector may be appending to it.
    package init(directory: String) throws {
        let bytes = try FileSystem.read("\(directory)/\(LogFormat.identityName)", bytesMax: 4096)
        guard let identity = LogFormat.decodeIdentity(bytes) else {
            throw LogError(.corrupt, "\(directory)/\(LogFormat.identityName) is damaged")
        }
        self.identity = identity
        let names = try FileSystem.list(directory).filter { LogFormat.firstSequence(ofSegment: $0) != nil }.sorted()
        var segments: [Segment] = []
        for name in names {
            let isLast = name == names.last
            let bytes = try FileSystem.read("\(directory)/\(name)", bytesMax: 4 << 30)
            segments.append(Self.inspect(bytes, name: name, isLast: isLast, identity: identity))
        }
        self.segments = segments
    }

    private static func inspect(_ bytes: [UInt8], name: String, isLast: Bool, identity: LogIdentity) -> Segment {
        let first = LogFormat.firstSequence(ofSegment: name) ?? 0
        var records = 0
        var payloadBytes = 0
        var problem: String?
        var trailing = 0
        bytes.withUnsafeBytes { raw in
            do throws(LogError) {
                let segment = try LogRecovery.scan(raw, first: first, isLast: isLast, identity: identity) {
                    _, payload in
                    records += 1
                    payloadBytes += payload.count
                }
                trailing = segment.fileBytes - segment.validBytes
            } catch {
                problem = error.message
            }
        }
        return Segment(
            name: name, bytes: bytes.count, first: first, records: records, payloadBytes: payloadBytes,
            trailingBytes: trailing, problem: problem)
    }
}
