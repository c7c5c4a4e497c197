import Bytes
import Checksums
import Clocks

/// One key that callers may show, known by its hash alone.
///
/// Plain SHA-256 without salt: keys are long random strings (`--make-key` makes them of 256 bits), so there is no dictionary
/// to try and no two keys alike to betray; a slow or salted hash would only cost time in every request.
package struct AccessKey: Hashable, Sendable {
    /// For logs, audit and rate limits. Keys of one name are one caller: the old and the new one of a rotation.
    package let name: String
    package let digest: [UInt8]
    package let scopes: KeyScopes
    /// What its holder is, in the service's own terms.
    package let roles: Set<String>
    package let notBefore: Timestamp?
    package let expires: Timestamp?

    package init(
        name: String, digest: [UInt8], scopes: KeyScopes, roles: Set<String> = [], notBefore: Timestamp? = nil,
        expires: Timestamp? = nil
    ) {
        self.name = name
        self.digest = digest
        self.scopes = scopes
        self.roles = roles
        self.notBefore = notBefore
        self.expires = expires
    }

    /// A key given in a variable: its name is the beginning of its hash.
    package init(digest: [UInt8], scopes: KeyScopes) {
        self.init(name: Hexadecimal.encode(digest.prefix(4)), digest: digest, scopes: scopes)
    }

    package init(plain: String, scopes: KeyScopes) {
        self.init(digest: Digest.sha256(Array(plain.utf8)), scopes: scopes)
    }

    /// An entry of a list of keys: the key, or `sha256:` and the hexadecimal hash of it; nil when what follows is none.
    package init?(entry: String, scopes: KeyScopes) {
        guard entry.hasPrefix("sha256:") else {
            self.init(plain: entry, scopes: scopes)
            return
        }
        guard let digest = Hexadecimal.decode(entry.dropFirst(7)), digest.count == 32 else { return nil }
        self.init(digest: digest, scopes: scopes)
    }

    /// A new key of 256 random bits, with a beginning by which secret scanners can find it.
    package static func generate(_ random: some RandomSource = SystemRandom()) -> String {
        var bytes: [UInt8] = []
        for _ in 0..<4 { bytes.appendLittleEndian(random.next()) }
        return "ak_" + Base64.encode(bytes, alphabet: .urlSafe)
    }
}
