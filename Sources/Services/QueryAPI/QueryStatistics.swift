import Synchronization

/// What the service did since it started.
package final class QueryStatistics: Sendable {
    package struct Values: Sendable {
        package var queries = 0
        package var failures = 0
        package var timeouts = 0
        package var active = 0
        package var rows = 0
        package var filesRead = 0
        package var filesPruned = 0
        package var bytesRead: Int64 = 0
        /// Of the latest queries, in order of arrival.
        fileprivate var latencies: [Double] = []
        fileprivate var next = 0

        /// Milliseconds below which this share (0…1) of the latest queries took.
        package func latency(quantile: Double) -> Double? {
            let sorted = latencies.sorted()
            return sorted.isEmpty ? nil : sorted[min(sorted.count - 1, Int(Double(sorted.count) * quantile))]
        }
    }

    private static let latenciesMax = 1024
    private let state = Mutex(Values())

    package init() {}

    package var values: Values { state.withLock { $0 } }

    func begin() { state.withLock { $0.active += 1 } }

    func end(milliseconds: Double, rows: Int, error: QueryError?) {
        state.withLock { values in
            values.active -= 1
            values.queries += 1
            values.rows += rows
            if error != nil { values.failures += 1 }
            if error?.code == .timeout { values.timeouts += 1 }
            if values.latencies.count < Self.latenciesMax {
                values.latencies.append(milliseconds)
            } else {
                values.latencies[values.next] = milliseconds
                values.next = (values.next + 1) % Self.latenciesMax
            }
        }
    }

    func noteFiles(read: Int, pruned: Int, bytes: Int64) {
        state.withLock { values in
            values.filesRead += read
            values.filesPruned += pruned
            values.bytesRead += bytes
        }
    }
}
