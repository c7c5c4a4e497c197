import Events

/// The keys of events received within a window of time. Exact within it, as far as a keyed 128-bit hash is
/// (`EventKey`): an event is a duplicate if its key came at most `windowSeconds` before.
///
/// Memory is bounded by `keysMax`: beyond it the oldest half is forgotten, and `forgotten` counts that. Two tables take
/// turns, so that forgetting costs nothing: new keys go to the young one, which becomes the old one when it holds half of
/// `keysMax`, or spans the window. 27 to 40 bytes a key.
package struct DedupWindow: Sendable {
    package let windowSeconds: Int64
    package let keysMax: Int
    /// Keys given up within their window for want of memory.
    package private(set) var forgotten = 0
    private var young = KeyTable()
    private var old = KeyTable()
    private var youngSince: Int64?
    /// Keeps `prepare` from being optimized away.
    private var touched: UInt64 = 0

    package init(windowSeconds: Int64, keysMax: Int = 4 << 20) {
        self.windowSeconds = windowSeconds
        self.keysMax = max(2, keysMax)
    }

    package var count: Int { young.count + old.count }

    /// Remembers the key as of `seconds` (since 1970).
    ///
    /// - Returns: false when it came within the window before: a duplicate.
    package mutating func insert(_ key: EventKey, at seconds: Int64) -> Bool {
        guard windowSeconds > 0 else { return true }
        if contains(key, at: seconds) { return false }
        turn(at: seconds)
        young.set(key, seconds)
        return true
    }

    package func contains(_ key: EventKey, at seconds: Int64) -> Bool {
        if let before = young[key], seconds - before <= windowSeconds { return true }
        if let before = old[key], seconds - before <= windowSeconds { return true }
        return false
    }

    /// Brings into the processor's cache what `insert` will look at. Looks at keys one after the other wait for memory each;
    /// these do not depend on each other and wait together.
    package mutating func prepare(_ events: [EventBatch.Accepted]) {
        for event in events { touched ^= young.peek(event.key) ^ old.peek(event.key) }
    }

    /// Takes back a key whose event was not kept after all.
    package mutating func remove(_ key: EventKey) {
        young.remove(key)
        old.remove(key)
    }

    private mutating func turn(at seconds: Int64) {
        let since = youngSince ?? seconds
        youngSince = since
        guard young.count >= keysMax / 2 || seconds - since > windowSeconds else { return }
        if let newest = old.newest, seconds - newest <= windowSeconds { forgotten += old.count }
        old = young
        young = KeyTable()
        youngSince = seconds
    }
}

/// Keys by parts, each a table of its own: only one of many grows at a time, so that nobody waits for millions of keys to be
/// moved, and no second copy of all of them is in memory meanwhile.
struct KeyTable: Sendable {
    private static let partsCount = 64
    private var parts = [KeyTablePart](repeating: KeyTablePart(), count: KeyTable.partsCount)
    private(set) var count = 0
    /// The latest moment set.
    private(set) var newest: Int64?

    /// The bits by which a part looks keys up are the others.
    private func part(_ key: EventKey) -> Int { Int(truncatingIfNeeded: key.high) & (Self.partsCount - 1) }

    subscript(key: EventKey) -> Int64? { parts[part(key)][key] }

    /// Something of the entry where the search for the key begins.
    func peek(_ key: EventKey) -> UInt64 { parts[part(key)].peek(key) }

    mutating func set(_ key: EventKey, _ seconds: Int64) {
        newest = max(newest ?? seconds, seconds)
        if parts[part(key)].set(key, seconds) { count += 1 }
    }

    mutating func remove(_ key: EventKey) {
        if parts[part(key)].remove(key) { count -= 1 }
    }
}

/// Open addressing with linear probing; a key's own bits are its hash, for it is one.
private struct KeyTablePart: Sendable {
    /// 20 bytes: halves of 32 bits, since one field of 64 would make it 24.
    private struct Entry {
        var low: (UInt32, UInt32) = (0, 0)
        var high: (UInt32, UInt32) = (0, 0)
        /// Seconds since 1970, until 2106; `empty`, or `removed`.
        var seconds = KeyTablePart.empty

        init() {}

        init(_ key: EventKey, _ seconds: UInt32) {
            low = Self.halves(key.low)
            high = Self.halves(key.high)
            self.seconds = seconds
        }

        func has(_ low: (UInt32, UInt32), _ high: (UInt32, UInt32)) -> Bool { self.low == low && self.high == high }

        static func halves(_ bits: UInt64) -> (UInt32, UInt32) {
            (UInt32(truncatingIfNeeded: bits), UInt32(truncatingIfNeeded: bits >> 32))
        }
    }

    private static let empty = UInt32.max
    private static let removed = UInt32.max - 1

    private static func moment(_ seconds: Int64) -> UInt32 { UInt32(clamping: min(Int64(removed) - 1, seconds)) }
    private var entries: [Entry] = []
    /// Entries that are not empty.
    private var used = 0
    private var count = 0

    subscript(key: EventKey) -> Int64? {
        guard let index = find(key) else { return nil }
        return Int64(entries[index].seconds)
    }

    func peek(_ key: EventKey) -> UInt64 {
        entries.isEmpty ? 0 : UInt64(entries[Self.start(Entry.halves(key.low).0, entries.count)].low.0)
    }

    /// Where the search begins: as far into the table as the low half of the bits is into its range.
    private static func start(_ low: UInt32, _ count: Int) -> Int {
        Int(truncatingIfNeeded: (UInt64(low) &* UInt64(count)) >> 32)
    }

    private func find(_ key: EventKey) -> Int? {
        guard !entries.isEmpty else { return nil }
        let (low, high) = (Entry.halves(key.low), Entry.halves(key.high))
        return entries.withUnsafeBufferPointer { entries in
            var index = Self.start(low.0, entries.count)
            while entries[index].seconds != Self.empty {
                if entries[index].has(low, high), entries[index].seconds != Self.removed { return index }
                index += 1
                if index == entries.count { index = 0 }
            }
            return nil
        }
    }

    /// - Returns: whether the key is new.
    mutating func set(_ key: EventKey, _ seconds: Int64) -> Bool {
        if let index = find(key) {
            entries[index].seconds = Self.moment(seconds)
            return false
        }
        if (used + 1) * 4 > entries.count * 3 { grow() }
        place(Entry(key, Self.moment(seconds)))
        count += 1
        return true
    }

    private mutating func place(_ entry: Entry) {
        var index = Self.start(entry.low.0, entries.count)
        while entries[index].seconds != Self.empty {
            index += 1
            if index == entries.count { index = 0 }
        }
        entries[index] = entry
        used += 1
    }

    private mutating func grow() {
        let before = entries
        // By half: doubling would leave more of the memory empty.
        let isCrowded = count * 2 > before.count
        entries = [Entry](
            repeating: Entry(), count: max(32, isCrowded ? before.count + before.count / 2 : before.count))
        used = 0
        for entry in before where entry.seconds < Self.removed { place(entry) }
    }

    /// - Returns: whether it was there.
    mutating func remove(_ key: EventKey) -> Bool {
        guard let index = find(key) else { return false }
        entries[index].seconds = Self.removed
        count -= 1
        return true
    }
}
