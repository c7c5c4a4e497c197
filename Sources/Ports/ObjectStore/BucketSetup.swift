/// Makes the buckets of a deployment and sets their lifecycle rules. Doing it again changes nothing.
public enum BucketSetup {
    /// What of the processed bucket is removed by age; the other two keep everything.
    public static let processedRules = [
        LifecycleRule(id: "expire-processed", prefix: "processed/", expirationDays: 90),
        LifecycleRule(id: "expire-temp", prefix: "temp/", expirationDays: 7),
    ]

    /// What came of it, for people to read.
    public struct Report: Hashable, Sendable {
        /// A line for each thing that is now as it should be.
        public internal(set) var done: [String] = []
        /// A line for each thing the store refused, with its answer.
        public internal(set) var refused: [String] = []
    }

    /// Goes on after a refusal: a store without lifecycle rules still gets its buckets.
    ///
    /// - Throws: when the store cannot be opened, or is away.
    public static func run(_ configuration: ObjectStoreConfiguration) async throws(ObjectStoreError) -> Report {
        guard let store = try configuration.openWithoutRetries() as? S3ObjectStore else {
            return Report(done: ["nothing is needed: on a local store the first write makes a bucket's directory"])
        }
        let buckets = [configuration.sourceBucket, configuration.processedBucket, configuration.catalogBucket]
        return try await run(
            store, buckets: buckets, processed: configuration.processedBucket, policy: configuration.retryPolicy)
    }

    static func run(
        _ store: S3ObjectStore, buckets: [BucketName], processed: BucketName, policy: RetryPolicy
    ) async throws(ObjectStoreError) -> Report {
        var report = Report()
        for bucket in buckets {
            // Safe to repeat whatever became of an earlier try.
            try await note("the bucket \(bucket)", in: &report) { () async throws(ObjectStoreError) in
                try await policy.run(store.clock, store.random) { () async throws(ObjectStoreError) in
                    try await store.createBucket(bucket) ? "created" : "exists"
                }
            }
        }
        try await note("the lifecycle rules of \(processed)", in: &report) { () async throws(ObjectStoreError) in
            try await setRules(store, processed, policy) ? "set" : "are as they should be"
        }
        return report
    }

    private static func note(
        _ what: String, in report: inout Report, _ body: () async throws(ObjectStoreError) -> String
    ) async throws(ObjectStoreError) {
        do throws(ObjectStoreError) {
            report.done.append("\(what): \(try await body())")
        } catch {
            // With the store away, every other step would only wait as long again.
            guard error.code != .unavailable else { throw error }
            report.refused.append("\(what): \(error.message)")
        }
    }

    /// - Returns: false when the rules were there already.
    private static func setRules(
        _ store: S3ObjectStore, _ bucket: BucketName, _ policy: RetryPolicy
    ) async throws(ObjectStoreError) -> Bool {
        try await policy.run(store.clock, store.random) { () async throws(ObjectStoreError) in
            if Set(try await store.lifecycle(of: bucket)) == Set(processedRules) { return false }
            try await store.putLifecycle(processedRules, on: bucket)
            return true
        }
    }
}
