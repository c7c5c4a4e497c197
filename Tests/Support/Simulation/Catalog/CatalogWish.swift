import IcebergCatalog
import IcebergSpec

/// What a client asks the catalog for. Every change leaves a mark of its own, the property `w<number>`, in the tables and
/// views it makes or changes. Tables and views are called by the same names.
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
    /// Drops the table, and its files when nobody can bring it back any more.
    case purge(TableIdentifier)
    /// Brings back what was last dropped under the name.
    case register(TableIdentifier)
    case createView(TableIdentifier)
    case replaceView(TableIdentifier)
    case dropView(TableIdentifier)
    case renameView(TableIdentifier, TableIdentifier)
    case loadView(TableIdentifier)

    /// What it is called whose state the answer tells.
    var name: TableIdentifier {
        switch self {
        case .create(let name), .drop(let name), .rename(let name, _), .set(let name), .append(let name),
            .load(let name), .undrop(let name), .expire(let name), .purge(let name), .register(let name),
            .createView(let name), .replaceView(let name), .dropView(let name), .renameView(let name, _),
            .loadView(let name):
            name
        case .transaction(let tables): tables[0]
        }
    }

    /// In how many tables or views it leaves its mark.
    var marks: Int {
        switch self {
        case .create, .set, .append, .createView, .replaceView: 1
        case .transaction(let tables): tables.count
        case .drop, .rename, .load, .undrop, .expire, .purge, .register, .dropView, .renameView, .loadView: 0
        }
    }
}

/// What an answer says of a table or view: where its metadata lies, that there is none, or nothing.
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
