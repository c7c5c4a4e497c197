import Clocks
import Concurrency

/// How long the steps of a probe took.
public struct ReachabilityReport: Hashable, Sendable {
    public let writeMicroseconds: Int64
    public let readMicroseconds: Int64
    public let deleteMicroseconds: Int64
}

/// Checks of a store by using it.
public enum ObjectStoreProbe {
    /// Writes, reads back and deletes a small object below `probes/`: what tells that the store is up and may be used.
    public static func reachability(
        of store: any ObjectStore, bucket: BucketName, clock: any MonotonicClock = SystemClock()
    ) async throws(ObjectStoreError) -> ReachabilityReport {
        let location = try probeLocation(bucket, "reachability")
        let bytes = Array(location.description.utf8)
        let start = clock.nanoseconds()
        _ = try await store.put(location, bytes, condition: .always, contentType: nil)
        let written = clock.nanoseconds()
        let found = try await store.get(location, range: nil).bytes
        let read = clock.nanoseconds()
        try await store.delete(bucket, [location.key])
        let deleted = clock.nanoseconds()
        guard found == bytes else {
            throw ObjectStoreError(.failed, "\(location) holds other bytes than were written a moment before")
        }
        return ReachabilityReport(
            writeMicroseconds: Int64((written - start) / 1000), readMicroseconds: Int64((read - written) / 1000),
            deleteMicroseconds: Int64((deleted - read) / 1000))
    }

    /// Proves with racing writers that conditional puts decide: what a catalog's commits rest on.
    ///
    /// - Throws: `.failed`, naming the promise that was broken, on a store to which no table must be entrusted.
    public static func compareAndSwap(
        of store: any ObjectStore, bucket: BucketName, writers: Int = 3
    ) async throws(ObjectStoreError) {
        let location = try probeLocation(bucket, "compare-and-swap")
        do throws(ObjectStoreError) {
            try await race(store, location, writers: writers)
        } catch {
            // The verdict matters more than what the probe leaves behind, which a store in trouble may not let go.
            do throws(ObjectStoreError) { try await store.delete(bucket, [location.key]) } catch _ {}
            throw error
        }
        try await store.delete(bucket, [location.key])
    }

    private static func race(
        _ store: any ObjectStore, _ location: ObjectLocation, writers: Int
    ) async throws(ObjectStoreError) {
        let none = try await store.put(
            location, [0], condition: .ifMatch("00000000000000000000000000000000"), contentType: nil)
        guard none == .conditionFailed else { throw broken(location, "If-Match matched where there was no object") }
        let first = try await winner(store, location, writers, .ifAbsent, "If-None-Match: *")
        let second = try await winner(store, location, writers, .ifMatch(first), "If-Match")
        guard second != first else { throw broken(location, "other content kept its entity tag") }
        let stale = try await store.put(location, [1], condition: .ifMatch(first), contentType: nil)
        guard stale == .conditionFailed else { throw broken(location, "If-Match matched an entity tag of the past") }
        let again = try await store.put(location, [2], condition: .ifAbsent, contentType: nil)
        guard again == .conditionFailed else { throw broken(location, "If-None-Match: * replaced an object") }
        let info = try await store.head(location)
        guard info?.etag == second else { throw broken(location, "a put that failed has changed the object") }
    }

    /// Lets all writers try at once; exactly one must win, and its content must be what is there.
    ///
    /// - Returns: the entity tag of what it wrote.
    private static func winner(
        _ store: any ObjectStore, _ location: ObjectLocation, _ writers: Int, _ condition: PutCondition, _ name: String
    ) async throws(ObjectStoreError) -> String {
        let outcomes = try await mapConcurrently(0..<writers, limit: writers) {
            (writer) async throws(ObjectStoreError) in
            try await store.put(location, content(name, writer), condition: condition, contentType: nil)
        }
        var winners: [(writer: Int, etag: String)] = []
        for (writer, outcome) in outcomes.enumerated() {
            if case .stored(let etag) = outcome { winners.append((writer, etag)) }
        }
        guard winners.count == 1, let winner = winners.first else {
            throw broken(location, "of \(writers) racing puts with \(name), \(winners.count) succeeded")
        }
        let stored = try await store.get(location, range: nil)
        guard stored.bytes == content(name, winner.writer), stored.etag == winner.etag else {
            throw broken(location, "the content is not that of the put with \(name) that succeeded")
        }
        return winner.etag
    }

    private static func content(_ name: String, _ writer: Int) -> [UInt8] { Array("\(name) by writer \(writer)".utf8) }

    private static func broken(_ location: ObjectLocation, _ what: String) -> ObjectStoreError {
        ObjectStoreError(
            .failed,
            "the object store does not decide conditional writes (\(what), at \(location)): tables on it would lose commits"
        )
    }

    private static func probeLocation(_ bucket: BucketName, _ name: String) throws(ObjectStoreError) -> ObjectLocation {
        ObjectLocation(bucket: bucket, key: try ObjectKey("probes/\(name)-\(UUID.random())"))
    }
}
