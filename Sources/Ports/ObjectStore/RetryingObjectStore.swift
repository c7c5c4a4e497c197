import Clocks

/// How often and how long to try again.
public struct RetryPolicy: Hashable, Sendable {
    /// Tries after the first.
    public var retriesMax: Int
    public var baseDelayMilliseconds: Int
    public var delayMillisecondsMax: Int

    public init(retriesMax: Int = 10, baseDelayMilliseconds: Int = 100, delayMillisecondsMax: Int = 60_000) {
        self.retriesMax = retriesMax
        self.baseDelayMilliseconds = baseDelayMilliseconds
        self.delayMillisecondsMax = delayMillisecondsMax
    }

    /// Exponential with full jitter: anything from 0 to the doubled base, but no less than the store asks for.
    func delayMilliseconds(afterAttempt attempt: Int, retryAfter: Int?, _ random: any RandomSource) -> Int {
        let ceiling = min(delayMillisecondsMax, baseDelayMilliseconds << min(attempt, 20))
        let jittered = Int(random.next(below: UInt64(max(0, ceiling)) + 1))
        return min(max(jittered, retryAfter ?? 0), max(delayMillisecondsMax, 0))
    }

    /// Runs `operation` until it succeeds, fails for good, or the tries are used up. A cancelled task tries no more.
    func run<T>(
        _ clock: any MonotonicClock, _ random: any RandomSource, _ operation: () async throws(ObjectStoreError) -> T
    ) async throws(ObjectStoreError) -> T {
        var attempt = 0
        while true {
            do throws(ObjectStoreError) {
                return try await operation()
            } catch {
                guard error.isRetryable, attempt < retriesMax, !Task.isCancelled else { throw error }
                let delay = delayMilliseconds(
                    afterAttempt: attempt, retryAfter: error.retryAfterMilliseconds, random)
                do { try await clock.sleep(milliseconds: delay) } catch _ { throw error }
                attempt += 1
            }
        }
    }
}

/// Tries again what failed for a passing reason.
///
/// A conditional put whose outcome is unknown is not simply repeated: the repetition would fail on the condition by its own
/// first success. The object is read back; equal content means that this write took place. Content of conditional
/// puts should therefore name its writer (an id, a sequence) wherever two writers could write the same.
public struct RetryingObjectStore: ObjectStore {
    private let store: any ObjectStore
    private let policy: RetryPolicy
    private let clock: any MonotonicClock
    private let random: any RandomSource

    public init(
        wrapping store: any ObjectStore, policy: RetryPolicy = RetryPolicy(),
        clock: any MonotonicClock = SystemClock(), random: any RandomSource = SystemRandom()
    ) {
        self.store = store
        self.policy = policy
        self.clock = clock
        self.random = random
    }

    public func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        try await retrying { () async throws(ObjectStoreError) in try await store.get(location, range: range) }
    }

    public func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        try await retrying { () async throws(ObjectStoreError) in try await store.head(location) }
    }

    public func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        try await retrying { () async throws(ObjectStoreError) in
            try await store.list(
                bucket, prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
        }
    }

    public func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        try await retrying { () async throws(ObjectStoreError) in try await store.delete(bucket, keys) }
    }

    public func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        /// The last failure that may nevertheless have written.
        var doubt: ObjectStoreError?
        return try await retrying { () async throws(ObjectStoreError) in
            if let doubt, condition != .always,
                let outcome = try await settle(location, bytes, condition, doubt)
            {
                return outcome
            }
            do throws(ObjectStoreError) {
                let outcome = try await store.put(location, bytes, condition: condition, contentType: contentType)
                guard outcome == .conditionFailed, let doubt else { return outcome }
                // An earlier try may be what the condition failed on.
                return try await settle(location, bytes, condition, doubt) ?? .conditionFailed
            } catch {
                if error.effect == .unknown { doubt = error }
                // Once in doubt, always in doubt: a later clean refusal does not undo an earlier write.
                throw doubt == nil ? error : error.with(effect: .unknown)
            }
        }
    }

    public func uri(of location: ObjectLocation) -> String { store.uri(of: location) }
    public func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation { try store.location(of: uri) }

    /// Looks what became of a conditional put; nil when the object shows that it has not taken place (yet).
    private func settle(
        _ location: ObjectLocation, _ bytes: [UInt8], _ condition: PutCondition, _ doubt: ObjectStoreError
    ) async throws(ObjectStoreError) -> PutOutcome? {
        do throws(ObjectStoreError) {
            guard let info = try await store.head(location) else { return nil }
            if case .ifMatch(let expected) = condition, info.etag == expected { return nil }
            if try await store.holds(location, bytes) == true { return .stored(etag: info.etag) }
        } catch {
            throw error.with(effect: .unknown)
        }
        if condition == .ifAbsent { return .conditionFailed }
        // Somebody has replaced what was there: either before this write, which then failed, or after it.
        throw ObjectStoreError(
            .failed, "\(location) has changed again, so the outcome of the write cannot be told: \(doubt.message)",
            effect: .unknown)
    }

    private func retrying<T>(
        _ operation: () async throws(ObjectStoreError) -> T
    ) async throws(ObjectStoreError) -> T {
        try await policy.run(clock, random, operation)
    }
}

extension ObjectStoreError {
    func with(effect: Effect) -> ObjectStoreError {
        ObjectStoreError(
            code, message, effect: effect, retryAfterMilliseconds: retryAfterMilliseconds, isObstructed: isObstructed)
    }
}
