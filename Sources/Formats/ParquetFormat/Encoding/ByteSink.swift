/// A growing run of raw bytes for the hot loops: what is reserved can be written through a pointer.
struct ByteSink: ~Copyable {
    private(set) var base: UnsafeMutableRawPointer
    private(set) var count = 0
    private var capacity: Int

    init(capacity: Int = 4096) {
        self.capacity = max(capacity, 64)
        base = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    mutating func removeAll() { count = 0 }

    /// Makes room for `extra` more bytes and returns where they go; `advance` then says how many were written.
    mutating func reserve(_ extra: Int) -> UnsafeMutableRawPointer {
        if count + extra > capacity {
            let grown = max(capacity * 2, count + extra)
            let target = UnsafeMutableRawPointer.allocate(byteCount: grown, alignment: 16)
            target.copyMemory(from: base, byteCount: count)
            base.deallocate()
            base = target
            capacity = grown
        }
        return base + count
    }

    mutating func advance(_ written: Int) {
        precondition(written >= 0 && count + written <= capacity, "more written than reserved")
        count += written
    }

    mutating func append(_ source: UnsafeRawBufferPointer) {
        guard let from = source.baseAddress else { return }
        reserve(source.count).copyMemory(from: from, byteCount: source.count)
        count += source.count
    }

    mutating func append(byte: UInt8) {
        reserve(1).storeBytes(of: byte, as: UInt8.self)
        count += 1
    }

    mutating func append(varint value: UInt64) {
        let target = reserve(10)
        var rest = value
        var length = 0
        while rest >= 0x80 {
            (target + length).storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, as: UInt8.self)
            rest >>= 7
            length += 1
        }
        (target + length).storeBytes(of: UInt8(truncatingIfNeeded: rest), as: UInt8.self)
        count += length + 1
    }

    mutating func append(littleEndian value: UInt32) {
        reserve(4).storeBytes(of: value.littleEndian, as: UInt32.self)
        count += 4
    }

    /// Overwrites four bytes appended before.
    mutating func patch(littleEndian value: UInt32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= count, "a patch outside of what was written")
        (base + offset).storeBytes(of: value.littleEndian, as: UInt32.self)
    }
}

/// Copies few bytes without a call: text values are short, and a call to memcpy costs more than the copy.
@inline(__always)
func copyShort(_ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ length: Int) {
    if length >= 8 {
        if length <= 16 {
            let first = source.loadUnaligned(as: UInt64.self)
            let last = source.loadUnaligned(fromByteOffset: length - 8, as: UInt64.self)
            target.storeBytes(of: first, as: UInt64.self)
            target.storeBytes(of: last, toByteOffset: length - 8, as: UInt64.self)
        } else if length <= 32 {
            let first = source.loadUnaligned(as: SIMD16<UInt8>.self)
            let last = source.loadUnaligned(fromByteOffset: length - 16, as: SIMD16<UInt8>.self)
            target.storeBytes(of: first, as: SIMD16<UInt8>.self)
            target.storeBytes(of: last, toByteOffset: length - 16, as: SIMD16<UInt8>.self)
        } else {
            target.copyMemory(from: source, byteCount: length)
        }
    } else if length >= 4 {
        let first = source.loadUnaligned(as: UInt32.self)
        let last = source.loadUnaligned(fromByteOffset: length - 4, as: UInt32.self)
        target.storeBytes(of: first, as: UInt32.self)
        target.storeBytes(of: last, toByteOffset: length - 4, as: UInt32.self)
    } else if length > 0 {
        let (first, middle, last) = (
            source.load(as: UInt8.self), source.load(fromByteOffset: length / 2, as: UInt8.self),
            source.load(fromByteOffset: length - 1, as: UInt8.self)
        )
        target.storeBytes(of: first, as: UInt8.self)
        target.storeBytes(of: middle, toByteOffset: length / 2, as: UInt8.self)
        target.storeBytes(of: last, toByteOffset: length - 1, as: UInt8.self)
    }
}
