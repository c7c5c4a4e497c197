import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore

/// Commits to one table being put together on one of its states: nothing of them exists before `CatalogService` writes
/// the draft.
struct CommitDraft: Sendable {
    /// What became of one commit in the draft.
    enum Part: Sendable {
        /// It holds, or does not, on the state the draft began with: what comes of the draft changes nothing.
        case settled(CommitResult)
        /// It stands if the draft does.
        case included
    }

    let head: RegisterHead
    let state: TableState
    let base: StoredMetadata
    /// The table after the parts so far.
    private(set) var metadata: TableMetadata
    /// Manifest lists that snapshots of the draft name and that are yet to be written, with the commit they are of.
    private(set) var lists: [(list: Rebase.List, part: Int)] = []
    /// By commit.
    private(set) var parts: [Int: Part] = [:]
    /// Of the commits included.
    private(set) var idempotencyKeys: [IdempotencyKey] = []
    private(set) var origins: [RequestOrigin] = []

    init(head: RegisterHead, state: TableState, base: StoredMetadata) {
        self.head = head
        self.state = state
        self.base = base
        metadata = base.metadata
    }

    var hasChanges: Bool { metadata != base.metadata }

    /// Adds what `part` makes of the table.
    mutating func include(_ part: Int, _ prepared: PreparedCommit, of request: CatalogService.Request) {
        metadata = prepared.metadata
        lists += prepared.lists.map { ($0, part) }
        parts[part] = .included
        if let key = request.idempotencyKey { idempotencyKeys.append(key) }
        if let origin = request.origin { origins.append(origin) }
    }

    /// Whether a commit of this key is in the draft: a client has sent it twice.
    ///
    /// - Throws: `.badRequest` when it is another one.
    func has(_ idempotencyKey: IdempotencyKey?) throws(CatalogError) -> Bool {
        guard let idempotencyKey, let known = idempotencyKeys.first(where: { $0.name == idempotencyKey.name }) else {
            return false
        }
        try idempotencyKey.requireSameRequest(as: known)
        return true
    }

    /// Adds a commit that the draft contains already.
    mutating func includeAgain(_ part: Int) { parts[part] = .included }

    mutating func settle(_ part: Int, _ outcome: CommitResult) { parts[part] = .settled(outcome) }

    /// - Parameter included: what became of the draft.
    func outcomes(_ included: CommitResult) -> [Int: CommitResult] {
        parts.mapValues { part in
            switch part {
            case .settled(let outcome): outcome
            case .included: included
            }
        }
    }
}

/// What one commit makes of a table.
struct PreparedCommit: Sendable {
    let metadata: TableMetadata
    /// Yet to be written.
    var lists: [Rebase.List] = []
}

/// What became of a commit.
enum CommitResult: Sendable {
    case committed(CatalogService.Table)
    case failed(CatalogError)

    func get() throws(CatalogError) -> CatalogService.Table {
        switch self {
        case .committed(let table): return table
        case .failed(let error): throw error
        }
    }
}
