import Bytes
import IcebergCatalog
import ObjectStore

/// The name of a register: a chain of objects `<prefix>/<version>`, each created once and never rewritten.
///
/// The chain of a table or view is `tables/<namespace>/<name>`, a namespace's `namespaces/<namespace>`, that of a subject of the schema
/// registry `schemas/<subject>`. Names are escaped so that none can lead out of its place: everything but letters, digits, `-` and `_` is percent-encoded, levels are joined
/// by `.`.
package struct RegisterChain: Hashable, Sendable {
    /// Local file systems allow 255 bytes in a name.
    static let segmentBytesMax = 240
    static let versionDigits = 12

    package let prefix: String

    package static func namespace(_ name: NamespaceName) throws(CatalogError) -> RegisterChain {
        RegisterChain(prefix: "namespaces/" + (try segment(of: name)))
    }

    package static func table(_ table: TableIdentifier) throws(CatalogError) -> RegisterChain {
        RegisterChain(prefix: try tablesPrefix(of: table.namespace) + (try checked(escape(table.name), of: table.name)))
    }

    /// What the chains of a namespace's tables begin with.
    static func tablesPrefix(of namespace: NamespaceName) throws(CatalogError) -> String {
        "tables/" + (try segment(of: namespace)) + "/"
    }

    static let namespacesPrefix = "namespaces/"
    static let allTablesPrefix = "tables/"

    package static func schema(_ subject: String) throws(CatalogError) -> RegisterChain {
        RegisterChain(prefix: schemasPrefix + (try checked(escape(subject), of: subject)))
    }

    /// What was granted, on everything.
    static let grants = RegisterChain(prefix: "grants/warehouse")

    static let schemasPrefix = "schemas/"

    package static func function(_ function: TableIdentifier) throws(CatalogError) -> RegisterChain {
        let name = try checked(escape(function.name), of: function.name)
        return RegisterChain(prefix: try functionsPrefix(of: function.namespace) + name)
    }

    /// What the chains of a namespace's functions begin with.
    static func functionsPrefix(of namespace: NamespaceName) throws(CatalogError) -> String {
        "functions/" + (try segment(of: namespace)) + "/"
    }

    /// The object that holds `version` of this register.
    func key(_ version: Int64) throws(ObjectStoreError) -> ObjectKey {
        let digits = String(version)
        let zeros = String(repeating: "0", count: max(0, Self.versionDigits - digits.count))
        return try ObjectKey("\(prefix)/\(zeros)\(digits)")
    }

    // MARK: - Names in keys

    static func segment(of namespace: NamespaceName) throws(CatalogError) -> String {
        try checked(namespace.levels.map(escape).joined(separator: "."), of: namespace.description)
    }

    /// The namespace whose chain's last segment is `segment`; nil for what no namespace escapes to.
    static func namespace(ofSegment segment: Substring) -> NamespaceName? {
        let levels = segment.split(separator: ".", omittingEmptySubsequences: false).map { PercentEncoding.decode($0) }
        let decoded = levels.compactMap { $0 }
        guard decoded.count == levels.count else { return nil }
        do { return try NamespaceName(decoded) } catch { return nil }
    }

    /// The table or subject whose chain's last segment is `segment`.
    static func name(ofSegment segment: Substring) -> String? { PercentEncoding.decode(segment) }

    private static func checked(_ segment: String, of name: String) throws(CatalogError) -> String {
        guard segment.utf8.count <= segmentBytesMax else {
            throw CatalogError(
                .badRequest, "the name \"\(name.prefix(60))…\" is too long: \(segmentBytesMax) bytes, escaped")
        }
        return segment
    }

    /// Percent-encodes everything but letters, digits, `-` and `_`; `.` separates levels and so is encoded too.
    private static func escape(_ text: String) -> String {
        var escaped: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: escaped.append(byte)
            default:
                escaped.append(0x25)
                escaped.append(contentsOf: Hexadecimal.encode([byte]).uppercased().utf8)
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }
}
