import IcebergCatalog
import IcebergSpec

/// What a client asks the catalog for. Every change leaves a mark of its own, the property `w<number>`, in the tables it
/// makes or changes.
enum CatalogWish: Sendable {
    case create(TableIdentifier)
    case drop(TableIdentifier)
    case rename(TableIdentifier, TableIdentifier)
    case set(TableIdentifier)
    case append(TableIdentifier)
    case transaction([TableIdentifier])
    case load(TableIdentifier)
    case undrop(TableIdentifier)
    /// Takes the snapshots that are older than a day out.
    case expire(TableIdentifier)

    /// The table whose state the answer tells.
    var table: TableIdentifier {
        switch self {
        case .create(let table), .drop(let table), .rename(let table, _), .set(let table), .append(let table),
            .load(let table), .undrop(let table), .expire(let table):
            table
        case .transaction(let tables): tables[0]
        }
    }

    /// In how many tables it leaves its mark.
    var marks: Int {
        switch self {
        case .create, .set, .append: 1
        case .transaction(let tables): tables.count
        case .drop, .rename, .load, .undrop, .expire: 0
        }
    }
}

/// What an answer says of a table: where its metadata lies, that there is none, or nothing.
enum CatalogReply: Hashable, Sendable {
    case at(String)
    case absent
    case done
}

/// One wish and what became of it, as its client knows.
struct CatalogRecord: Sendable, CustomStringConvertible {
    enum Outcome: Sendable {
        case acknowledged(CatalogReply)
        /// By every attempt, or by the last one after another whose outcome is not known.
        case refused(CatalogError, afterUnknown: Bool)
        case unknown
    }

    let number: Int64
    let wish: CatalogWish
    let key: String?
    /// Order of all that happens in the world.
    let begin: Int64
    let end: Int64
    let outcome: Outcome

    var mark: String { "w\(number)" }
    var description: String { "w\(number) \(wish) \(key == nil ? "" : "keyed ")→ \(outcome)" }
}
