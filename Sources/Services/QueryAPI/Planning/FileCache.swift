import Bytes
import Checksums
import Files
import ObjectStore

/// Immutable objects of a remote store as local files, the least recently used removed when they take too much.
///
/// A file is whole or not there: it is written beside and renamed. Objects never change, so neither does a file. Files
/// in use by a query are not removed; together they may exceed the limit for that time.
package actor FileCache {
    package struct Statistics: Hashable, Sendable {
        package var entries = 0
        package var bytes: Int64 = 0
        package var hits = 0
        package var misses = 0
    }

    private struct Entry {
        var bytes: Int64
        var users = 0
        var lastUse: UInt64
    }

    private let directory: String
    private let bytesMax: Int64
    private let store: any ObjectStore
    private var entries: [String: Entry] = [:]
    private var fetches: [String: Task<Int64, any Error>] = [:]
    private var clock: UInt64 = 0
    package private(set) var statistics = Statistics()

    package init(directory: String, bytesMax: Int, store: any ObjectStore) {
        self.directory = directory
        self.bytesMax = Int64(bytesMax)
        self.store = store
    }

    /// Takes stock of what an earlier process left.
    package func open() async throws(FileError) {
        let directory = directory
        let found = try await BlockingPool.shared.run { () throws(FileError) -> [(String, Int64)] in
            try FileSystem.createDirectories(directory, mode: 0o700)
            var found: [(String, Int64)] = []
            for name in try FileSystem.list(directory) where name.hasSuffix(".data") {
                if let status = try FileSystem.status("\(directory)/\(name)") {
                    found.append((name, Int64(status.size)))
                }
            }
            return found
        }
        for (name, bytes) in found { insert(name, bytes) }
        await evict()
    }

    /// The local path of the object at `uri`, fetched if need be, kept until `release`.
    func lease(_ uri: String, bytes: Int64) async throws(QueryError) -> String {
        let name = Hexadecimal.encode(Digest.sha256(Array(uri.utf8))) + ".data"
        clock += 1
        if entries[name]?.bytes == bytes {
            entries[name]?.users += 1
            entries[name]?.lastUse = clock
            statistics.hits += 1
            return "\(directory)/\(name)"
        }
        statistics.misses += 1
        let fetch = fetches[name] ?? Task { try await self.fetch(uri, name) }
        fetches[name] = fetch
        let stored: Int64
        do {
            stored = try await fetch.value
        } catch {
            fetches[name] = nil
            throw QueryError(.unavailable, "A data file of the table could not be read: \(error)")
        }
        fetches[name] = nil
        if entries[name] == nil { insert(name, stored) }
        entries[name]?.users += 1
        guard stored == bytes else {
            release(["\(directory)/\(name)"])
            throw QueryError(.failed, "A data file has \(stored) bytes where the table's metadata says \(bytes).")
        }
        await evict()
        return "\(directory)/\(name)"
    }

    func release(_ paths: [String]) {
        for path in paths where path.hasPrefix(directory + "/") {
            entries[String(path.dropFirst(directory.count + 1))]?.users -= 1
        }
    }

    private func fetch(_ uri: String, _ name: String) async throws -> Int64 {
        let bytes = try await store.get(try store.location(of: uri), range: nil).bytes
        let path = "\(directory)/\(name)"
        try await BlockingPool.shared.run { () throws(FileError) in
            try FileSystem.writeAtomically(path, bytes, mode: 0o600)
        }
        return Int64(bytes.count)
    }

    private func insert(_ name: String, _ bytes: Int64) {
        clock += 1
        statistics.bytes += bytes - (entries[name]?.bytes ?? 0)
        entries[name] = Entry(bytes: bytes, lastUse: clock)
        statistics.entries = entries.count
    }

    private func evict() async {
        guard statistics.bytes > bytesMax else { return }
        for (name, entry) in entries.sorted(by: { $0.value.lastUse < $1.value.lastUse }) where entry.users == 0 {
            guard statistics.bytes > bytesMax else { break }
            entries[name] = nil
            statistics.bytes -= entry.bytes
            let path = "\(directory)/\(name)"
            await BlockingPool.shared.run {
                do throws(FileError) { try FileSystem.removeFile(path) } catch {
                    // It stays on the disk and is counted again at the next start.
                }
            }
        }
        statistics.entries = entries.count
    }
}
