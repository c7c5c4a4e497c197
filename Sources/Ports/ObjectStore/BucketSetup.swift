/// Makes the buckets of a deployment and sets their lifecycle rules. Doing it again changes nothing.
public enum BucketSetup {
    /// What of the processed bucket is removed by age; the other two keep everything.
    public static let processedRules = [
        LifecycleRule(id: "expire-processed", prefix: "processed/", expirationDays: 90),
        LifecycleRule(id: "expire-temp", prefix: "temp/", expirationDays: 7),
    ]

    /// - Returns: what was done, a line each, for people to read.
    public static func run(_ configuration: ObjectStoreConfiguration) async throws(ObjectStoreError) -> [String] {
        let store = try configuration.openWithoutRetries()
        let buckets = [configuration.sourceBucket, configuration.processedBucket, configuration.catalogBucket]
        guard let store = store as? S3ObjectStore else {
            return buckets.map { "\($0): a directory of the local store, made by the first write" }
        }
        return try await run(
            store, buckets: buckets, processed: configuration.processedBucket, policy: configuration.retryPolicy)
    }

    static func run(
        _ store: S3ObjectStore, buckets: [BucketName], processed: BucketName, policy: RetryPolicy
    ) async throws(ObjectStoreError) -> [String] {
        var lines: [String] = []
        for bucket in buckets {
            // Safe to repeat whatever became of an earlier try.
            let isNew = try await policy.run(store.clock, store.random) { () async throws(ObjectStoreError) in
                try await store.createBucket(bucket)
            }
            var line = "\(bucket): \(isNew ? "created" : "exists")"
            if bucket == processed {
                line +=
                    ", \(try await setRules(store, bucket, policy) ? "lifecycle rules set" : "lifecycle rules kept")"
            }
            lines.append(line)
        }
        return lines
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
