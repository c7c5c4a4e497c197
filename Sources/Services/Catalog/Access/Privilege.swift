/// What may be done with a thing of the catalog. Each includes those before it.
enum Privilege: Int, Comparable, CaseIterable, Sendable {
    /// See that it is there.
    case list
    /// Load tables and views, plan scans, see snapshots and files.
    case read
    /// Commit; make namespaces, tables and views; register schemas.
    case write
    /// Drop, rename, register, expire, roll back, repair; change properties of namespaces and settings of schemas.
    case maintain
    /// Say who may do what; see who did what.
    case administer

    var name: String { String(describing: self) }

    static func < (left: Privilege, right: Privilege) -> Bool { left.rawValue < right.rawValue }
}

/// What principals are given, on everything or on a part.
enum Role: String, Comparable, CaseIterable, Sendable {
    case reader, writer, maintainer, admin

    /// The highest privilege it includes.
    var privilege: Privilege {
        switch self {
        case .reader: .read
        case .writer: .write
        case .maintainer: .maintain
        case .admin: .administer
        }
    }

    static func < (left: Role, right: Role) -> Bool { left.privilege < right.privilege }
}
