import Concurrency
import IcebergCatalog
import IcebergSpec
import ObjectStore

/// A commit that waits its turn.
struct WaitingCommit: Sendable {
    let change: CatalogService.TableChange
    let request: CatalogService.Request

    /// What it takes in memory, about: bounds a group.
    var estimatedBytes: Int {
        change.updates.reduce(500) { total, update in
            switch update {
            case .addSchema: total + 20_000
            case .setProperties(let properties):
                properties.reduce(total) { $0 + $1.key.utf8.count + $1.value.utf8.count }
            default: total + 500
            }
        }
    }
}

extension CatalogService {
    /// Makes the commits of a group, all to one table, and says for each what became of it.
    ///
    /// Order of effects, once for the group: the manifest lists of rebased appends and the new metadata file are put,
    /// under random names; then the register's next version, which names the file and holds the idempotency keys of all,
    /// is created if absent. **That create makes every commit of the group durable, and decides every race.** A crash
    /// before it leaves orphan files and the table as it was; a crash after it commits whose answers got lost. Old
    /// metadata files are deleted only after it.
    ///
    /// Who loses the race begins anew with everybody, on the winner's state. When the store does not say whether the
    /// register was written, the outcome of all that were included is unknown; those that were refused stay refused.
    func commitTogether(_ group: [WaitingCommit], to chain: RegisterChain) async -> [CommitResult] {
        var outcomes: [Int: CommitResult] = [:]
        for attempt in 0..<CatalogLimits.commitAttemptsMax {
            let open = group.indices.filter { outcomes[$0] == nil }
            guard !open.isEmpty else { break }
            do throws(CatalogError) {
                // Creating the version after the one remembered proves that it was the newest: it need not be looked for, but
                // for repeats that may be refused without such a proof.
                let isProved = open.allSatisfy { group[$0].request.idempotencyKey?.refusal == nil }
                let remembered = attempt == 0 && isProved ? registers.remembered(chain) : nil
                let settled = try await self.attempt(group, open, chain, remembered)
                outcomes.merge(settled) { first, _ in first }
            } catch {
                for part in open { outcomes[part] = .failed(error) }
            }
        }
        return group.indices.map { part in
            guard let outcome = outcomes[part] else {
                return .failed(
                    CatalogError(
                        .commitFailed,
                        "\(group[part].change.identifier): \(CatalogLimits.commitAttemptsMax) times another commit was first"
                    ))
            }
            guard case .failed(let error) = outcome else { return outcome }
            return .failed(Self.answer(error, group[part].request))
        }
    }

    /// - Parameter remembered: what the register said last; nil to ask the store.
    /// - Returns: what became of those that were settled; the others have to go round again.
    /// - Throws: nothing of any of them took place.
    private func attempt(
        _ group: [WaitingCommit], _ open: [Int], _ chain: RegisterChain, _ remembered: RegisterHead?
    ) async throws(CatalogError) -> [Int: CommitResult] {
        let head: RegisterHead
        if let remembered { head = remembered } else { head = try await settledForCommit(chain) }
        guard let state = head.state.table else {
            return remembered == nil ? await create(group, open, head) : [:]
        }
        guard let base = try await readForCommit(state, at: head) else { return [:] }
        var draft = CommitDraft(head: head, state: state, base: base)
        await gate.prefetch(open.map { group[$0].change.updates }, for: base.metadata)
        await Rebase(loader: loader).prefetch(open.map { group[$0].change }, for: base.metadata)
        for part in open { await add(group[part], as: part, to: &draft) }
        let identifier = group[open[0]].change.identifier
        guard draft.hasChanges else {
            // Without a write nothing proves that what was remembered is still so.
            guard remembered == nil else { return [:] }
            return draft.outcomes(.committed(Table(identifier: identifier, head: head, file: base)))
        }
        return try await write(draft, identifier)
    }

    /// Applies one commit to the draft, or settles what becomes of it without.
    private func add(_ waiting: WaitingCommit, as part: Int, to draft: inout CommitDraft) async {
        let (change, request) = (waiting.change, waiting.request)
        do throws(CatalogError) {
            if let done = try await repeated(change.identifier, draft.head, request) {
                draft.settle(part, .committed(done))
            } else if try draft.has(request.idempotencyKey) || Self.isApplied(change, in: draft.metadata) {
                draft.includeAgain(part)
            } else {
                let prepared = try await prepare(change, on: draft.metadata)
                try await claimMoved(prepared.metadata, from: draft.metadata, change.identifier, draft.head)
                draft.include(part, prepared, of: request)
            }
        } catch {
            draft.settle(part, .failed(error))
        }
    }

    /// Makes a draft with changes durable.
    private func write(
        _ draft: CommitDraft, _ identifier: TableIdentifier
    ) async throws(CatalogError) -> [Int: CommitResult] {
        let metadata = draft.metadata.following(draft.base)
        let files = await put(draft.lists, metadata, after: draft.base.location)
        guard let file = files.metadata, files.failed.isEmpty else {
            await discard(files.metadata, draft.lists)
            // With only a list missing the others go round again without its commit.
            guard let error = files.error else { return files.failed.mapValues { .failed($0) } }
            throw error
        }
        let next = TableState(
            metadataLocation: file.location, tableUUID: draft.state.tableUUID, location: metadata.location)
        let outcome: AdvanceOutcome
        do throws(CatalogError) {
            outcome = try await registers.advance(
                draft.head, to: .table(next), operation: "commit", idempotencyKeys: draft.idempotencyKeys,
                origins: draft.origins)
        } catch {
            let isUnknown = error.code == .commitStateUnknown
            if !isUnknown { await discard(file, draft.lists) }
            return draft.outcomes(.failed(isUnknown ? error : Self.notCommitted(error)))
        }
        guard case .advanced(let made) = outcome else {
            await discard(file, draft.lists)
            return [:]
        }
        if metadata.location != draft.base.metadata.location { await recordName(of: identifier, made.state) }
        await removeSuperseded(draft.base, by: file, of: draft.head.chain)
        return draft.outcomes(.committed(Table(identifier: identifier, head: made, file: file)))
    }

    /// Makes the table that the first of them that may creates; the others find it there when they go round again.
    private func create(
        _ group: [WaitingCommit], _ open: [Int], _ head: RegisterHead
    ) async -> [Int: CommitResult] {
        var outcomes: [Int: CommitResult] = [:]
        for part in open {
            let (change, request) = (group[part].change, group[part].request)
            do throws(CatalogError) {
                var made = try await repeated(change.identifier, head, request)
                if made == nil { made = try await commitNew(change, head, request) }
                if let made { outcomes[part] = .committed(made) }
                return outcomes
            } catch {
                outcomes[part] = .failed(error)
            }
        }
        return outcomes
    }

    // MARK: - Files of a draft

    /// What became of the files that a register entry is to name.
    private struct WrittenFiles {
        var metadata: StoredMetadata?
        /// Why there is no metadata file.
        var error: CatalogError?
        /// Commits whose manifest list could not be written.
        var failed: [Int: CatalogError] = [:]
    }

    private enum File: Sendable {
        case metadata(TableMetadata, previous: String)
        case list(Rebase.List, part: Int)
    }

    private enum Written: Sendable {
        case metadata(StoredMetadata)
        case list
        case failed(CatalogError, part: Int?)
    }

    private func put(
        _ lists: [(list: Rebase.List, part: Int)], _ metadata: TableMetadata, after previous: String
    ) async -> WrittenFiles {
        // Most commits have nothing else to write: no task is needed for that.
        guard !lists.isEmpty else {
            do throws(CatalogError) {
                return WrittenFiles(metadata: try await files.writeForCommit(metadata, after: previous))
            } catch {
                return WrittenFiles(error: error)
            }
        }
        let jobs = [File.metadata(metadata, previous: previous)] + lists.map { File.list($0.list, part: $0.part) }
        let written = await mapConcurrently(jobs, limit: CatalogLimits.commitPutsMax) { await self.put($0) }
        var files = WrittenFiles()
        for item in written {
            switch item {
            case .metadata(let file): files.metadata = file
            case .list: continue
            case .failed(let error, .some(let part)): files.failed[part] = error
            case .failed(let error, nil): files.error = error
            }
        }
        return files
    }

    private func put(_ file: File) async -> Written {
        switch file {
        case .metadata(let metadata, let previous):
            do throws(CatalogError) {
                return .metadata(try await files.writeForCommit(metadata, after: previous))
            } catch {
                return .failed(error, part: nil)
            }
        case .list(let list, let part):
            do throws(CatalogError) {
                try await Rebase(loader: loader).write(list)
                return .list
            } catch {
                return .failed(error, part: part)
            }
        }
    }

    /// Removes what a draft wrote, once it is certain that no register names it.
    private func discard(_ file: StoredMetadata?, _ lists: [(list: Rebase.List, part: Int)]) async {
        if let file { await files.discard(file) }
        await Rebase(loader: loader).discard(lists.map(\.list))
    }
}

extension TableMetadata {
    /// With `base`, which it follows on, in the metadata log.
    func following(_ base: StoredMetadata) -> TableMetadata {
        addingMetadataLogEntry(
            previousLocation: base.location, previousLastUpdatedMilliseconds: base.metadata.lastUpdatedMilliseconds)
    }
}
