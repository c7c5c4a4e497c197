import Bytes
import Checksums
import Clocks
import Events
import Files
import Synchronization
import WriteAheadLog

/// Keeps the keys of events whose log segment is gone, for as long as the window reaches back: the window after a restart
/// is what these files and the log hold.
///
/// One file for each segment, `<first sequence>.keys`, written whole and synced before the segment is removed. Layout,
/// little-endian: magic `ANLYKEYS` · u32 version (1) · u32 number of keys · for each u64 u64 key and i64 seconds since 1970
/// · CRC-32C of all before.
///
/// Bounded: the oldest files go once the others hold as many keys as the window may remember.
package final class DedupJournal: Sendable {
    package struct Key: Hashable, Sendable {
        package let key: EventKey
        package let seconds: Int64

        package init(key: EventKey, seconds: Int64) {
            self.key = key
            self.seconds = seconds
        }
    }

    private static let magic = Array("ANLYKEYS".utf8)
    private static let version: UInt32 = 1
    private static let suffix = ".keys"
    private static let keyBytes = 24
    private static let fileBytes = 20

    private struct File {
        let count: Int
        let newest: Int64

        init(_ keys: [Key]) {
            count = keys.count
            newest = keys.reduce(Int64.min) { max($0, $1.seconds) }
        }
    }

    private let storage: any LogStorage
    private let keysMax: Int
    /// What is in the whole files; nil until they have been read once.
    private let index = Mutex<[String: File]?>(nil)

    /// - Parameter keysMax: as that of the window.
    package init(storage: any LogStorage, keysMax: Int = 4 << 20) {
        self.storage = storage
        self.keysMax = keysMax
    }

    /// What the files take on disk; 0 before they were read.
    package var bytes: Int {
        index.withLock { index in
            (index ?? [:]).values.reduce(0) { $0 + Self.fileBytes + $1.count * Self.keyBytes }
        }
    }

    /// Keeps the keys of a segment's records. Durable on return, with the rename and the directory's sync; the same segment
    /// twice is one file, and takes no more space: after a crash between this and the segment's removal there may be none.
    package func keep(first: UInt64, records: [[UInt8]]) throws(LogError) {
        var keys: [Key] = []
        for record in records { try Self.appendKeys(of: record, to: &keys) }
        try keep(first: first, keys: keys)
    }

    /// The same for keys that are known, in the order of the segment.
    package func keep(first: UInt64, keys: [Key]) throws(LogError) {
        guard !keys.isEmpty else { return }
        do throws(FileError) {
            let (name, bytes) = (Self.name(first), Self.encode(keys))
            try makeRoom(for: keys.count, besides: name)
            if try storage.list().contains(name), try storage.read(name) == bytes {
                try storage.syncDirectory()
            } else {
                try storage.writeAtomically(name, bytes)
            }
            index.withLock { $0?[name] = File(keys) }
        } catch {
            throw LogError(error.isNoSpace ? .full : .failed, "the keys of a log segment cannot be kept: \(error)")
        }
    }

    /// The keys of a record of the log.
    package static func keys(of record: [UInt8]) throws(LogError) -> [Key] {
        var keys: [Key] = []
        try appendKeys(of: record, to: &keys)
        return keys
    }

    package static func keys(of record: UnsafeRawBufferPointer) throws(LogError) -> [Key] {
        var keys: [Key] = []
        try appendKeys(of: record, to: &keys)
        return keys
    }

    static func appendKeys(of record: [UInt8], to keys: inout [Key]) throws(LogError) {
        let result = record.withUnsafeBytes { raw in
            Result { () throws(LogError) in try appendKeys(of: raw, to: &keys) }
        }
        try result.get()
    }

    private static func appendKeys(of record: UnsafeRawBufferPointer, to keys: inout [Key]) throws(LogError) {
        do throws(EventBodyError) {
            try EventRecord.forEachKey(record) { key, receivedAt in
                keys.append(Key(key: key, seconds: Timestamp(microseconds: receivedAt).milliseconds / 1000))
            }
        } catch {
            throw LogError(.corrupt, "a record of the log holds no events: \(error)")
        }
    }

    /// Puts what is kept into `window`, oldest first, and removes files that the window no longer reaches.
    ///
    /// - Returns: the names of files that cannot be read: their events are recognised again only by compaction.
    package func load(into window: inout DedupWindow, now seconds: Int64) throws(LogError) -> [String] {
        var damaged: [String] = []
        do throws(FileError) {
            for name in try files() {
                guard let keys = Self.decode(try storage.read(name)) else {
                    damaged.append(name)
                    continue
                }
                if keys.allSatisfy({ seconds - $0.seconds > window.windowSeconds }) {
                    try storage.remove(name)
                } else {
                    for key in keys { _ = window.insert(key.key, at: key.seconds) }
                }
            }
        } catch {
            throw LogError(.failed, "the kept keys cannot be read: \(error)")
        }
        return damaged
    }

    /// Removes files that a window of `windowSeconds` no longer reaches. Reads every file once in the life of the journal.
    package func removeExpired(windowSeconds: Int64, now seconds: Int64) throws(LogError) {
        do throws(FileError) {
            for (name, file) in try indexed() {
                guard seconds - file.newest > windowSeconds else { return }
                try remove(name)
            }
        } catch {
            throw LogError(.failed, "expired keys cannot be removed: \(error)")
        }
    }

    /// Removes the oldest files as long as the others hold all that the window may remember.
    private func makeRoom(for count: Int, besides kept: String) throws(FileError) {
        let files = try indexed().filter { $0.name != kept }
        var total = files.reduce(count) { $0 + $1.file.count }
        for (name, file) in files {
            guard total - file.count >= keysMax else { return }
            try remove(name)
            total -= file.count
        }
    }

    private func remove(_ name: String) throws(FileError) {
        try storage.remove(name)
        index.withLock { $0?[name] = nil }
    }

    /// The whole files, the oldest first.
    private func indexed() throws(FileError) -> [(name: String, file: File)] {
        if index.withLock({ $0 == nil }) {
            var read: [String: File] = [:]
            for name in try files() {
                if let keys = Self.decode(try storage.read(name)) { read[name] = File(keys) }
            }
            let found = read
            index.withLock { $0 = $0 ?? found }
        }
        let known = index.withLock { $0 ?? [:] }
        return known.sorted { $0.key < $1.key }.map { (name: $0.key, file: $0.value) }
    }

    private func files() throws(FileError) -> [String] {
        try storage.list().filter { $0.hasSuffix(Self.suffix) && !$0.hasPrefix(".") }.sorted()
    }

    private static func name(_ first: UInt64) -> String {
        let digits = String(first)
        return String(repeating: "0", count: 20 - digits.utf8.count) + digits + suffix
    }

    static func encode(_ keys: [Key]) -> [UInt8] {
        var bytes = magic
        bytes.reserveCapacity(20 + keys.count * 24)
        bytes.appendLittleEndian(version)
        bytes.appendLittleEndian(UInt32(keys.count))
        for key in keys {
            bytes.appendLittleEndian(key.key.low)
            bytes.appendLittleEndian(key.key.high)
            bytes.appendLittleEndian(key.seconds)
        }
        bytes.appendLittleEndian(CRC32C.checksum(bytes))
        return bytes
    }

    /// nil when the bytes are not a whole file of keys.
    static func decode(_ bytes: [UInt8]) -> [Key]? {
        guard bytes.count >= 20, Array(bytes[..<8]) == magic else { return nil }
        return bytes.withUnsafeBytes { raw in
            func load<T: FixedWidthInteger>(_ at: Int, _ type: T.Type) -> T {
                T(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: T.self))
            }
            let count = Int(load(12, UInt32.self))
            guard load(8, UInt32.self) == version, raw.count == 20 + count * 24,
                load(raw.count - 4, UInt32.self)
                    == CRC32C.checksum(UnsafeRawBufferPointer(rebasing: raw[..<(raw.count - 4)]))
            else { return nil }
            return (0..<count).map { index in
                let at = 16 + index * 24
                let key = EventKey(low: load(at, UInt64.self), high: load(at + 8, UInt64.self))
                return Key(key: key, seconds: load(at + 16, Int64.self))
            }
        }
    }
}
