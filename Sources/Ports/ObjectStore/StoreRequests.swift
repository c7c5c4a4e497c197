import Synchronization
import Telemetry

/// What a process has asked of its object stores since its start, by the classes that R2 and S3 bill.
public final class StoreRequests: Sendable {
    public struct Counts: Hashable, Sendable {
        /// Writes and listings.
        public var classA: Int64 = 0
        /// Reads.
        public var classB: Int64 = 0
        /// Deletes, which cost nothing.
        public var free: Int64 = 0
        public var bytesRead: Int64 = 0
        public var bytesWritten: Int64 = 0

        public init(
            classA: Int64 = 0, classB: Int64 = 0, free: Int64 = 0, bytesRead: Int64 = 0, bytesWritten: Int64 = 0
        ) {
            self.classA = classA
            self.classB = classB
            self.free = free
            self.bytesRead = bytesRead
            self.bytesWritten = bytesWritten
        }

        public mutating func add(_ other: Counts) {
            for metric in StoreRequests.metrics {
                let (sum, overflow) = metric.value(self).addingReportingOverflow(metric.value(other))
                metric.set(&self, overflow ? .max : sum)
            }
        }
    }

    /// One of the counts as a metric: the same names in every worker, so that whoever reads them needs no list of workers.
    public struct Metric: Sendable {
        public let name: String
        let help: String
        let value: @Sendable (Counts) -> Int64
        let set: @Sendable (inout Counts, Int64) -> Void
    }

    public static let metrics: [Metric] = [
        metric("write_requests_total", "Writes and listings asked of the object store: class A.", \.classA),
        metric("read_requests_total", "Reads asked of the object store: class B.", \.classB),
        metric("delete_requests_total", "Deletes asked of the object store: free.", \.free),
        metric("read_bytes_total", "Bytes of objects read.", \.bytesRead),
        metric("written_bytes_total", "Bytes of objects written.", \.bytesWritten),
    ]

    private static func metric(
        _ name: String, _ help: String, _ path: any WritableKeyPath<Counts, Int64> & Sendable
    ) -> Metric {
        Metric(
            name: "object_store_\(name)", help: help, value: { $0[keyPath: path] }, set: { $0[keyPath: path] = $1 })
    }

    private let counted = Mutex(Counts())

    public init() {}

    /// Counts that a worker's metrics show.
    public convenience init(metrics: MetricsRegistry) {
        self.init()
        for metric in Self.metrics {
            metrics.computedCounter(metric.name, metric.help) { Double(metric.value(self.counts)) }
        }
    }

    public var counts: Counts { counted.withLock { $0 } }

    func count(_ change: (inout Counts) -> Void) { counted.withLock { change(&$0) } }
}

extension StoreRequests.Counts {
    /// What the metrics of a worker say; nil where one is missing or is no count.
    ///
    /// - Parameter value: of the metric of a name.
    public init?(metrics value: (String) -> Int64?) {
        self.init()
        for metric in StoreRequests.metrics {
            guard let count = value(metric.name), count >= 0 else { return nil }
            metric.set(&self, count)
        }
    }
}
