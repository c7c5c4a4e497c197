import Bytes
import Clocks
import JSONFormat

/// The keys of `WRITE_KEYS_FILE`:
///
///     [{"name":"web","sha256":"<64 hexadecimal digits>",
///       "scopes":{"routes":["write"],"origins":["https://*.shop.example"],"types":["page.*","click"],
///                 "rate":{"requests":600,"events":60000}},
///       "not_before":"2026-01-01T00:00:00Z","expires":"2027-01-01T00:00:00Z"}]
///
/// Only `name` and `sha256` are required; without `routes` a key may write. Where the service gives roles to its callers, `scopes` also
/// has `"roles":["writer","analysts"]`. A member that is not known is refused: a
/// misspelt limit would be none.
package enum KeyFile {
    package static let bytesMax = 4 << 20
    package static let keysMax = 10_000

    package static let rolesMax = 100

    /// - Parameter hasRoles: whether the service knows of roles.
    package static func parse(_ bytes: [UInt8], hasRoles: Bool = false) throws(JSONError) -> [AccessKey] {
        let root = JSONCursor(try JSONValue.parse(bytes))
        let elements = try root.elements()
        guard elements.count <= keysMax else { throw root.fail("there may be at most \(keysMax) keys") }
        var keys: [AccessKey] = []
        var seen: Set<[UInt8]> = []
        for element in elements {
            let key = try self.key(element, hasRoles)
            guard seen.insert(key.digest).inserted else { throw element.fail("this key is there twice") }
            keys.append(key)
        }
        return keys
    }

    private static func key(_ entry: JSONCursor, _ hasRoles: Bool) throws(JSONError) -> AccessKey {
        try allow(["name", "sha256", "scopes", "not_before", "expires"], in: entry)
        let nameMember = try entry.member("name")
        let name = try nameMember.string()
        guard isName(name) else { throw nameMember.fail(allowedNames) }
        let hashMember = try entry.member("sha256")
        guard let digest = Hexadecimal.decode(try hashMember.string()), digest.count == 32 else {
            throw hashMember.fail("expected the SHA-256 of the key as 64 hexadecimal digits")
        }
        let notBefore = try moment(entry.optional("not_before"))
        let expires = try moment(entry.optional("expires"))
        if let notBefore, let expires, expires <= notBefore {
            throw entry.fail("\"expires\" is not behind \"not_before\"")
        }
        let scopes = try entry.optional("scopes").map { cursor throws(JSONError) in try self.scopes(cursor, hasRoles) }
        let roles = try entry.optional("scopes").map { cursor throws(JSONError) in try self.roles(cursor) }
        return AccessKey(
            name: name, digest: digest, scopes: scopes ?? .write, roles: roles ?? [], notBefore: notBefore,
            expires: expires)
    }

    package static let allowedNames = "a name has 1 to 100 printable ASCII characters, and no space"

    package static func isName(_ text: String) -> Bool {
        (1...100).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }

    package static let allowedRoles = "a role has 1 to 63 letters, digits, - and _"

    package static func isRole(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
                default: false
                }
            }
    }

    private static func roles(_ scopes: JSONCursor) throws(JSONError) -> Set<String> {
        guard let cursor = try scopes.optional("roles") else { return [] }
        let elements = try cursor.elements()
        guard elements.count <= rolesMax else { throw cursor.fail("a key has at most \(rolesMax) roles") }
        var roles: Set<String> = []
        for element in elements {
            let role = try element.string()
            guard isRole(role) else { throw element.fail(allowedRoles) }
            roles.insert(role)
        }
        return roles
    }

    private static func scopes(_ cursor: JSONCursor, _ hasRoles: Bool) throws(JSONError) -> KeyScopes {
        try allow(Set(["routes", "origins", "types", "rate"] + (hasRoles ? ["roles"] : [])), in: cursor)
        var scopes = KeyScopes.write
        if let routes = try cursor.optional("routes") {
            scopes.routes = []
            for route in try routes.elements() {
                guard let known = KeyScopes.Routes(rawValue: try route.string()) else {
                    throw route.fail("expected write or admin")
                }
                scopes.routes.insert(known)
            }
            guard !scopes.routes.isEmpty else { throw routes.fail("a key without routes is good for nothing") }
        }
        if let origins = try cursor.optional("origins") {
            guard let patterns = OriginPatterns(try texts(origins)), !patterns.isEmpty else {
                throw origins.fail("expected at least one origin; \(OriginPatterns.allowed)")
            }
            scopes.origins = patterns
        }
        if let types = try cursor.optional("types") {
            let patterns = try texts(types).map { NamePattern($0) }
            let known = patterns.compactMap { $0 }
            guard !known.isEmpty, known.count == patterns.count else {
                throw types.fail("expected types of events, each with a * at its end or none")
            }
            scopes.types = known
        }
        if let rate = try cursor.optional("rate") {
            try allow(["requests", "events"], in: rate)
            scopes.requestsMax = try count(rate.optional("requests"))
            scopes.eventsMax = try count(rate.optional("events"))
        }
        return scopes
    }

    private static func texts(_ cursor: JSONCursor) throws(JSONError) -> [String] {
        var texts: [String] = []
        for element in try cursor.elements() { texts.append(try element.string()) }
        return texts
    }

    private static func count(_ cursor: JSONCursor?) throws(JSONError) -> Int? {
        guard let cursor else { return nil }
        let count = try cursor.integer()
        guard (1...1_000_000_000_000).contains(count) else { throw cursor.fail("expected a whole number from 1") }
        return Int(count)
    }

    private static func moment(_ cursor: JSONCursor?) throws(JSONError) -> Timestamp? {
        guard let cursor else { return nil }
        guard let time = Timestamp(rfc3339: try cursor.string()) else {
            throw cursor.fail("expected a date-time such as 2026-01-01T00:00:00Z")
        }
        return time
    }

    private static func allow(_ names: Set<String>, in cursor: JSONCursor) throws(JSONError) {
        for member in try cursor.members() where !names.contains(member.key) {
            throw member.value.fail("this member is not known; \(names.sorted().joined(separator: ", ")) are")
        }
    }

    /// What `--make-key` prints: the key, which is nowhere else, and its entry.
    package static func newKey(
        name: String, hasRoles: Bool = false, _ random: some RandomSource = SystemRandom()
    ) -> JSONValue {
        let key = AccessKey.generate(random)
        let digest = AccessKey(plain: key, scopes: .write).digest
        return [
            "key": .string(key),
            "entry": [
                "name": .string(name), "sha256": .string(Hexadecimal.encode(digest)),
                "scopes": hasRoles ? ["roles": ["reader"]] : ["routes": ["write"]],
            ],
        ]
    }
}
