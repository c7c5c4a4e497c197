import Bytes
import Checksums
import IcebergCatalog

/// How far a reader of the events has come: the last version seen of each register. It is whole in itself, so that any replica goes on
/// from it, and exact: nothing hangs on clocks.
///
/// As text: base64url of a byte 1, then for each register 8 bytes of the SHA-256 of its name and 6 of the version.
struct EventCursor: Hashable, Sendable {
    private static let recordByteCount = 14

    private(set) var versions: [UInt64: Int64] = [:]

    init() {}

    subscript(chain: RegisterChain) -> Int64 {
        get { versions[Self.mark(chain)] ?? 0 }
        set { versions[Self.mark(chain)] = newValue }
    }

    var count: Int { versions.count }

    var text: String {
        var bytes: [UInt8] = [1]
        for (mark, version) in versions.sorted(by: { $0.key < $1.key }) {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: mark >> UInt64(shift)))
            }
            for shift in stride(from: 40, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: version >> Int64(shift)))
            }
        }
        return Base64.encode(bytes, alphabet: .urlSafe)
    }

    /// nil for what is no cursor.
    init?(_ text: String) {
        guard text.utf8.count <= 4 * Self.recordByteCount * CatalogLimits.eventRegistersMax,
            let bytes = Base64.decode(text),
            bytes.first == 1, (bytes.count - 1) % Self.recordByteCount == 0
        else { return nil }
        for start in stride(from: 1, to: bytes.count, by: Self.recordByteCount) {
            let mark = bytes[start..<start + 8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let version = bytes[start + 8..<start + Self.recordByteCount].reduce(Int64(0)) { $0 << 8 | Int64($1) }
            versions[mark] = version
        }
    }

    private static func mark(_ chain: RegisterChain) -> UInt64 {
        Digest.sha256(Array(chain.prefix.utf8)).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
