import IcebergSpec
import JSONFormat

/// Credentials a catalog gives out for the objects below a prefix (Iceberg REST catalog: `StorageCredential`).
public struct StorageCredential: Hashable, Sendable, CustomStringConvertible {
    /// `s3://bucket/path`: applies to every location that begins with it; the longest wins.
    public let prefix: String
    /// `s3.access-key-id`, `s3.secret-access-key`, `s3.session-token`, `s3.session-token-expires-at-ms`, `s3.endpoint`, …
    public let config: [String: String]

    public init(prefix: String, config: [String: String]) {
        self.prefix = prefix
        self.config = config
    }

    init(_ cursor: JSONCursor) throws(JSONError) {
        self.init(prefix: try cursor.member("prefix").string(), config: try cursor.member("config").stringMap())
    }

    /// The list `storage-credentials` of an answer.
    static func list(in cursor: JSONCursor) throws(JSONError) -> [StorageCredential] {
        var credentials: [StorageCredential] = []
        for element in try cursor.optional("storage-credentials")?.elements() ?? [] {
            credentials.append(try StorageCredential(element))
        }
        return credentials
    }

    public var description: String { "StorageCredential(\(prefix), [redacted])" }
}
