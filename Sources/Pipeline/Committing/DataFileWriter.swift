import Batching
import Clocks
import Concurrency
import Failpoints
import Files
import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat

/// Writes the data files of a sealed batch: plans them, encodes them, puts each only if absent.
///
/// Names follow from the log's range: an attempt after a crash finds its own files instead of writing others.
package struct DataFileWriter: Sendable {
    package let logID: UUID
    /// When late events go to days and months.
    package let granularity: GranularityLimits
    package let uploadsAtOnce: Int
    private let store: any ObjectStore
    private let random: any RandomSource

    package init(
        logID: UUID, granularity: GranularityLimits, uploadsAtOnce: Int, store: any ObjectStore,
        random: any RandomSource
    ) {
        self.logID = logID
        self.granularity = granularity
        self.uploadsAtOnce = uploadsAtOnce
        self.store = store
        self.random = random
    }

    /// The batch as files in the store, as `layout` writes them.
    ///
    /// - Returns: nil when rows of the batch were encoded for another layout: they are to be read from the log again.
    /// - Throws: `.unavailable` when the store is away; `.failed` when the batch cannot be encoded, or other objects have
    ///   its names.
    package func write(_ batch: SealedBatch, _ layout: EventLayout) async throws(CommitError) -> WrittenFiles? {
        let planned = EventFile.files(of: batch, limits: granularity, available: layout.granularities)
        let name = "\(logID)-\(batch.first)-\(batch.last)"
        let fallback = String(random.next(), radix: 16)
        let files = try await mapConcurrently(planned, limit: uploadsAtOnce) { (file) async throws(CommitError) in
            let buffers = file.buffers.map { batch.buffers[$0] }
            return try await put(file, buffers, layout, names: [name, "\(name)-\(fallback)"])
        }
        guard files.allSatisfy({ $0 != nil }) else { return nil }
        var written = WrittenFiles(
            files: files.compactMap { $0 }, fileOfBuffer: [Int](repeating: 0, count: batch.buffers.count))
        for (index, file) in planned.enumerated() {
            for buffer in file.buffers { written.fileOfBuffer[buffer] = index }
        }
        return written
    }

    private func put(
        _ file: EventFile, _ buffers: [BatchMachine.Buffer], _ layout: EventLayout, names: [String]
    ) async throws(CommitError) -> DataFile? {
        let encoded = try await BlockingPool.computing.run { () throws(CommitError) in try layout.encode(buffers) }
        guard let encoded else { return nil }
        let (spec, values) = layout.placement(of: file)
        // A file of that name with other bytes was left by another version of the program, and no commit has it: the
        // watermark says so. It is left to the orphan removal.
        for name in names {
            let path = layout.path(of: file, name: name)
            try Failpoint.committerBeforeDataPut.pass(failingWith: TableCommitter.failpointFailure)
            do throws(ObjectStoreError) {
                let location = try store.location(of: path)
                let put = try await store.putIfAbsentProved(
                    location, encoded.bytes, contentType: "application/vnd.apache.parquet")
                if put == .differs { continue }
                Failpoint.committerAfterDataPut.pass()
                return DataFile.make(
                    from: encoded.summary, path: store.uri(of: location), schema: layout.schema, spec: spec,
                    partition: values)
            } catch {
                throw CommitError(.unavailable, "\(path): \(error)")
            }
        }
        throw CommitError(.failed, "two objects with other content stand where the batch \(names[0]) is to be stored")
    }
}

/// The data files of a batch as they lie in the store.
package struct WrittenFiles: Sendable {
    package var files: [DataFile] = []
    /// For each buffer of the batch, in its order, which of `files` holds it.
    package var fileOfBuffer: [Int] = []
    /// The table they were encoded for.
    package var tableUUID: UUID?

    package init(files: [DataFile] = [], fileOfBuffer: [Int] = []) {
        self.files = files
        self.fileOfBuffer = fileOfBuffer
    }
}
