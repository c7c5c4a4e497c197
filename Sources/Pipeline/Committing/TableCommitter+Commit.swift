import Batching
import Clocks
import Failpoints
import Files
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore
import Synchronization
import Telemetry

/// One attempt: prepared on the table as loaded, stored, sent, judged.
extension TableCommitter {
    func commitInput(
        _ batch: SealedBatch, _ files: [DataFile]
    ) async throws(CommitError) -> CommitMachine.Input {
        guard let base = table?.metadata else { return .rejected }
        let prepared: PreparedCommit
        do throws(CommitError) {
            try await recordLife()
            prepared = try await prepare(batch, files, on: base)
            try await store(prepared)
        } catch {
            try report(error, during: .committing)
            return .rejected
        }
        let outcome = await send(prepared)
        switch outcome {
        case .committed:
            succeeded(in: .committing)
            return .committed
        case .rejected(let error) where error.code == .commitFailed:
            configuration.onSetback(.conflicted)
            logger.info("another commit came first", ["error": error.description])
            return .conflicted
        case .rejected(let error):
            noteRefusal(error, prepared)
            configuration.onSetback(.rejected)
            try report(CommitError(.unavailable, error.description), during: .committing)
            return .rejected
        case .unknown(let why):
            configuration.onSetback(.unknown)
            try report(CommitError(.unavailable, "the commit's outcome is unknown: \(why)"), during: .committing)
            return .unknown
        }
    }

    func send(_ prepared: PreparedCommit) async -> CommitOutcome {
        do throws(CommitError) {
            try Failpoint.committerBeforeCommit.pass(failingWith: Self.failpointFailure)
            let outcome = await catalog.commit(
                configuration.table, requirements: prepared.requirements, updates: prepared.updates)
            // An error here is a reply that was lost.
            try Failpoint.committerAfterCommit.pass(failingWith: Self.failpointFailure)
            return outcome
        } catch {
            return .unknown(error.message)
        }
    }

    func recordLife() async throws(CommitError) {
        guard let lives = configuration.lives else { return }
        let mark = machine.mark
        try await BlockingPool.shared.run { () throws(CommitError) in try lives.record(mark) }
    }

    func prepare(
        _ batch: SealedBatch, _ files: [DataFile], on base: TableMetadata
    ) async throws(CommitError) -> PreparedCommit {
        var said = [configuration.watermarkProperty: String(batch.last)]
        if let mark = machine.mark { said[configuration.epochProperty] = mark.description }
        let summary = said.merging(["analytics.log.id": configuration.logID.description]) { $1 }
        let append = Append(files: files, summary: summary, properties: takesProperties ? said : [:])
        do throws(TableError) {
            // Never before the table's last change: a host whose clock lags would have every commit refused.
            let now = max(clock.now(), Timestamp(milliseconds: base.lastUpdatedMilliseconds))
            return try await append.prepare(base: base, loader: loader, random: random, now: now)
        } catch {
            throw CommitError(.unavailable, error.description)
        }
    }

    func store(_ prepared: PreparedCommit) async throws(CommitError) {
        do throws(ObjectStoreError) {
            for object in prepared.objects {
                Failpoint.committerBeforeManifestPut.pass()
                _ = try await store.putIfAbsentProved(object.location, object.bytes)
                Failpoint.committerAfterManifestPut.pass()
            }
        } catch {
            throw CommitError(.unavailable, "manifests cannot be stored: \(error)")
        }
    }

    /// A catalog that will not have properties beside a snapshot gets the snapshot alone, which says the same in its
    /// summary.
    func noteRefusal(_ error: CatalogError, _ prepared: PreparedCommit) {
        guard takesProperties, [.badRequest, .unsupportedOperation, .unprocessable].contains(error.code),
            table?.metadata.properties[configuration.watermarkProperty] == nil
        else { return }
        takesProperties = false
        logger.warn(
            "the catalog refused a commit with table properties; the next one says the same in the snapshot's summary alone",
            ["error": error.description])
    }

    func receipt(_ watermark: UInt64, _ batch: SealedBatch, _ stored: WrittenFiles) -> Receipt {
        let snapshot = table?.metadata.snapshots.last {
            $0.summary[configuration.watermarkProperty] == String(watermark)
        }
        return Receipt(
            watermark: watermark, events: batch.events, snapshotID: snapshot?.snapshotID,
            files: stored.files.map(\.path), fileOfBuffer: stored.fileOfBuffer,
            bytes: stored.files.reduce(0) { $0 + $1.fileSizeBytes }, unfit: stored.files.isEmpty ? [:] : unfit)
    }

    static func failpointFailure() -> CommitError { CommitError(.unavailable, "a failpoint is armed") }
}
