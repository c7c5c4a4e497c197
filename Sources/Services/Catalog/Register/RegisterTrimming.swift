import Clocks
import IcebergCatalog
import JSONFormat
import ObjectStore
import Synchronization

/// How much of a register's past is kept.
package struct RegisterRetention: Hashable, Sendable {
    /// Newest versions kept whatever their age.
    let versions: Int64
    /// Days a version is kept after the next one was made.
    let days: Int64

    package init(versions: Int64, days: Int64) {
        self.versions = max(1, versions)
        self.days = max(1, days)
    }

    /// The fewest that may be configured.
    static let versionsMin: Int64 = 100
}

/// What `<register>/hint` says: where to begin, and what may be gone.
struct RegisterGuide: Hashable, Sendable {
    /// A version that exists, not far from the newest.
    var newest: Int64
    /// Versions up to this one may have been deleted, and count for nothing if they are there.
    var trimmed: Int64

    var json: JSONValue {
        ["format-version": 1, "newest": .integer(newest), "trimmed": .integer(trimmed)]
    }

    init(newest: Int64, trimmed: Int64) {
        self.newest = newest
        self.trimmed = trimmed
    }

    init(_ cursor: JSONCursor) throws(JSONError) {
        newest = try cursor.member("newest").integer()
        trimmed = try cursor.member("trimmed").integer()
        guard trimmed >= 0, newest > trimmed else { throw cursor.fail("\"newest\" is not above \"trimmed\"") }
        guard newest <= CatalogLimits.registerVersionMax else { throw cursor.fail("\"newest\" is no version") }
    }
}

/// Keeping long registers short ([decision 0012](../../../../docs/decisions/0012-register-trimming.md)).
///
/// A version that is deleted could be made anew by a writer that was stalled since it was the next one. That version would
/// count for nobody, but its writer would believe that it has committed. Two rules exclude it:
///
/// 1. Before versions are deleted the guide says so (`trimmed`), by compare-and-swap: it never goes back.
/// 2. Only versions whose successor is older than a day are deleted. Who makes a version within `headTrustMilliseconds`
///    of having seen that it was the next one cannot have met a trimmed one; who took longer asks the guide afterwards.
extension RegisterStore {
    /// Only the past of tables is of no further use; registers of schemas and namespaces need theirs.
    static func isTrimmable(_ chain: RegisterChain) -> Bool { chain.prefix.hasPrefix("tables/") }

    private var documents: CatalogDocuments { CatalogDocuments(store: store, bucket: bucket) }

    private static func guideKey(_ chain: RegisterChain) -> String { "\(chain.prefix)/hint" }

    /// A guide as it lies there.
    struct StoredGuide: Sendable {
        /// nil for one that cannot be read.
        let guide: RegisterGuide?
        let etag: String
    }

    /// nil for a register that never had one: all its versions are there.
    ///
    /// - Throws: `.internalError` for one that is damaged.
    func guide(_ chain: RegisterChain) async throws(CatalogError) -> RegisterGuide? {
        guard let stored = try await guideToSearch(chain) else { return nil }
        guard let guide = stored.guide else {
            throw CatalogError(.internalError, "\(Self.guideKey(chain)) is damaged: recover the table")
        }
        return guide
    }

    /// As `guide`, for a search, which goes on without one that is damaged.
    func guideToSearch(_ chain: RegisterChain) async throws(CatalogError) -> StoredGuide? {
        guard Self.isTrimmable(chain) else { return nil }
        do {
            let place = ObjectLocation(bucket: bucket, key: try ObjectKey(Self.guideKey(chain)))
            let object = try await store.get(place, range: nil)
            do {
                let guide = try RegisterGuide(JSONCursor(try JSONValue.parse(object.bytes)))
                return StoredGuide(guide: guide, etag: object.etag)
            } catch {
                return StoredGuide(guide: nil, etag: object.etag)
            }
        } catch {
            if error.code == .notFound { return nil }
            throw CatalogError(.serviceUnavailable, "reading \(Self.guideKey(chain)): \(error.message)")
        }
    }

    /// Whether a version just made counts: asked when its writer has taken long since it saw `head`.
    func isGenuine(_ version: Int64, after head: RegisterHead) async throws(CatalogError) -> Bool {
        guard Self.isTrimmable(head.chain), !isFresh(head.confirmedAt) else { return true }
        do {
            return try await guide(head.chain)?.trimmed ?? 0 < version
        } catch {
            throw CatalogError(
                .commitStateUnknown, "whether version \(version) of \(head.chain.prefix) counts: \(error.message)")
        }
    }

    // MARK: - Maintenance

    /// Maintains every register this process has seen grow by enough since it last did.
    ///
    /// - Throws: the first error; the other registers are maintained all the same.
    package func maintain(_ retention: RegisterRetention) async throws(CatalogError) {
        var failure: CatalogError?
        for (chain, version) in seen() where Self.isTrimmable(chain) {
            let before = maintained.withLock { $0.value(chain) } ?? 0
            guard version - before >= CatalogLimits.hintEveryVersions else { continue }
            do throws(CatalogError) {
                try await trim(chain, retention)
                maintained.withLock { $0.set(chain, version) }
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    /// Moves the guide on and deletes versions that need not be kept.
    ///
    /// The put of the guide is the durable step: from then on the versions count as deleted. A crash after it leaves some
    /// of them, which the next trimming finds.
    package func trim(_ chain: RegisterChain, _ retention: RegisterRetention) async throws(CatalogError) {
        let head = try await head(chain)
        guard head.version > 0 else { return }
        let stored = try await guideToSearch(chain)
        let versions = try await oldest(chain)
        var before = stored?.guide?.trimmed ?? 0
        // What a damaged one said is told by what is there: it must not go back.
        if let stored, stored.guide == nil { before = try await newestRun(chain).map { $0.lowerBound - 1 } ?? 0 }
        let trimmed = lastToDelete(versions.filter { $0.version > before }, newest: head.version, retention) ?? before
        let next = RegisterGuide(newest: max(head.version, stored?.guide?.newest ?? 0), trimmed: trimmed)
        let condition: PutCondition = stored.map { .ifMatch($0.etag) } ?? .ifAbsent
        // Another replica is at it.
        guard try await documents.write(next.json, to: Self.guideKey(chain), condition) else { return }
        try await documents.delete(versions.filter { $0.version <= trimmed }.map(\.object.key))
    }

    private typealias ListedVersion = (version: Int64, object: ObjectInfo)

    /// The oldest versions that are there, in order; no more than are deleted at a time.
    private func oldest(_ chain: RegisterChain) async throws(CatalogError) -> [ListedVersion] {
        try await documents.list("\(chain.prefix)/", limit: CatalogLimits.trimmedVersionsMax).compactMap { object in
            Self.version(of: object.key, in: chain).map { ($0, object) }
        }.sorted { $0.version < $1.version }
    }

    /// - Parameter listed: versions that count.
    private func lastToDelete(
        _ listed: [ListedVersion], newest: Int64, _ retention: RegisterRetention
    ) -> Int64? {
        let oldest = clock.now().milliseconds - retention.days * 24 * 3_600_000
        var last: Int64?
        for (version, next) in zip(listed, listed.dropFirst()) {
            guard next.version == version.version + 1, version.version <= newest - retention.versions,
                next.object.lastModified.milliseconds < oldest
            else { break }
            last = version.version
        }
        return last
    }

    /// Whether no version is there; false when the first has just been made.
    ///
    /// - Throws: `.internalError` for a register whose first version and guide are gone: taken for one that was never
    ///   written, it would be begun anew.
    func isUnwritten(_ chain: RegisterChain) async throws(CatalogError) -> Bool {
        guard Self.isTrimmable(chain) else { return true }
        guard let found = try await documents.list("\(chain.prefix)/", limit: 1).first?.key else { return true }
        guard Self.version(of: found, in: chain) == 1 else {
            throw CatalogError(
                .internalError,
                "the register \(chain.prefix) begins with \(found): \(Self.guideKey(chain)) is missing; recover the table"
            )
        }
        return false
    }

    // MARK: - Mending

    /// The versions there are, without a gap, up to the newest; nil when there is none.
    private func newestRun(_ chain: RegisterChain) async throws(CatalogError) -> ClosedRange<Int64>? {
        let versions = try await documents.list("\(chain.prefix)/", limit: .max)
            .compactMap { Self.version(of: $0.key, in: chain) }.sorted()
        guard let newest = versions.last else { return nil }
        var first = newest
        for version in versions.dropLast().reversed() {
            guard version == first - 1 else { break }
            first = version
        }
        return first...newest
    }

    /// A guide that leads to the newest version there is, where none, or another, leads elsewhere: versions are missing in
    /// between, or the guide is damaged. nil when there is nothing to mend.
    func mendingGuide(
        _ chain: RegisterChain
    ) async throws(CatalogError) -> (guide: RegisterGuide, replaces: String?)? {
        guard Self.isTrimmable(chain), let run = try await newestRun(chain) else { return nil }
        let stored = try await guideToSearch(chain)
        if let stored {
            if let guide = stored.guide, guide.trimmed + 1 >= run.lowerBound, run.contains(guide.newest) { return nil }
        } else if run.lowerBound == 1 {
            return nil
        }
        let trimmed = max(run.lowerBound - 1, stored?.guide.map { min($0.trimmed, run.upperBound - 1) } ?? 0)
        return (RegisterGuide(newest: run.upperBound, trimmed: trimmed), stored?.etag)
    }

    /// Puts a guide in its place. Durable once this returns true.
    ///
    /// - Returns: false when another replica was first.
    func mend(
        _ chain: RegisterChain, _ mending: (guide: RegisterGuide, replaces: String?)
    ) async throws(CatalogError) -> Bool {
        let condition = mending.replaces.map { PutCondition.ifMatch($0) } ?? .ifAbsent
        guard try await documents.write(mending.guide.json, to: Self.guideKey(chain), condition) else { return false }
        forgetAll()
        return true
    }
}
