import Bytes
import Checksums
import IcebergCatalog

/// How far a reader of the events has come: the last version seen of each register. It is whole in itself, so that any replica goes on
/// from it, and exact: nothing hangs on clocks. Versions of another catalog, or of this one before its bucket was lost, mean other
/// changes, so it says whose it is.
///
/// As text: base64url of a byte 2, 8 bytes that name the catalog, then for each register 8 bytes of the SHA-256 of its name and 5 of
/// the version.
struct EventCursor: Hashable, Sendable {
    private static let markByteCount = 8
    private static let versionByteCount = 5
    private static let recordByteCount = markByteCount + versionByteCount
    private static let headByteCount = 1 + markByteCount
    private static let kind: UInt8 = 2

    let catalog: UInt64
    private(set) var versions: [UInt64: Int64] = [:]

    /// Of a reader who has seen nothing.
    init(catalog: UInt64) { self.catalog = catalog }

    subscript(chain: RegisterChain) -> Int64 {
        get { versions[Self.mark(chain)] ?? 0 }
        set { versions[Self.mark(chain)] = newValue }
    }

    var count: Int { versions.count }

    var text: String {
        var bytes: [UInt8] = [Self.kind]
        bytes.append(bigEndian: catalog, Self.markByteCount)
        for (mark, version) in versions.sorted(by: { $0.key < $1.key }) {
            bytes.append(bigEndian: mark, Self.markByteCount)
            bytes.append(bigEndian: UInt64(version), Self.versionByteCount)
        }
        return Base64.encode(bytes, alphabet: .urlSafe)
    }

    /// nil for what is no cursor.
    init?(_ text: String) {
        guard text.utf8.count <= 2 * (Self.headByteCount + Self.recordByteCount * CatalogLimits.eventRegistersMax),
            let bytes = Base64.decode(text),
            bytes.first == Self.kind, bytes.count >= Self.headByteCount,
            (bytes.count - Self.headByteCount) % Self.recordByteCount == 0
        else { return nil }
        catalog = bytes[1..<Self.headByteCount].bigEndian
        for start in stride(from: Self.headByteCount, to: bytes.count, by: Self.recordByteCount) {
            let middle = start + Self.markByteCount
            versions[bytes[start..<middle].bigEndian] = Int64(
                bytes[middle..<start + Self.recordByteCount].bigEndian)
        }
    }

    private static func mark(_ chain: RegisterChain) -> UInt64 {
        Digest.sha256(Array(chain.prefix.utf8)).prefix(markByteCount).bigEndian
    }
}

extension ArraySlice<UInt8> {
    /// Of at most 8 bytes.
    fileprivate var bigEndian: UInt64 { reduce(0) { $0 << 8 | UInt64($1) } }
}

extension [UInt8] {
    /// The lowest `byteCount` bytes of `value`.
    fileprivate mutating func append(bigEndian value: UInt64, _ byteCount: Int) {
        for place in (0..<byteCount).reversed() { append(UInt8(truncatingIfNeeded: value >> UInt64(8 * place))) }
    }
}
