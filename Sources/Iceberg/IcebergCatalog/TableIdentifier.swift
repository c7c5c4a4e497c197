import Bytes

/// The name of a namespace: one or more levels, none empty, without control characters.
///
/// In URLs of the REST catalog the levels are joined by the unit separator 0x1F; in text for people by dots.
public struct NamespaceName: Hashable, Comparable, Sendable, CustomStringConvertible {
    public static let levelsMax = 16
    /// All levels together, in UTF-8.
    public static let bytesMax = 240
    public static let urlSeparator: Character = "\u{1F}"

    public let levels: [String]

    /// - Throws: `.badRequest` for no level, an empty one, a control character, or a name over the limits.
    public init(_ levels: [String]) throws(CatalogError) {
        guard !levels.isEmpty, levels.count <= Self.levelsMax else {
            throw CatalogError(.badRequest, "a namespace has 1 to \(Self.levelsMax) levels, not \(levels.count)")
        }
        for level in levels { try CatalogName.check(level, of: "namespace level") }
        let bytes = levels.reduce(levels.count - 1) { $0 + $1.utf8.count }
        guard bytes <= Self.bytesMax else {
            throw CatalogError(
                .badRequest, "the namespace name has \(bytes) bytes, at most \(Self.bytesMax) are allowed")
        }
        self.levels = levels
    }

    /// Reads the dotted form of configuration and command lines: `analytics`, `a.b`.
    public init(dotted text: String) throws(CatalogError) {
        try self.init(text.split(separator: ".", omittingEmptySubsequences: false).map(String.init))
    }

    /// Reads one decoded path segment or query value of a URL: levels separated by 0x1F.
    public init(urlComponent text: String) throws(CatalogError) {
        try self.init(text.split(separator: Self.urlSeparator, omittingEmptySubsequences: false).map(String.init))
    }

    /// One path segment of a URL, percent-encoded.
    public var urlComponent: String {
        PercentEncoding.encode(levels.joined(separator: String(Self.urlSeparator)))
    }

    /// The namespace one level up; nil at the top.
    public var parent: NamespaceName? {
        levels.count > 1 ? NamespaceName(trusted: Array(levels.dropLast())) : nil
    }

    private init(trusted levels: [String]) { self.levels = levels }

    public var description: String { levels.joined(separator: ".") }

    public static func < (left: NamespaceName, right: NamespaceName) -> Bool {
        left.levels.lexicographicallyPrecedes(right.levels)
    }
}

/// A table's name within the catalog.
public struct TableIdentifier: Hashable, Comparable, Sendable, CustomStringConvertible {
    public static let nameBytesMax = 240

    public let namespace: NamespaceName
    public let name: String

    /// - Throws: `.badRequest` for an empty name, a control character, or more than `nameBytesMax` bytes.
    public init(_ namespace: NamespaceName, _ name: String) throws(CatalogError) {
        try CatalogName.check(name, of: "table name")
        self.namespace = namespace
        self.name = name
    }

    /// Reads `namespace.table`; the last part is the table.
    public init(dotted text: String) throws(CatalogError) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count > 1, let name = parts.last else {
            throw CatalogError(.badRequest, "\"\(text.prefix(100))\" is not of the form namespace.table")
        }
        try self.init(NamespaceName(Array(parts.dropLast())), name)
    }

    /// `namespaces/<ns>/tables/<table>`, percent-encoded, as REST paths have it.
    public var urlPath: String { "namespaces/\(namespace.urlComponent)/tables/\(PercentEncoding.encode(name))" }

    public var description: String { "\(namespace).\(name)" }

    public static func < (left: TableIdentifier, right: TableIdentifier) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }
}

enum CatalogName {
    /// The rule of every name: not empty, within the limit, no control character.
    static func check(_ text: String, of what: String) throws(CatalogError) {
        guard !text.isEmpty else { throw CatalogError(.badRequest, "a \(what) must not be empty") }
        guard text.utf8.count <= TableIdentifier.nameBytesMax else {
            throw CatalogError(
                .badRequest,
                "the \(what) \"\(text.prefix(60))…\" is longer than \(TableIdentifier.nameBytesMax) bytes")
        }
        guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
            throw CatalogError(.badRequest, "a \(what) must not contain control characters")
        }
    }
}
