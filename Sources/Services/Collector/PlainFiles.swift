import Batching
import Clocks
import Committing
import Events
import Files
import IcebergCatalog
import IcebergSpec
import JSONFormat
import ObjectStore
import ParquetFormat
import Synchronization

/// `USE_ICEBERG=false`: batches as plain Parquet files `events/type=…/year=…/month=…/day=…/hour=…/<log>-<first>-<last>.parquet`
/// of the source bucket.
///
/// There is no table to hold the watermark, so an object does: `events/_log/<log>.json`, written after the files of a batch.
/// After a crash between the two the same records are written again, in files cut at other places: plain files are at
/// least once, where the table is exactly once.
package actor PlainFiles: BatchSink {
    private let store: any ObjectStore
    private let bucket: BucketName
    private let logID: UUID
    private let clock: any MonotonicClock
    private let layout: EventLayout
    private let onTrouble: @Sendable (CommitError?) -> Void

    package init(
        store: any ObjectStore, bucket: BucketName, logID: UUID, clock: any MonotonicClock = SystemClock(),
        onTrouble: @escaping @Sendable (CommitError?) -> Void
    ) throws {
        self.store = store
        self.bucket = bucket
        self.logID = logID
        self.clock = clock
        self.onTrouble = onTrouble
        let metadata = try EventTable.creation(location: nil).metadata(
            location: store.uri(of: ObjectLocation(bucket: bucket, key: try ObjectKey("events"))),
            at: Timestamp(microseconds: 0))
        layout = try EventLayout(metadata)
    }

    private func place(_ key: String) throws(CommitError) -> ObjectLocation {
        do throws(ObjectStoreError) {
            return ObjectLocation(bucket: bucket, key: try ObjectKey(key))
        } catch {
            throw CommitError(.failed, error.message)
        }
    }

    package func readWatermark() async throws(CommitError) -> UInt64? {
        let location = try place("events/_log/\(logID).json")
        let bytes: [UInt8]
        do throws(ObjectStoreError) {
            bytes = try await store.get(location, range: nil).bytes
        } catch {
            if error.code == .notFound { return nil }
            throw CommitError(.unavailable, error.description)
        }
        let committed: Int64?
        do throws(JSONError) {
            committed = try JSONValue.parse(bytes)["committed"]?.integer
        } catch {
            committed = nil
        }
        guard let committed, committed >= 0 else {
            throw CommitError(.contradiction, "the object \(location) does not say how far the log is written")
        }
        return UInt64(committed)
    }

    package func logBegins(with sequence: UInt64) {}

    package func commit(_ batch: SealedBatch) async throws(CommitError) -> TableCommitter.Outcome {
        var attempt = 0
        while !Task.isCancelled {
            do throws(CommitError) {
                let receipt = try await write(batch)
                onTrouble(nil)
                return .committed(receipt)
            } catch {
                onTrouble(error)
                attempt += 1
                do {
                    try await clock.sleep(milliseconds: Backoff().milliseconds(attempt: attempt, SystemRandom()))
                } catch { break }
            }
        }
        throw CommitError(.cancelled, "stopped before the batch was written")
    }

    private func write(_ batch: SealedBatch) async throws(CommitError) -> TableCommitter.Receipt {
        var files: [String] = []
        var bytes: Int64 = 0
        for buffer in batch.buffers {
            let layout = layout
            let encoded = try await BlockingPool.shared.run { () throws(CommitError) in try layout.encode([buffer]) }
            guard let encoded else { throw CommitError(.failed, "the rows were encoded for other files") }
            let location = try place(
                "events/\(EventLayout.folder(of: buffer.partition))/\(logID)-\(batch.first)-\(batch.last).parquet")
            try await put(location, encoded.bytes)
            files.append(store.uri(of: location))
            bytes += Int64(encoded.bytes.count)
        }
        let mark: JSONValue = ["committed": .integer(Int64(batch.last))]
        try await put(try place("events/_log/\(logID).json"), mark.serialized())
        return TableCommitter.Receipt(
            watermark: batch.last, events: batch.events, snapshotID: nil, files: files,
            fileOfBuffer: Array(files.indices), bytes: bytes)
    }

    private func put(_ location: ObjectLocation, _ bytes: [UInt8]) async throws(CommitError) {
        do throws(ObjectStoreError) {
            _ = try await store.put(location, bytes, condition: .always, contentType: nil)
        } catch {
            throw CommitError(.unavailable, "\(location): \(error)")
        }
    }
}
