import CRoaring

extension Bitmap64: Sequence {
    /// Gives the positions in ascending order, read from the bitmap many at a time.
    public struct Iterator: IteratorProtocol, Sendable {
        private static let batchSize = 1024

        private let parts: [Part]
        private let end: UInt64
        /// The part the next batch comes from, and where in it the batch begins.
        private var partIndex: Int
        private var start: UInt32
        private var batch: [UInt32] = []
        private var base: UInt64 = 0
        private var index = 0

        /// - Parameter end: the largest position to give.
        init(_ parts: [Part], from start: UInt64, through end: UInt64) {
            self.parts = parts
            self.end = end
            let key = UInt32(start >> 32)
            partIndex = parts.firstIndex { $0.key >= key } ?? parts.count
            let isWithin = partIndex < parts.count && parts[partIndex].key == key
            self.start = isWithin ? UInt32(truncatingIfNeeded: start) : 0
        }

        public mutating func next() -> UInt64? {
            if index == batch.count && !refill() { return nil }
            let position = base | UInt64(batch[index])
            guard position <= end else {
                partIndex = parts.count
                batch = []
                index = 0
                return nil
            }
            index += 1
            return position
        }

        private mutating func refill() -> Bool {
            while partIndex < parts.count {
                base = UInt64(parts[partIndex].key) << 32
                read(parts[partIndex].storage)
                if let last = batch.last, last < .max {
                    start = last + 1
                } else {
                    partIndex += 1
                    start = 0
                }
                if !batch.isEmpty { return true }
            }
            return false
        }

        private mutating func read(_ storage: RoaringStorage) {
            let start = start
            batch = [UInt32](unsafeUninitializedCapacity: Self.batchSize) { buffer, count in
                var iterator = roaring_uint32_iterator_t()
                roaring_init_iterator(storage.pointer, &iterator)
                roaring_move_uint32_iterator_equalorlarger(&iterator, start)
                guard iterator.has_value else { return }
                count = Int(roaring_read_uint32_iterator(&iterator, buffer.baseAddress, UInt32(Self.batchSize)))
            }
            index = 0
        }
    }

    public func makeIterator() -> Iterator { Iterator(parts, from: 0, through: .max) }

    public var underestimatedCount: Int { count }

    /// The positions that lie in `range`, in ascending order.
    ///
    /// The way to drop deleted rows: ask once for the rows of a batch, and walk along.
    public func positions(in range: Range<UInt64>) -> [UInt64] {
        guard !range.isEmpty else { return [] }
        var iterator = Iterator(parts, from: range.lowerBound, through: range.upperBound - 1)
        var result: [UInt64] = []
        while let position = iterator.next() { result.append(position) }
        return result
    }

    /// How many positions lie in `range`; cheaper than to list them.
    public func count(in range: Range<UInt64>) -> Int {
        guard !range.isEmpty else { return 0 }
        var count = 0
        for part in parts {
            let base = UInt64(part.key) << 32
            let last = base | UInt64(UInt32.max)
            guard base < range.upperBound, last >= range.lowerBound else { continue }
            let low = Swift.max(range.lowerBound, base) - base
            let high = Swift.min(range.upperBound - 1, last) - base + 1
            count += Int(roaring_bitmap_range_cardinality(part.storage.pointer, low, high))
        }
        return count
    }
}
