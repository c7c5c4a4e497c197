import Synchronization

/// Counts up. An increment is one atomic addition: take the counter once and keep it on hot paths.
public final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)

    init() {}

    public func increment(by amount: Int = 1) {
        guard amount > 0 else { return }
        count.wrappingAdd(UInt64(amount), ordering: .relaxed)
    }

    public var value: UInt64 { count.load(ordering: .relaxed) }
}

/// A value that goes up and down.
public final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(Double(0).bitPattern)

    init() {}

    public func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    public func set(_ value: Int) { set(Double(value)) }

    public func add(_ amount: Double) {
        var before = bits.load(ordering: .relaxed)
        while true {
            let after = (Double(bitPattern: before) + amount).bitPattern
            let result = bits.compareExchange(expected: before, desired: after, ordering: .relaxed)
            if result.exchanged { return }
            before = result.original
        }
    }

    public var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

/// Counts observations by size.
public final class Histogram: Sendable {
    struct Contents {
        /// One per bound and a last one for what is above them all; not cumulative.
        var counts: [UInt64]
        var sum: Double = 0
    }

    /// Seconds: 1 ms to 30 s.
    public static let latencyBounds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
    ]
    /// Bytes: 1 KiB to 1 GiB, by fours.
    public static let sizeBounds: [Double] = (0...10).map { Double(1024 << (2 * $0)) }

    let bounds: [Double]
    private let contents: Mutex<Contents>

    init(bounds: [Double]) {
        self.bounds = bounds
        contents = Mutex(Contents(counts: [UInt64](repeating: 0, count: bounds.count + 1)))
    }

    public func observe(_ value: Double) {
        var bucket = 0
        while bucket < bounds.count && value > bounds[bucket] { bucket += 1 }
        contents.withLock {
            $0.counts[bucket] += 1
            $0.sum += value
        }
    }

    var snapshot: Contents { contents.withLock { $0 } }

    public var count: UInt64 { snapshot.counts.reduce(0, +) }
    public var sum: Double { snapshot.sum }
}

/// The instruments of one metric name, one per combination of label values.
public final class MetricFamily<Instrument: Sendable>: Sendable {
    /// Combinations kept apart; further ones share the one whose label values are all `other`, so that hostile label values cannot
    /// take the memory.
    public static var seriesMax: Int { 2000 }

    let labelNames: [String]
    private let make: @Sendable () -> Instrument
    private let series = Mutex<[[String]: Instrument]>([:])

    init(labelNames: [String], make: @escaping @Sendable () -> Instrument) {
        self.labelNames = labelNames
        self.make = make
    }

    /// The instrument for these label values, in the order the labels were declared. One lock and a hash.
    public func with(_ values: String...) -> Instrument { with(values) }

    public func with(_ values: [String]) -> Instrument {
        precondition(values.count == labelNames.count, "expected values for the labels \(labelNames)")
        return series.withLock { series in
            if let found = series[values] { return found }
            let isFull = series.count >= Self.seriesMax
            let key = isFull ? [String](repeating: "other", count: values.count) : values
            if let found = series[key] { return found }
            let instrument = make()
            series[key] = instrument
            return instrument
        }
    }

    /// Forgets a combination: a partition or table that is gone.
    public func remove(_ values: [String]) { series.withLock { _ = $0.removeValue(forKey: values) } }

    var all: [(values: [String], instrument: Instrument)] {
        series.withLock { $0.map { (values: $0.key, instrument: $0.value) } }
            .sorted { $0.values.lexicographicallyPrecedes($1.values) }
    }
}
