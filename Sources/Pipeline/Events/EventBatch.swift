/// The events of one request, read and judged, not yet logged.
package struct EventBatch: Sendable {
    /// One accepted event: its place in the request and in `encoded`.
    package struct Accepted: Hashable, Sendable {
        package let index: Int
        package let key: EventKey
        package let range: Range<Int>
        /// The event as it was sent: a range of the body.
        package let text: Range<Int>
    }

    package let encoded: [UInt8]
    package let accepted: [Accepted]
    package let rejections: [EventRejection]

    /// No event at all: for a request that could not be read.
    package static let empty = EventBatch(encoded: [], accepted: [], rejections: [])

    /// The record for the log with the accepted events, but for those whose place in `accepted` is in `excluded`
    /// (ascending), and with refusals behind them.
    package func record(
        context: EventContext, excluding excluded: [Int] = [], refusals: EncodedRefusals = EncodedRefusals()
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(encoded.count + refusals.bytes.count + 256)
        EventRecord.appendHeader(
            context: context, count: accepted.count - excluded.count + refusals.count, to: &bytes)
        var start = 0
        for position in excluded {
            let range = accepted[position].range
            bytes.append(contentsOf: encoded[start..<range.lowerBound])
            start = range.upperBound
        }
        bytes.append(contentsOf: encoded[start...])
        bytes += refusals.bytes
        return bytes
    }
}
