import IcebergSpec
import Synchronization

/// Decoded manifests and manifest lists, shared by everything that reads one store.
///
/// Both are immutable files, so that an entry is right for ever; the least recently used go when the estimated size
/// passes the limit. Safe to use from anywhere.
public final class ManifestCache: Sendable {
    /// A manifest as a list describes it: what its entries inherit is part of what they are.
    struct ManifestKey: Hashable {
        let path: String
        let sequenceNumber: Int64
        let addedSnapshotID: Int64
        let firstRowID: Int64?
        /// Of the partition values: columns change their types.
        let types: [IcebergType]

        init(_ file: ManifestFile, _ types: [IcebergType]) {
            path = file.path
            sequenceNumber = file.sequenceNumber
            addedSnapshotID = file.addedSnapshotID
            firstRowID = file.firstRowID
            self.types = types
        }
    }

    private enum Key: Hashable {
        case list(String)
        case manifest(ManifestKey)
    }

    private enum Content {
        case list([ManifestFile])
        case manifest([ManifestEntry])
    }

    private struct Slot {
        let content: Content
        let bytes: Int
        var lastUse: UInt64
    }

    private struct State {
        var slots: [Key: Slot] = [:]
        var bytes = 0
        var clock: UInt64 = 0
        var hits = 0
        var misses = 0
    }

    public struct Statistics: Hashable, Sendable {
        public let count: Int
        public let estimatedBytes: Int
        public let bytesMax: Int
        public let hits: Int
        public let misses: Int
    }

    private let bytesMax: Int
    private let state = Mutex(State())

    public init(bytesMax: Int = TableLimits.manifestCacheBytes) {
        self.bytesMax = bytesMax
    }

    public var statistics: Statistics {
        state.withLock {
            Statistics(
                count: $0.slots.count, estimatedBytes: $0.bytes, bytesMax: bytesMax, hits: $0.hits, misses: $0.misses)
        }
    }

    /// Forgets everything; the counters of hits and misses go on.
    public func removeAll() {
        state.withLock { state in
            state.slots.removeAll()
            state.bytes = 0
        }
    }

    func list(_ path: String) -> [ManifestFile]? {
        if case .list(let files) = content(.list(path)) { files } else { nil }
    }

    func entries(of file: ManifestFile, types: [IcebergType]) -> [ManifestEntry]? {
        if case .manifest(let entries) = content(.manifest(ManifestKey(file, types))) { entries } else { nil }
    }

    /// For a list that is about to be written as well: its location must be one that no other list will have.
    public func insert(list files: [ManifestFile], path: String) {
        insert(.list(path), .list(files), bytes: 200 + files.count * 400)
    }

    func insert(_ entries: [ManifestEntry], of file: ManifestFile, types: [IcebergType]) {
        let bytes = entries.reduce(200) { $0 + Self.estimatedBytes($1.file) }
        insert(.manifest(ManifestKey(file, types)), .manifest(entries), bytes: bytes)
    }

    /// What an entry takes in memory, about. Maps share the bytes of the manifest they were read from.
    private static func estimatedBytes(_ file: DataFile) -> Int {
        let maps =
            file.columnSizes.estimatedBytes + file.valueCounts.estimatedBytes + file.nullValueCounts.estimatedBytes
            + file.nanValueCounts.estimatedBytes + file.lowerBounds.estimatedBytes + file.upperBounds.estimatedBytes
        return 700 + file.path.utf8.count + maps
    }

    private func content(_ key: Key) -> Content? {
        state.withLock { state in
            guard let slot = state.slots[key] else {
                state.misses += 1
                return nil
            }
            state.clock += 1
            state.hits += 1
            state.slots[key]?.lastUse = state.clock
            return slot.content
        }
    }

    private func insert(_ key: Key, _ content: Content, bytes: Int) {
        guard bytes <= bytesMax else { return }
        state.withLock { state in
            state.clock += 1
            let old = state.slots.updateValue(
                Slot(content: content, bytes: bytes, lastUse: state.clock), forKey: key)
            state.bytes += bytes - (old?.bytes ?? 0)
            guard state.bytes > bytesMax else { return }
            // Down to nine tenths, so that the sort is not made for every insertion.
            for victim in state.slots.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
                guard state.bytes > bytesMax / 10 * 9, victim.key != key else { break }
                state.slots[victim.key] = nil
                state.bytes -= victim.value.bytes
            }
        }
    }
}
