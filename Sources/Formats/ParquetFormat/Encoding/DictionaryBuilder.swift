/// Numbers the distinct values of a column chunk in order of first occurrence.
///
/// Stops early where a dictionary does not pay: too many distinct values, too many bytes, or colliding hashes (which
/// hostile values can force). The result borrows nothing: entries are positions in the column.
struct DictionaryBuilder {
    struct Result {
        /// For each value its entry.
        var indices: [UInt32]
        /// For each entry the position of its first value.
        var entries: [UInt32]
        /// The entries in PLAIN encoding.
        var plainBytes: Int
    }

    /// What the whole column takes in PLAIN encoding.
    let plainBytesOfColumn: Int
    let bytesMax: Int

    private static let probesMax = 128
    /// Values seen before the first doubt: among the first ones of a few thousand candidates hardly one occurs twice.
    private static let firstCheck = 8192
    /// In a column of fewer values, not one that occurred twice among the first of these is reason enough.
    private static let earlyCheck = 1024

    // MARK: - Words

    /// For 4- and 8-byte values, as bits.
    func build<T: FixedWidthInteger & UnsignedInteger>(_ values: UnsafeBufferPointer<T>) -> Result? {
        let width = MemoryLayout<T>.size
        var table = HashTable()
        var entries: [UInt32] = []
        var nextCheck = Self.firstCheck
        var failed = false
        let indices = [UInt32](unsafeUninitializedCapacity: values.count) { target, written in
            guard let base = values.baseAddress, let output = target.baseAddress else { return }
            var last: UInt32 = 0
            for position in 0..<values.count {
                let value = base[position]
                if position > 0 && value == base[position &- 1] {
                    output[position] = last
                    continue
                }
                let hash = Self.hash(word: UInt64(truncatingIfNeeded: value))
                var slot = Int(hash) & table.mask
                var probes = 0
                while true {
                    let found = table.slots[slot]
                    if found == 0 {
                        last = UInt32(truncatingIfNeeded: entries.count)
                        entries.append(UInt32(truncatingIfNeeded: position))
                        table.insert(hash: hash, entry: last, at: slot)
                        break
                    }
                    let entry = UInt32(truncatingIfNeeded: found) &- 1
                    if UInt32(truncatingIfNeeded: found &>> 32) == hash,
                        base[Int(entries[Int(entry)])] == value
                    {
                        last = entry
                        break
                    }
                    slot = (slot &+ 1) & table.mask
                    probes &+= 1
                }
                output[position] = last
                if probes > Self.probesMax { failed = true }
                if position >= nextCheck || failed {
                    nextCheck = position * 2
                    if failed || !pays(distinct: entries.count, bytes: entries.count * width, seen: position + 1) {
                        failed = true
                        return
                    }
                }
            }
            written = values.count
        }
        guard !failed, isWorthIt(count: values.count, distinct: entries.count, bytes: entries.count * width) else {
            return nil
        }
        return Result(indices: indices, entries: entries, plainBytes: entries.count * width)
    }

    // MARK: - Bytes

    /// For byte arrays (`lengthBytes` 4, the length of each) and fixed-length ones (0).
    func build(_ layout: some ByteLayout, lengthBytes: Int) -> Result? {
        var table = HashTable()
        var entries: [UInt32] = []
        var plainBytes = 0
        var nextCheck = Self.firstCheck
        var failed = false
        let indices = [UInt32](unsafeUninitializedCapacity: layout.count) { target, written in
            guard let output = target.baseAddress else { return }
            var last: UInt32 = 0
            var (lastStart, lastLength) = (layout.base, -1)
            for position in 0..<layout.count {
                let (start, length) = layout.value(position)
                if length == lastLength && bytesEqual(start, lastStart, length) {
                    output[position] = last
                    continue
                }
                (lastStart, lastLength) = (start, length)
                let hash = Self.hash(start, length)
                var slot = Int(hash) & table.mask
                var probes = 0
                while true {
                    let found = table.slots[slot]
                    if found == 0 {
                        last = UInt32(truncatingIfNeeded: entries.count)
                        entries.append(UInt32(truncatingIfNeeded: position))
                        plainBytes &+= length &+ lengthBytes
                        table.insert(hash: hash, entry: last, at: slot)
                        break
                    }
                    let entry = UInt32(truncatingIfNeeded: found) &- 1
                    if UInt32(truncatingIfNeeded: found &>> 32) == hash {
                        let known = layout.value(Int(entries[Int(entry)]))
                        if known.length == length && bytesEqual(known.start, start, length) {
                            last = entry
                            break
                        }
                    }
                    slot = (slot &+ 1) & table.mask
                    probes &+= 1
                }
                output[position] = last
                if probes > Self.probesMax { failed = true }
                if position == Self.earlyCheck && entries.count > position && layout.count <= 2 * Self.firstCheck {
                    failed = true
                }
                if position >= nextCheck || plainBytes > bytesMax || failed {
                    nextCheck = position * 2
                    if failed || !pays(distinct: entries.count, bytes: plainBytes, seen: position + 1) {
                        failed = true
                        return
                    }
                }
            }
            written = layout.count
        }
        guard !failed, isWorthIt(count: layout.count, distinct: entries.count, bytes: plainBytes) else { return nil }
        return Result(indices: indices, entries: entries, plainBytes: plainBytes)
    }

    // MARK: - When it pays

    private func pays(distinct: Int, bytes: Int, seen: Int) -> Bool {
        bytes <= bytesMax && distinct * 4 <= seen * 3
    }

    private func isWorthIt(count: Int, distinct: Int, bytes: Int) -> Bool {
        let indexBits = HybridEncoder.bitWidth(maximum: max(distinct - 1, 0)) * count
        return count > 0 && bytes <= bytesMax && bytes + indexBits / 8 < plainBytesOfColumn
    }

    // MARK: - Hashes

    @inline(__always)
    static func hash(word: UInt64) -> UInt32 {
        let product = (word ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        return UInt32(truncatingIfNeeded: (product.high ^ product.low) &>> 16)
    }

    @inline(__always)
    static func hash(_ start: UnsafeRawPointer, _ length: Int) -> UInt32 {
        var state = UInt64(truncatingIfNeeded: length) ^ 0x9E37_79B9_7F4A_7C15
        var first: UInt64
        var last: UInt64
        if length >= 8 {
            var at = 0
            while length &- at > 16 {
                first = start.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                last = start.loadUnaligned(fromByteOffset: at &+ 8, as: UInt64.self)
                state = mix(first ^ state, last ^ 0xA076_1D64_78BD_642F)
                at &+= 16
            }
            first = start.loadUnaligned(fromByteOffset: length &- at >= 8 ? at : length &- 8, as: UInt64.self)
            last = start.loadUnaligned(fromByteOffset: length &- 8, as: UInt64.self)
        } else if length >= 4 {
            first = UInt64(start.loadUnaligned(as: UInt32.self))
            last = UInt64(start.loadUnaligned(fromByteOffset: length &- 4, as: UInt32.self))
        } else if length > 0 {
            first =
                UInt64(start.load(as: UInt8.self)) | UInt64(start.load(fromByteOffset: length / 2, as: UInt8.self))
                &<< 8
            last = UInt64(start.load(fromByteOffset: length &- 1, as: UInt8.self))
        } else {
            (first, last) = (0, 0)
        }
        state = mix(first ^ state, last ^ 0xE703_7ED1_A0B4_28DB)
        return UInt32(truncatingIfNeeded: state ^ state &>> 32)
    }

    @inline(__always)
    private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}

/// Where the byte values of a column lie.
protocol ByteLayout {
    var base: UnsafeRawPointer { get }
    var count: Int { get }
    func value(_ position: Int) -> (start: UnsafeRawPointer, length: Int)
}

struct OffsetLayout: ByteLayout {
    let base: UnsafeRawPointer
    /// `count + 1` offsets.
    let offsets: UnsafePointer<UInt32>
    let count: Int

    @inline(__always)
    func value(_ position: Int) -> (start: UnsafeRawPointer, length: Int) {
        let start = Int(offsets[position])
        return (base + start, Int(offsets[position &+ 1]) &- start)
    }
}

struct FixedLayout: ByteLayout {
    let base: UnsafeRawPointer
    let width: Int
    let count: Int

    @inline(__always)
    func value(_ position: Int) -> (start: UnsafeRawPointer, length: Int) { (base + position &* width, width) }
}

/// Open addressing: the hash above, the entry's number plus one below, 0 for an empty slot; at most half full.
private struct HashTable: ~Copyable {
    private(set) var slots: UnsafeMutablePointer<UInt64>
    private(set) var mask: Int
    private var used = 0

    init() {
        mask = 1023
        slots = .allocate(capacity: 1024)
        slots.initialize(repeating: 0, count: 1024)
    }

    deinit { slots.deallocate() }

    @inline(__always)
    mutating func insert(hash: UInt32, entry: UInt32, at slot: Int) {
        slots[slot] = UInt64(hash) &<< 32 | UInt64(entry &+ 1)
        used += 1
        if used * 2 > mask { grow() }
    }

    private mutating func grow() {
        let capacity = (mask + 1) * 4
        let grown = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
        grown.initialize(repeating: 0, count: capacity)
        for index in 0...mask where slots[index] != 0 {
            var slot = Int(slots[index] &>> 32) & (capacity - 1)
            while grown[slot] != 0 { slot = (slot &+ 1) & (capacity - 1) }
            grown[slot] = slots[index]
        }
        slots.deallocate()
        slots = grown
        mask = capacity - 1
    }
}
