import Checksums
import Clocks
import Files
import JSONFormat
import Synchronization

/// All keys of a worker: those of variables, which stay, and those of a file, which may change while it runs.
///
/// A file that cannot be read or is wrong changes nothing: the keys of before stay in force, and `problem` says so.
package final class KeyRing: Sendable {
    package enum Finding: Hashable, Sendable {
        case key(AccessKey)
        case unknown
        /// Known, and good from then on.
        case early(AccessKey)
        case expired(AccessKey)
    }

    private struct State {
        /// By the first eight bytes of the hash. That tells an observer of times at most about hashes, and from a hash no
        /// key can be made.
        var keys: [UInt64: [AccessKey]] = [:]
        var named: [String: [AccessKey]] = [:]
        var count = 0
        var origins: [OriginPatterns] = []
        /// SHA-256 of the file as it was read last, taken or not.
        var fileDigest: [UInt8]?
        var problem: String?
    }

    private let fixed: [AccessKey]
    private let path: String?
    private let hasRoles: Bool
    private let state: Mutex<State>

    /// - Parameters:
    ///   - path: of the file the keys `fromFile` were read from, if there is one.
    ///   - hasRoles: whether keys of the file may have roles.
    package init(fixed: [AccessKey], path: String? = nil, fromFile: [AccessKey] = [], hasRoles: Bool = false) {
        self.fixed = fixed
        self.path = path
        self.hasRoles = hasRoles
        state = Mutex(Self.index(fixed + fromFile))
    }

    /// Whether no key is asked for, since none can be configured or is: a file, even an empty one, asks for keys.
    package var isEmpty: Bool { fixed.isEmpty && path == nil }
    package var hasFile: Bool { path != nil }
    /// Whether there is a file of keys and no key in it: as good as all of them revoked.
    package var isFileEmpty: Bool { hasFile && count == fixed.count }
    package var count: Int { state.withLock { $0.count } }
    /// Why the file was not taken the last time it changed.
    package var problem: String? { state.withLock { $0.problem } }

    /// Whose key it is. Hashes are compared in constant time.
    package func find(_ key: String, at now: Timestamp) -> Finding {
        let digest = Digest.sha256(Array(key.utf8))
        let candidates = state.withLock { $0.keys[Self.prefix(digest)] ?? [] }
        guard let found = candidates.first(where: { Digest.constantTimeEquals($0.digest, digest) }) else {
            return .unknown
        }
        if let notBefore = found.notBefore, now < notBefore { return .early(found) }
        if let expires = found.expires, now >= expires { return .expired(found) }
        return .key(found)
    }

    /// The keys of that name which are in force: of a rotation, the old one and the new one.
    package func keys(named name: String, at now: Timestamp) -> [AccessKey] {
        let named = state.withLock { $0.named[name] ?? [] }
        return named.filter { key in
            (key.notBefore.map { $0 <= now } ?? true) && (key.expires.map { now < $0 } ?? true)
        }
    }

    /// Whether some key may be used from pages of `origin`. A preflight does not say which key will come.
    package func allows(origin: String) -> Bool {
        state.withLock { $0.origins }.contains { $0.matches(origin) }
    }

    /// Reads the file again, and takes its keys if its content has changed. Blocks.
    ///
    /// - Returns: whether something has changed: new keys are in force, or `problem` says what is wrong.
    @discardableResult
    package func reload() -> Bool {
        guard let path else { return false }
        do {
            let bytes = try Self.read(path)
            let digest = Digest.sha256(bytes)
            if state.withLock({ $0.fileDigest == digest }) { return false }
            state.withLock { $0.fileDigest = digest }
            var next = Self.index(fixed + (try KeyFile.parse(bytes, hasRoles: hasRoles)))
            next.fileDigest = digest
            state.withLock { $0 = next }
            return true
        } catch {
            let problem = "\(path): \(error)"
            return state.withLock { state in
                defer { state.problem = problem }
                return state.problem != problem
            }
        }
    }

    /// Follows links: mounted secrets are such.
    package static func read(_ path: String) throws(FileError) -> [UInt8] {
        let file = try FileHandle(path, [.nonBlocking])
        let status = try file.status()
        guard status.kind == .file, status.size <= Int64(KeyFile.bytesMax) else {
            throw FileError(
                operation: "read", path: path, message: "expected a file of at most \(KeyFile.bytesMax) bytes")
        }
        return try file.pread(Int(status.size), at: 0)
    }

    private static func index(_ keys: [AccessKey]) -> State {
        var state = State()
        state.count = keys.count
        for key in keys {
            state.keys[prefix(key.digest), default: []].append(key)
            state.named[key.name, default: []].append(key)
            if let origins = key.scopes.origins { state.origins.append(origins) }
        }
        return state
    }

    private static func prefix(_ digest: [UInt8]) -> UInt64 { digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
}
