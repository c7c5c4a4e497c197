import CRoaring

/// A set of non-negative 64-bit positions: one 32-bit roaring bitmap for each upper half in use.
///
/// A value: copies share their memory until one of them is changed. `count` and `isEmpty` are cheap, `contains` takes a
/// binary search or two; whoever asks for many positions in order does better with `positions(in:)`.
public struct Bitmap64: Sendable {
    struct Part: Sendable {
        let key: UInt32
        var storage: RoaringStorage
    }

    /// In ascending order of keys; none is empty.
    var parts: [Part] = []

    public init() {}

    public init(_ positions: some Sequence<UInt64>) {
        for position in positions { insert(position) }
    }

    public var isEmpty: Bool { parts.isEmpty }

    public var count: Int {
        parts.reduce(0) { $0 + Int(roaring_bitmap_get_cardinality($1.storage.pointer)) }
    }

    /// The smallest position.
    public var first: UInt64? {
        parts.first.map { UInt64($0.key) << 32 | UInt64(roaring_bitmap_minimum($0.storage.pointer)) }
    }

    /// The largest position.
    public var last: UInt64? {
        parts.last.map { UInt64($0.key) << 32 | UInt64(roaring_bitmap_maximum($0.storage.pointer)) }
    }

    /// Whether `position` was not there before.
    @discardableResult
    public mutating func insert(_ position: UInt64) -> Bool {
        let index = uniquePart(UInt32(position >> 32))
        return roaring_bitmap_add_checked(parts[index].storage.pointer, UInt32(truncatingIfNeeded: position))
    }

    /// Inserts every position of `range`. Costs 8 KiB of time, and a few bytes of memory, for each 65,536 positions.
    public mutating func insert(contentsOf range: ClosedRange<UInt64>) {
        for key in UInt32(range.lowerBound >> 32)...UInt32(range.upperBound >> 32) {
            let base = UInt64(key) << 32
            let low = UInt32(truncatingIfNeeded: Swift.max(range.lowerBound, base))
            let high = UInt32(truncatingIfNeeded: Swift.min(range.upperBound, base | UInt64(UInt32.max)))
            roaring_bitmap_add_range_closed(parts[uniquePart(key)].storage.pointer, low, high)
        }
    }

    /// Whether `position` was there.
    @discardableResult
    public mutating func remove(_ position: UInt64) -> Bool {
        guard let index = part(UInt32(position >> 32)) else { return false }
        makeUnique(index)
        let isRemoved = roaring_bitmap_remove_checked(
            parts[index].storage.pointer, UInt32(truncatingIfNeeded: position))
        dropIfEmpty(index)
        return isRemoved
    }

    public func contains(_ position: UInt64) -> Bool {
        guard let index = part(UInt32(position >> 32)) else { return false }
        return roaring_bitmap_contains(parts[index].storage.pointer, UInt32(truncatingIfNeeded: position))
    }

    public mutating func formUnion(_ other: Bitmap64) {
        for theirs in other.parts {
            if part(theirs.key) == nil {
                parts.insert(theirs, at: insertionIndex(theirs.key))
            } else {
                roaring_bitmap_or_inplace(parts[uniquePart(theirs.key)].storage.pointer, theirs.storage.pointer)
            }
        }
    }

    public func union(_ other: Bitmap64) -> Bitmap64 {
        var result = self
        result.formUnion(other)
        return result
    }

    public mutating func subtract(_ other: Bitmap64) {
        for theirs in other.parts {
            guard let index = part(theirs.key) else { continue }
            // The library must not be given one bitmap twice.
            guard parts[index].storage !== theirs.storage else {
                parts.remove(at: index)
                continue
            }
            makeUnique(index)
            roaring_bitmap_andnot_inplace(parts[index].storage.pointer, theirs.storage.pointer)
            dropIfEmpty(index)
        }
    }

    public func subtracting(_ other: Bitmap64) -> Bitmap64 {
        var result = self
        result.subtract(other)
        return result
    }
}

extension Bitmap64: Equatable {
    public static func == (left: Bitmap64, right: Bitmap64) -> Bool {
        left.parts.elementsEqual(right.parts) { mine, theirs in
            mine.key == theirs.key && roaring_bitmap_equals(mine.storage.pointer, theirs.storage.pointer)
        }
    }
}

// MARK: - Parts

extension Bitmap64 {
    /// Where the part of `key` is, or would have to be.
    private func insertionIndex(_ key: UInt32) -> Int {
        // Nearly every set has one part, or is filled in order.
        guard let last = parts.last, last.key >= key else { return parts.count }
        var low = 0
        var high = parts.count - 1
        while low < high {
            let middle = (low + high) / 2
            if parts[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func part(_ key: UInt32) -> Int? {
        let index = insertionIndex(key)
        return index < parts.count && parts[index].key == key ? index : nil
    }

    private mutating func makeUnique(_ index: Int) {
        if !isKnownUniquelyReferenced(&parts[index].storage) { parts[index].storage = parts[index].storage.copy() }
    }

    /// The part of `key`, made if there is none, that nobody else refers to.
    private mutating func uniquePart(_ key: UInt32) -> Int {
        let index = insertionIndex(key)
        if index < parts.count, parts[index].key == key {
            makeUnique(index)
        } else {
            parts.insert(Part(key: key, storage: RoaringStorage()), at: index)
        }
        return index
    }

    private mutating func dropIfEmpty(_ index: Int) {
        if parts[index].storage.isEmpty { parts.remove(at: index) }
    }
}
